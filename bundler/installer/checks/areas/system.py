"""The operating system and its packages."""

import re
from typing import Final

from bundler.installer.checks.areas.build import (
    ERROR,
    NOTE,
    WARNING,
    always,
    below,
)
from bundler.installer.checks.look import each
from bundler.installer.checks.model import Area, Check, Seen, listed
from bundler.installer.checks.probe import UnmeasuredError
from bundler.installer.facts.model import CgroupVersion

_KERNEL: Final = (4, 19)
_KERNEL_V2: Final = (5, 8)
_SYSTEMD: Final = 244
_CONTROLLERS: Final = ("cpu", "cpuset", "memory", "pids")
_V1_NAMES: Final = {"#subsys_name"}


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"(\d{1,4})\.(\d{1,4})", text)
    if match is None:
        raise UnmeasuredError(f"{text[:40]!r} is no kernel version")
    return int(match[1]), int(match[2])


def _kernel(seen: Seen) -> str:
    return seen.facts.kernel if _version(seen.facts.kernel) < _KERNEL else ""


def _kernel_v2(seen: Seen) -> str:
    old = seen.facts.cgroup is CgroupVersion.V2 and _KERNEL <= _version(seen.facts.kernel) < _KERNEL_V2
    return seen.facts.kernel if old else ""


def _controllers(seen: Seen) -> str:
    there = set(seen.probe.text("controllers").split()) - _V1_NAMES
    missing = [name for name in _CONTROLLERS if name not in there]
    return f"no {', '.join(missing)}" if missing else ""


def _systemd(seen: Seen) -> str:
    version = seen.probe.number("systemd")
    return below(version, _SYSTEMD, f"systemd {version:.0f}")


def _pid1(seen: Seen) -> str:
    name = seen.probe.text("pid1")
    return "" if name == "systemd" else name


def _state(seen: Seen) -> str:
    state = seen.probe.text("state")
    return state if state in {"starting", "stopping", "maintenance", "initializing"} else ""


def _failed(seen: Seen) -> str:
    return listed(seen.probe.says("failed-units").split())


def _reboot(seen: Seen) -> str:
    return "a reboot is pending" if seen.probe.text("reboot") == "yes" else ""


def _updates(seen: Seen) -> str:
    names = {"unattended-upgrades.service", "dnf-automatic.timer", "dnf-automatic-install.timer"}
    return listed(sorted(names & seen.probe.units))


def _fips(seen: Seen) -> str:
    return "on" if seen.probe.says("fips") == "1" else ""


def _package_lock(seen: Seen) -> str:
    held = seen.probe.says("package-lock")
    return f"held by process {held}" if held else ""


def _package_fault(seen: Seen) -> str:
    return seen.probe.says("package-fault")[:80]


def _odd_container(seen: Seen) -> str:
    return (
        seen.facts.virtualisation if seen.facts.virtualisation in {"openvz", "lxc", "docker", "wsl"} else ""
    )


_A: Final = Area.SYSTEM

CHECKS: Final = (
    Check(
        "kernel-old",
        _A,
        ERROR,
        "the kernel is new enough",
        "kubelet and containerd need what newer ones have",
        "install a newer kernel or release of the system",
        each(_kernel),
        always("at least 4.19"),
    ),
    Check(
        "kernel-cgroup",
        _A,
        WARNING,
        "the kernel is new enough for cgroup v2",
        "memory limits and freezing of groups have known faults before it",
        "install a newer kernel",
        each(_kernel_v2),
        always("at least 5.8 with cgroup v2"),
    ),
    Check(
        "cgroup-controllers",
        _A,
        ERROR,
        "the kubelet's cgroup controllers are there",
        "the kubelet does not start",
        "boot with cgroup_enable=memory cgroup_enable=cpuset, and without cgroup_disable=",
        each(_controllers),
        always("cpu, cpuset, memory, pids"),
    ),
    Check(
        "init-system",
        _A,
        ERROR,
        "systemd runs the host",
        "kubelet, containerd and the registry are systemd's units",
        "use a system with systemd",
        each(_pid1),
        always("systemd as process 1"),
    ),
    Check(
        "systemd-old",
        _A,
        WARNING,
        "systemd is new enough for cgroup v2",
        "cpuset limits of pods are not set",
        "install a newer release of the system",
        each(_systemd),
        always("at least 244"),
    ),
    Check(
        "system-state",
        _A,
        WARNING,
        "the boot is over",
        "units that are still to come may take ports or restart the network",
        "wait, or look at: systemctl list-jobs",
        each(_state),
    ),
    Check(
        "units-failed",
        _A,
        NOTE,
        "no unit has failed",
        "whatever failed may be needed later",
        "systemctl status UNIT; then systemctl reset-failed",
        each(_failed),
        always("none"),
    ),
    Check(
        "reboot-pending",
        _A,
        WARNING,
        "no reboot is pending",
        "the host runs a kernel or library that is no longer installed",
        "reboot it before the install",
        each(_reboot),
    ),
    Check(
        "auto-updates",
        _A,
        WARNING,
        "the system does not update itself",
        "containerd and the kernel are replaced under running pods, on all hosts in the same night",
        "stop it, or leave out kernel, containerd and runc: systemctl disable --now unattended-upgrades",
        each(_updates),
        always("off"),
    ),
    Check(
        "package-lock",
        _A,
        WARNING,
        "no package manager is running",
        "packages of the bundle could not be installed",
        "wait until it has ended",
        each(_package_lock),
    ),
    Check(
        "package-fault",
        _A,
        ERROR,
        "no package is half installed",
        "the package manager refuses to work",
        "dpkg --configure -a",
        each(_package_fault),
    ),
    Check(
        "fips-mode",
        _A,
        NOTE,
        "FIPS mode is off",
        "programs not built for it may reject their own ciphers",
        "ask the vendor whether the product supports it",
        each(_fips),
    ),
    Check(
        "container-host",
        _A,
        WARNING,
        "the host has its own kernel",
        "modules and kernel settings are the outer host's",
        "use a virtual machine",
        each(_odd_container),
        always("a machine"),
    ),
)
