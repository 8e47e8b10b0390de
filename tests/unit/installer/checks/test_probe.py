"""What the script prints is read, here and for hosts that lie; the script itself is run on this machine."""

import os
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.checks.ask import TIMEOUT, script
from bundler.installer.checks.probe import Answer, UnmeasuredError, parse
from bundler.installer.checks.probe import Path as Way
from bundler.installer.site.model import Host, Role
from tests.kits.transports import private_transport

HERE = "127.0.0.1"


def test_the_script_runs_here_and_leaves_nothing_behind() -> None:
    before = set(Path("/var/lib").iterdir())
    transport = private_transport(HERE)
    host = Host(HERE, frozenset({Role.CONTROL_PLANE}))
    asked = f"link {HERE} 1 2\nblob {'0' * 64}\n".encode()
    outcome = transport.run(script(host), stdin=[asked], timeout=TIMEOUT)
    probe = parse(HERE, outcome.stdout)
    assert set(Path("/var/lib").iterdir()) == before
    assert {(link.port, link.answer) for link in probe.links} == {(1, Answer.REFUSED), (2, Answer.REFUSED)}
    assert probe.sysctl("net/ipv4/ip_forward") in {0, 1}
    assert probe.number("load5") >= 0
    assert probe.text("pid1") == Path("/proc/1/comm").read_text().strip()
    assert "/" in {mount.point for mount in probe.mounts}
    assert probe.spaces["/var/lib"].total > probe.spaces["/var/lib"].free > 0
    if os.access("/var/lib", os.W_OK):
        assert len(probe.fsync) == 100
        assert all(0 < seconds < 60 for seconds in probe.fsync)
        assert probe.write


def test_an_answer_that_is_cut_short_is_no_answer() -> None:
    with pytest.raises(BundlerError, match="cut short") as caught:
        parse(HERE, "@@values\npid1 systemd\n@@sysctls\n")
    assert (caught.value.code, caught.value.why) == (ExitCode.HOST, "it ends after sysctls")


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("links", f"port {HERE} 99999 open 1"),
        ("links", f"port {HERE} 22 sideways 1"),
        ("mtu", f"{HERE} 1500 3 1"),
        ("interfaces", "eth0 02:00 -5 - - up 1 1"),
        ("spaces", "/ /dev/vda1 ten 1 1 1% /"),
        ("disk", "fsync nan"),
        ("disk", "write -1"),
        ("certificates", "/etc/kubernetes/pki/ca.crt !!!"),
        ("cis", "4.2.1 without tabs"),
    ],
)
def test_lines_that_make_no_sense_are_passed_over(section: str, line: str) -> None:
    probe = parse(HERE, f"@@{section}\n{line}\n@@end\n")
    assert probe == parse(HERE, "@@end\n")


def test_numbers_have_bounds() -> None:
    probe = parse(
        HERE, f"@@values\nload5 inf\nswap {'9' * 40}\nsynced \n@@sysctls\nkernel/pid_max 0x10\n@@end\n"
    )
    for name in ("load5", "swap", "synced"):
        with pytest.raises(UnmeasuredError):
            probe.number(name)
    with pytest.raises(UnmeasuredError):
        probe.sysctl("kernel/pid_max")


def test_long_answers_have_an_end() -> None:
    lines = "".join(f"/{number}\n" for number in range(100_000))
    probe = parse(HERE, f"@@traces\n{lines}@@values\nstate {'x' * 10_000}\n@@end\n")
    assert len(probe.traces) == 4096
    assert len(probe.text("state")) == 500


def test_links_and_packets_are_read() -> None:
    probe = parse(HERE, "@@links\nport 10.0.0.3 6443 blocked 1500\n@@mtu\n10.0.0.3 1500 0 1\n@@end\n")
    (link,) = probe.links
    assert (link.address, link.port, link.answer, link.seconds) == ("10.0.0.3", 6443, Answer.BLOCKED, 0.0015)
    assert probe.paths == (Way("10.0.0.3", 1500, 0, 1),)
