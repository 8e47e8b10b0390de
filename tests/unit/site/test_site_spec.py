"""What a site's parameters give, and which are refused."""

from ipaddress import IPv4Network

import pytest

from bundler.core.errors import BundlerError, ExitCode
from tests.site.spec import SiteSpec, from_json


def test_machines_have_names_and_addresses_of_their_own() -> None:
    spec = SiteSpec("lab", IPv4Network("10.79.0.0/24"), 3)
    assert [(m.name, str(m.address)) for m in spec.machines] == [
        ("node-1", "10.79.0.11"),
        ("node-2", "10.79.0.12"),
        ("node-3", "10.79.0.13"),
    ]
    assert {spec.gateway, spec.host_address}.isdisjoint(m.address for m in spec.machines)


def test_device_names_fit_the_kernel() -> None:
    assert len(SiteSpec("a" * 31).host_link) <= 15
    assert SiteSpec("one").host_link != SiteSpec("two").host_link


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "a" * 32, "-a"])
def test_names_that_would_climb_or_break_are_refused(name: str) -> None:
    with pytest.raises(BundlerError) as caught:
        SiteSpec(name)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("suites", "given"),
    [
        (("trixie",), ("trixie", "trixie", "trixie")),
        (("bookworm", "trixie"), ("bookworm", "trixie", "bookworm")),
        (("bookworm", "bookworm", "trixie", "trixie"), ("bookworm", "bookworm", "trixie")),
    ],
)
def test_suites_go_round(suites: tuple[str, ...], given: tuple[str, ...]) -> None:
    assert tuple(machine.suite for machine in SiteSpec(count=3, suites=suites).machines) == given


@pytest.mark.parametrize("suites", [(), ("",), ("bookworm", ""), ("../x",), ("Trixie",)])
def test_suites_that_are_none_are_refused(suites: tuple[str, ...]) -> None:
    with pytest.raises(BundlerError, match="suites"):
        SiteSpec(suites=suites)


@pytest.mark.parametrize("disk", [0, -1, 1025])
def test_odd_disks_are_refused(disk: int) -> None:
    with pytest.raises(BundlerError, match="disk"):
        SiteSpec(disk=disk)


@pytest.mark.parametrize("count", [0, -1, 65])
def test_odd_counts_are_refused(count: int) -> None:
    with pytest.raises(BundlerError):
        SiteSpec(count=count)


def test_a_subnet_too_small_is_refused() -> None:
    with pytest.raises(BundlerError):
        SiteSpec(subnet=IPv4Network("10.79.0.0/29"))


@pytest.mark.parametrize("wish", ["node-2", "2", "10.77.0.12"])
def test_a_machine_is_found_by_name_number_and_address(wish: str) -> None:
    assert SiteSpec().machine(wish).name == "node-2"


def test_an_unknown_machine_is_told_with_the_known() -> None:
    with pytest.raises(BundlerError, match="node-1, node-2"):
        SiteSpec().machine("node-9")


def test_json_round_trip() -> None:
    spec = SiteSpec("x", IPv4Network("10.80.0.0/22"), 5, ("bookworm", "trixie"), 20)
    assert from_json(spec.to_json()) == spec


def test_a_site_of_an_older_checkout_is_read() -> None:
    older: dict[str, str | int] = {"name": "x", "subnet": "10.80.0.0/24", "count": 3, "suite": "bookworm"}
    assert from_json(older) == SiteSpec("x", IPv4Network("10.80.0.0/24"), 3)
