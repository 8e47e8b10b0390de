"""The site itself: machines boot, admit whom they should, can't get out, leave nothing, killed or not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, ssh, watch
from tests.site.groups import host_groups
from tests.site.identity import Identity
from tests.site.spec import SiteSpec
from tests.site.traces import traces

pytestmark = [pytest.mark.site, pytest.mark.story]

SPEC = SiteSpec("selftest", IPv4Network("10.79.200.0/24"), 6, ("bookworm", "trixie"))
KILLED = SiteSpec("killtest", IPv4Network("10.79.201.0/24"), 1)


def quiet(_text: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def site() -> Iterator[SiteSpec]:
    lifecycle.up(SPEC, quiet)
    yield SPEC
    lifecycle.down(SPEC.name, quiet)


def test_machines_are_told_apart(site: SiteSpec) -> None:
    script = "uname -n; cat /etc/machine-id; systemctl is-system-running --wait"
    answers = [ssh.on(site, machine, script).split() for machine in site.machines]
    assert [answer[0] for answer in answers] == [f"node-{n}" for n in range(1, 7)]
    assert len({answer[1] for answer in answers}) == 6
    assert {answer[2] for answer in answers} == {"running"}


def test_machines_of_two_releases_are_in_one_site(site: SiteSpec) -> None:
    script = ". /etc/os-release; echo $VERSION_CODENAME"
    suites = [ssh.on(site, machine, script).strip() for machine in site.machines]
    assert suites == ["bookworm", "trixie"] * 3


def test_machines_reach_each_other(site: SiteSpec) -> None:
    first, second = site.machines[:2]
    answer = ssh.on(
        site, first, f"exec 3<>/dev/tcp/{second.address}/22; head -c 8 <&3".join(("bash -c '", "'"))
    )
    assert answer == "SSH-2.0-"


def test_sudo_asks_whom_it_should(site: SiteSpec) -> None:
    machine = site.machines[1]
    assert ssh.on(site, machine, "sudo -n id -u", user="ops").strip() == "0"
    assert ssh.try_on(site, machine, "sudo -n id -u", user="clerk").returncode != 0
    password = Identity(site.run_dir).password.read_text()
    given = f"sudo -S -p '' id -u <<'EOF'\n{password}\nEOF\n"
    assert ssh.on(site, machine, given, user="clerk").strip() == "0"


def test_kubernetes_needs_come_with_the_bundle_alone(site: SiteSpec) -> None:
    for command in ("containerd", "runc", "iptables", "conntrack", "socat", "kubelet", "python3"):
        assert ssh.try_on(site, site.machines[0], f"command -v {command}").returncode != 0, command


def test_var_lib_is_no_overlay(site: SiteSpec) -> None:
    assert ssh.on(site, site.machines[0], "stat -f -c %T /var/lib").strip() != "overlayfs"


def test_what_tries_to_leave_is_seen_and_goes_nowhere(site: SiteSpec) -> None:
    before = len(watch.seen(site))
    machine = site.machines[0]
    assert ssh.try_on(site, machine, "getent hosts registry.example.org").returncode != 0
    assert ssh.try_on(site, machine, "timeout 2 bash -c '> /dev/tcp/192.0.2.9/443'").returncode != 0
    seen = watch.seen(site)[before:]
    assert {"registry.example.org"} <= {each.detail for each in seen if each.target == "name"}
    assert ("192.0.2.9", "tcp 443") in {(each.target, each.detail) for each in seen}
    assert {each.source for each in seen} == {str(machine.address)}


def test_up_again_does_nothing(site: SiteSpec) -> None:
    said: list[str] = []
    lifecycle.up(site, said.append)
    assert said == ["Site selftest is up already."]


def test_up_with_other_parameters_is_refused(site: SiteSpec) -> None:
    with pytest.raises(BundlerError) as caught:
        lifecycle.up(SiteSpec(site.name, site.subnet, 3, site.suites), quiet)
    assert caught.value.code is ExitCode.USAGE


def test_a_second_site_on_the_same_addresses_is_refused(site: SiteSpec) -> None:
    with pytest.raises(BundlerError, match="already uses"):
        lifecycle.up(SiteSpec("other", site.subnet, 1), quiet)
    assert "other" not in lifecycle.names()


def test_down_leaves_nothing() -> None:
    before = traces(KILLED.name)
    lifecycle.up(KILLED, quiet)
    assert traces(KILLED.name) != before
    lifecycle.down(KILLED.name, quiet)
    assert traces(KILLED.name) == before


@pytest.mark.parametrize("entries", [1, 3, 4, 5, 6, 10, 11])
def test_down_cleans_up_after_a_kill_at_any_moment(entries: int, tmp_path: Path) -> None:
    """`up` is killed with SIGKILL once its undo journal has so many entries."""
    before = traces(KILLED.name)
    argv = [sys.executable, "-m", "tests.site", "up", "--name", KILLED.name, "--machines", "1"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([*argv, "--subnet", str(KILLED.subnet)], stdout=out, stderr=out)
        _wait_for_entries(KILLED.run_dir / "undo.jsonl", entries)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    lifecycle.down(KILLED.name, quiet)
    assert traces(KILLED.name) == before


def test_a_group_is_gone_however_many_processes_die_in_it(tmp_path: Path) -> None:
    """The kernel holds a cgroup a moment longer than it lists processes in it."""
    groups, before = host_groups(), traces("crowd")
    crowd = ("sh", "-c", "for i in $(seq 40); do sleep 60 & done; wait")
    for pause in (0, 0.002, 0.01, 0.05) * 5:
        groups.start("bundler-site-crowd", crowd, {}, tmp_path / "log")
        time.sleep(pause)
        groups.remove("bundler-site-crowd")
        assert traces("crowd")["cgroups"] == before["cgroups"]


def _wait_for_entries(journal: Path, entries: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if len(journal.read_text().splitlines()) >= entries:
                return
        time.sleep(0.002)
    pytest.fail(f"{journal} never had {entries} entries")
