"""The site's tools that judge and count: footprints, phases, estimates, the Clusterfile that is written."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.installer.site.clusterfile.read import read
from bundler.installer.site.model import Role
from tests.site import block_times, floor, footprint
from tests.site.estimate import Stretch, timed
from tests.site.product import clusterfile
from tests.site.spec import SiteSpec


def test_the_clusterfile_is_one_that_the_product_reads() -> None:
    spec = SiteSpec("lab", IPv4Network("10.79.0.0/24"), 3)
    site = read(clusterfile(spec), "site.yaml")
    assert site.name == "lab"
    assert [(host.address, host.roles) for host in site.hosts] == [
        ("10.79.0.11", frozenset({Role.CONTROL_PLANE})),
        ("10.79.0.12", frozenset({Role.WORKER})),
        ("10.79.0.13", frozenset({Role.WORKER})),
    ]


def test_differences_tell_what_came_and_what_went() -> None:
    before = {"files": frozenset({"/a", "/b"}), "units": frozenset({"x"})}
    after = {"files": frozenset({"/b", "/c"}), "units": frozenset({"x"}), "iptables": frozenset({"-A Y"})}
    assert [(d.section, d.sign, d.line) for d in footprint.differences(before, after)] == [
        ("files", "-", "/a"),
        ("files", "+", "/c"),
        ("iptables", "+", "-A Y"),
    ]


def test_phases_are_read_with_spaces_in_their_names() -> None:
    text = "noise\nphase distribute 1.25\nphase kubeadm init 19.00\nmore noise\n"
    assert floor.parse_phases(text) == {"distribute": 1.25, "kubeadm init": 19.0}


def test_the_table_has_a_row_for_every_phase_and_the_ratio() -> None:
    text = floor.table({"a": 10.0, "b": 10.0}, {"x": 5.0, "y": 6.0, "z": 7.0}, 25.0)
    assert [line.split("|")[3].strip() for line in text.splitlines()[2:5]] == ["x", "y", "z"]
    assert "1.25 times by hand" in text


def test_a_block_is_ready_when_its_last_step_has_ended() -> None:
    steps = [
        {"id": "apps/10.0.0.1/helm-db", "start": 2.0, "seconds": 3.0},
        {"id": "apps/10.0.0.1/helm-web", "start": 3.0, "seconds": 1.0},
        {"id": "apps/10.0.0.1/ready-db", "start": 5.0, "seconds": 7.5},
        {"id": "hosts/10.0.0.1/names", "start": 0.0, "seconds": 1.0},
    ]
    assert block_times.until_ready(steps) == {"db": 10.5, "web": 1.0}


def test_an_estimate_is_what_it_took_last_time(tmp_path: Path) -> None:
    memory, said = tmp_path / "times.json", list[str]()
    stretch = Stretch("build", "Build it", 300)
    for _ in range(2):
        with timed(stretch, "1 of 1", memory, said.append):
            pass
    heads = [line.strip() for line in said if "Build it" in line]
    assert heads == ["[1 of 1] Build it (about 5 min)", "[1 of 1] Build it (about 1 s)"]


def test_a_stretch_that_failed_is_not_remembered(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        timed(Stretch("x", "X", 1), "1 of 1", tmp_path / "t", lambda _: None),
    ):
        _ = 1 // 0
    assert not (tmp_path / "t").exists()
