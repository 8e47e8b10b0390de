"""Failures of many hosts in few words."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Login, Role, Site
from bundler.installer.transport import parallel
from bundler.installer.transport.connect import Access, check_lost, connect_all
from bundler.installer.transport.parallel import on_each, together


def failing(address: str, why: str = "timed out") -> Callable[[], str]:
    def work() -> str:
        raise BundlerError(
            "no ssh connection", code=ExitCode.HOST, where=f"root@{address}", why=why, fix="look"
        )

    return work


def refused(work: dict[str, Callable[[], str]]) -> BundlerError:
    with pytest.raises(BundlerError) as caught:
        on_each(work, 8)
    return caught.value


def test_equal_failures_of_500_hosts_are_one() -> None:
    work = {f"10.0.{n // 250}.{n % 250 + 1}": failing(f"10.0.{n // 250}.{n % 250 + 1}") for n in range(500)}
    work["10.1.0.1"] = lambda: "fine"
    work["10.0.0.7"] = failing("10.0.0.7", "refused")
    error = refused(work)
    assert error.code is ExitCode.HOST
    assert str(error).splitlines() == [
        "500 of 501 hosts failed, 1 host is fine:",
        "  10.0.0.1-6, 10.0.0.8-250, 10.0.1.1-250 (499): no ssh connection",
        "    why: timed out",
        "    fix: look",
        "  root@10.0.0.7: no ssh connection",
        "    why: refused",
        "    fix: look",
    ]


def test_reasons_without_end_are_cut() -> None:
    error = refused({f"10.0.0.{n}": failing(f"10.0.0.{n}", f"reason {n}") for n in range(1, 100)})
    assert len(str(error).splitlines()) < 45
    assert "and 87 hosts more" in str(error)


def test_one_failure_among_several_tells_that_the_others_are_fine() -> None:
    error = refused({"10.0.0.1": failing("10.0.0.1"), "10.0.0.2": lambda: "x", "10.0.0.3": lambda: "x"})
    assert str(error).startswith("1 of 3 hosts failed, 2 hosts are fine:\n  root@10.0.0.1: no ssh")


def test_waiting_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_TELL_EVERY", 0.2)
    told: list[tuple[int, int, int]] = []
    with pytest.raises(BundlerError):
        on_each(
            {"a": lambda: time.sleep(1.5), "b": failing("b"), "c": lambda: None},
            8,
            lambda *counts: told.append(counts),
        )
    assert told[0] == (1, 1, 3)


def dead_site() -> tuple[Site, socket.socket]:
    """A control plane and two workers at ports where nobody listens."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    login = Login(port=probe.getsockname()[1], key_file="/nowhere")
    hosts = [Host("127.0.0.9", frozenset({Role.CONTROL_PLANE}), login)]
    hosts += [Host(f"127.0.0.1{n}", frozenset({Role.WORKER}), login) for n in (1, 2)]
    return Site("s", tuple(hosts)), probe


def test_no_control_plane_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.installer.transport.connect.own_addresses", frozenset)
    site, probe = dead_site()
    with (
        probe,
        pytest.raises(BundlerError, match="3 of 3 hosts failed"),
    ):
        connect_all(site, Access(Path("/nowhere"), {}, max_failed=9), parallel=4)


def test_so_many_workers_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.installer.transport.connect.own_addresses", lambda: frozenset({"127.0.0.9"}))
    monkeypatch.setattr("bundler.installer.transport.connect.may_be_root", lambda: True)
    site, probe = dead_site()
    access = Access(Path("/nowhere"), {})
    with probe:
        found = connect_all(site, replace(access, max_failed=2), parallel=4)
        assert (list(found.transports), list(found.lost)) == (["127.0.0.9"], ["127.0.0.11", "127.0.0.12"])
        assert [host.address for host in site.without(found.lost).hosts] == ["127.0.0.9"]
        with pytest.raises(
            BundlerError, match=r"2 of 3 hosts failed, 1 host is fine:\n  127.0.0.11-12 \(2\)"
        ):
            connect_all(site, replace(access, max_failed=1), parallel=4)


CONTROL, W1, W2 = "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.mark.parametrize(
    ("lost", "most", "told"),
    [
        ((), 0, ""),
        ((), 9, ""),
        ((W1,), 0, "1 of 3 hosts failed, 2 hosts are fine"),
        ((W1,), 1, ""),
        ((W1,), 9, ""),
        ((W1, W2), 1, "2 of 3 hosts failed, 1 host is fine"),
        ((W1, W2), 2, ""),
        ((CONTROL,), 9, "1 of 3 hosts failed, 2 hosts are fine"),
        ((CONTROL, W1), 9, "2 of 3 hosts failed, 1 host is fine"),
        ((CONTROL, W1, W2), 9, "3 of 3 hosts failed, no host is fine"),
    ],
)
def test_who_may_be_out_of_reach(lost: tuple[str, ...], most: int, told: str) -> None:
    hosts = [Host(CONTROL, frozenset({Role.CONTROL_PLANE}))]
    hosts += [Host(address, frozenset({Role.WORKER})) for address in (W1, W2)]
    errors = {address: BundlerError("no ssh connection", code=ExitCode.HOST) for address in lost}
    with pytest.raises(BundlerError, match=told) if told else contextlib.nullcontext():
        check_lost(Site("s", tuple(hosts)), errors, most)


def test_500_hosts_with_mixed_causes_are_a_few_lines_with_ranges() -> None:
    """Refused, silent, turned away, a changed key and a wrong password, among IPv4 and IPv6."""
    causes = (
        ("no ssh connection", "[Errno 111] Connection refused", ExitCode.HOST),
        ("no ssh connection", "timed out", ExitCode.HOST),
        ("no ssh connection", 'its sshd says "Exceeded MaxStartups", 6 times', ExitCode.HOST),
        (
            "the host's key is changed",
            "it showed ssh-ed25519 SHA256:x, known_hosts says otherwise",
            ExitCode.TRUST,
        ),
        ("the host refused the login", "tried: key /k; the host takes: publickey", ExitCode.HOST),
    )
    addresses = [f"10.0.{n // 200}.{n % 200 + 1}" for n in range(400)] + [
        f"fd00::{n:x}" for n in range(1, 101)
    ]
    failures = {
        address: BundlerError(what, code=code, where=f"root@{address}", why=why, fix="look")
        for number, address in enumerate(addresses)
        for what, why, code in (causes[number // 100],)
    }
    text = str(together(failures, 500))
    assert text.startswith("500 of 500 hosts failed, no host is fine:")
    for line in (
        "10.0.0.1-100 (100)",
        "10.0.0.101-200 (100)",
        "10.0.1.1-100 (100)",
        "fd00::1-fd00::64 (100)",
    ):
        assert line in text
    assert len(text.splitlines()) == 1 + 3 * len(causes)
