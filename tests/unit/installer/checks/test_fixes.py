"""What --fix does: its plan, its scripts under a real shell, and that the ledger takes them back."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.installer.checks.fixes import Fixing, fixing, told
from bundler.installer.checks.judge import judge
from bundler.installer.checks.model import Scene
from bundler.installer.checks.probe import HostProbe
from bundler.installer.checks.table import as_fixed
from bundler.installer.facts.model import Facts
from bundler.installer.plan.limits import DEFAULT_LIMITS
from bundler.installer.plan.steps import Exec
from bundler.installer.plan.vendor import VendorRules
from bundler.installer.scripts import render as templates
from tests.unit.installer.checks import kit
from tests.unit.installer.checks.kit import ONE, TWO
from tests.unit.installer.plan import kit as plans

SITE = plans.site()
LOW = {**kit.SYSCTLS, "fs/inotify/max_user_watches": "8192", "net/ipv4/conf/all/rp_filter": "1"}


def swapping(address: str, **changes: object) -> HostProbe:
    return replace(kit.values(SITE, address, swap=str(2 << 20)), **changes)  # type: ignore[arg-type]  # real fields


def changed(**changes: object) -> Facts:
    found = kit.facts(SITE)
    one = replace(found.hosts[ONE], **changes)  # type: ignore[arg-type]  # real fields
    return replace(found, hosts={**found.hosts, ONE: one})


def fixes(scene: Scene, *ignored: str) -> Fixing:
    return fixing(scene, judge(scene, ignored=frozenset(ignored)))


def scripts(made: Fixing) -> dict[str, tuple[str, ...]]:
    return {
        step.id: step.script.names
        for step in made.plan.steps
        if isinstance(step, Exec) and isinstance(step.script, templates.Script)
    }


def test_a_site_that_is_well_is_left_alone() -> None:
    assert fixes(kit.scene(SITE)) == Fixing(fixes(kit.scene(SITE)).plan)
    assert fixes(kit.scene(SITE)).plan.steps == ()


def test_each_host_gets_one_step_for_each_kind() -> None:
    scene = kit.scene(SITE, {ONE: swapping(ONE, sysctls=LOW), TWO: kit.probe(SITE, TWO, units=frozenset())})
    made = fixes(scene)
    assert scripts(made) == {
        f"host/{ONE}/fix-swap": ("fix-swap.sh",),
        f"host/{ONE}/fix-sysctl": ("fix-sysctl.sh",),
        f"host/{TWO}/fix-time": ("fix-time.sh",),
    }
    sysctl = next(step for step in made.plan.steps if step.id.endswith("sysctl"))
    assert sysctl.reason == "found by check: inotify-watches, rp-filter"
    assert isinstance(sysctl, Exec)
    assert "settings='fs/inotify/max_user_watches=65536 net/ipv4/conf/all/rp_filter=2'" in sysctl.script
    assert all(step.always_run for step in made.plan.steps)


def test_a_vendors_limit_is_what_is_set() -> None:
    rules = VendorRules(limits=replace(DEFAULT_LIMITS, inotify_watches=1_000_000))
    (step,) = fixes(kit.scene(SITE, rules=rules, probes={TWO: swapping(TWO)}), "swap-on").plan.steps[:1]
    assert isinstance(step, Exec)
    assert "fs/inotify/max_user_watches=1000000" in step.script


def test_time_servers_of_the_clusterfile_are_asked() -> None:
    site = replace(SITE, ntp=("192.0.2.123",))
    made = fixes(kit.scene(site, {ONE: kit.probe(SITE, ONE, units=frozenset())}))
    assert scripts(made) == {f"host/{ONE}/fix-time": ("time.sh",)}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"sudo": False}, "commands can't be run as root"),
        ({"foreign_cluster": True}, "the host belongs to another cluster"),
        ({"virtualisation": "lxc"}, "the setting is that of the container's host"),
    ],
)
def test_hosts_that_are_not_ours_to_mend(facts: dict[str, object], why: str) -> None:
    made = fixes(kit.scene(SITE, {ONE: swapping(ONE)}, changed(**facts)))
    assert made.plan.steps == ()
    assert made.alone == ((ONE, "swap-on", why),)


def test_what_somebody_takes_upon_himself_is_not_mended() -> None:
    assert fixes(kit.scene(SITE, {ONE: swapping(ONE)}), "swap-on").plan.steps == ()


def test_what_has_become_of_each_finding() -> None:
    before = judge(kit.scene(SITE, {ONE: swapping(ONE, sysctls=LOW), TWO: swapping(TWO)}))
    after = judge(kit.scene(SITE, {TWO: swapping(TWO)}))
    found = told(before, after, {TWO: "for which there is no memory"}, DEFAULT_LIMITS)
    lines = as_fixed(found, ((TWO, "time-service", "no"),), after).splitlines()
    assert lines == [
        "✓ swap-on          10.0.0.2  2,048 MiB → off; copy of /etc/fstab kept",
        "✗ swap-on          10.0.0.3  2,048 MiB: for which there is no memory",
        "✓ inotify-watches  10.0.0.2  8,192 → 65,536",
        "✓ rp-filter        10.0.0.2  1 (strict) → 2",
        "• time-service: 10.0.0.3 left alone: no",
        "Left: swap-on. `delete` puts it back.   Exit code 18 (FINDINGS)",
    ]


class Host:
    """A folder that stands for a host's /proc, /etc and state."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        for name in ("proc/sys/fs", "etc", "bin", "state"):
            (root / name).mkdir(parents=True)
        (root / "proc/sys/fs/watches").write_text("8192\n")
        (root / "proc/swaps").write_text("Filename Type Size Used Priority\n/dev/vdb2 partition 9 0 -2\n")
        self.memory(swapped=0)
        self.fstab = root / "etc/fstab"
        self.fstab.write_text("# swap\n/dev/vda1 / ext4 rw 0 1\nUUID=x none swap sw 0 0\n")
        self.program("swapoff", f"sed -i 2,9d {root}/proc/swaps")
        self.program("swapon", f'echo "$1 partition 9 0 -2" >>{root}/proc/swaps')
        self.program("systemctl", f'echo "$*" >>{root}/calls; [ "$*" != "cat chrony.service" ]')

    def memory(self, *, swapped: int) -> None:
        text = f"MemAvailable: 4000 kB\nSwapTotal: 9000 kB\nSwapFree: {9000 - swapped} kB\n"
        (self.root / "proc/meminfo").write_text(text)

    def program(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def run(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        text: str = templates.load("ledger.sh") + templates.script(name, **variables)
        text = text.replace("/var/lib/bundler", f"{self.root}/state")
        for path in ("/etc/", "/proc/"):
            text = text.replace(path, f"{self.root}{path}")
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}"}
        return subprocess.run(
            ["sh", "-s"], input=text, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    def well(self, name: str, **variables: str) -> None:
        done = self.run(name, **variables)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_swap_goes_and_comes_back(host: Host) -> None:
    before = host.fstab.read_text()
    host.well("fix-swap.sh")
    assert "vdb2" not in (host.root / "proc/swaps").read_text()
    live = [line for line in host.fstab.read_text().splitlines() if not line.startswith("#")]
    assert live == ["/dev/vda1 / ext4 rw 0 1"]
    host.well("fix-swap.sh")
    host.well("restore.sh")
    assert host.fstab.read_text() == before
    assert (host.root / "proc/swaps").read_text().count("/dev/vdb2 ") == 1


def test_swap_stays_where_its_pages_have_no_room(host: Host) -> None:
    host.memory(swapped=5000)
    before = host.fstab.read_text()
    done = host.run("fix-swap.sh")
    assert done.returncode == 1
    assert "4 MiB are swapped out and do not fit into memory" in done.stderr
    assert host.fstab.read_text() == before
    assert "vdb2" in (host.root / "proc/swaps").read_text()


def test_swap_that_stays_on_is_named(host: Host) -> None:
    host.program("swapoff", ":")
    done = host.run("fix-swap.sh")
    assert (done.returncode, done.stderr) == (1, "still on: /dev/vdb2 \n")


def test_kernel_settings_are_set_kept_and_taken_back(host: Host) -> None:
    setting = host.root / "proc/sys/fs/watches"
    kept = host.root / "etc/sysctl.d/91-bundler-check.conf"
    host.well("fix-sysctl.sh", settings="fs/watches=65536")
    host.well("fix-sysctl.sh", settings="fs/watches=70000")
    assert setting.read_text() == "70000\n"
    assert kept.read_text() == "fs/watches = 70000\n"
    host.well("restore.sh")
    assert setting.read_text() == "8192\n"
    assert not kept.parent.exists()


def test_a_setting_that_the_kernel_lacks(host: Host) -> None:
    done = host.run("fix-sysctl.sh", settings="fs/other=1")
    assert (done.returncode, done.stderr) == (1, "the kernel has no setting fs/other\n")


def test_the_time_service_that_is_there_is_started(host: Host) -> None:
    host.well("fix-time.sh")
    assert (host.root / "calls").read_text().splitlines()[-2:] == [
        "enable -q chronyd.service",
        "restart chronyd.service",
    ]


def test_no_time_service_at_all(host: Host) -> None:
    host.program("systemctl", "exit 1")
    done = host.run("fix-time.sh")
    assert done.returncode == 1
    assert "install chrony" in done.stderr
