"""Operating system, processor and memory."""

import re
from typing import Final

from bundler.installer.checks.areas.build import (
    ERROR,
    NOTE,
    WARNING,
    above,
    always,
    below,
    least,
    mib,
    most,
)
from bundler.installer.checks.look import each, fresh
from bundler.installer.checks.model import Area, Check, Fix, Seen, listed
from bundler.installer.checks.probe import UnmeasuredError
from bundler.installer.facts.model import CgroupVersion

_KERNEL: Final = (4, 19)
_KERNEL_V2: Final = (5, 8)
_SYSTEMD: Final = 244
_CONTROLLERS: Final = ("cpu", "cpuset", "memory", "pids")
_V1_NAMES: Final = {"#subsys_name"}
_X86_V2: Final = ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")
_SLOW_CLOCKS: Final = frozenset({"hpet", "acpi_pm", "jiffies", "pit", "refined-jiffies"})


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


def _clocksource(seen: Seen) -> str:
    name = seen.probe.text("clocksource")
    return name if name in _SLOW_CLOCKS else ""


def _level(seen: Seen) -> str:
    if seen.facts.architecture != "amd64":
        return ""
    there = seen.probe.text("flags").split()
    missing = [name for name in _X86_V2 if name not in there]
    return f"no {', '.join(missing)}" if missing else ""


def _load(seen: Seen) -> str:
    load = seen.probe.number("load5") / max(seen.facts.cpus, 1)
    return above(load, seen.limits.load, f"{load:.1f} per CPU")


def _steal(seen: Seen) -> str:
    share = 100 * seen.probe.number("cpu-steal") / max(seen.probe.number("cpu-total"), 1)
    return above(share, seen.limits.steal, f"{share:.0f}%")


def _available(seen: Seen) -> str:
    free = seen.probe.number("available") * 1024
    return below(free, seen.limits.memory_available, mib(free))


def _swap(seen: Seen) -> str:
    size = seen.probe.number("swap") * 1024
    return mib(size) if size else ""


def _swap_later(seen: Seen) -> str:
    off = not seen.probe.number("swap")
    return "/etc/fstab has swap, which is off now" if off and seen.probe.number("fstab-swap") else ""


def _hugepages(seen: Seen) -> str:
    taken = seen.probe.number("hugepages") * seen.probe.number("hugepage-size") * 1024
    share = 100 * taken / max(seen.facts.memory, 1)
    return above(share, seen.limits.hugepages, f"{mib(taken)} of {mib(seen.facts.memory)}")


def _oom(seen: Seen) -> str:
    kills = seen.probe.number("oom-kills")
    return f"{kills:,.0f} since the boot" if kills else ""


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


_S, _H = Area.SYSTEM, Area.HARDWARE

CHECKS: Final = (
    Check(
        "kernel-old",
        _S,
        ERROR,
        "the kernel is new enough",
        "kubelet and containerd need what newer ones have",
        "install a newer kernel or release of the system",
        each(_kernel),
        always("at least 4.19"),
    ),
    Check(
        "kernel-cgroup",
        _S,
        WARNING,
        "the kernel is new enough for cgroup v2",
        "memory limits and freezing of groups have known faults before it",
        "install a newer kernel",
        each(_kernel_v2),
        always("at least 5.8 with cgroup v2"),
    ),
    Check(
        "cgroup-controllers",
        _S,
        ERROR,
        "the kubelet's cgroup controllers are there",
        "the kubelet does not start",
        "boot with cgroup_enable=memory cgroup_enable=cpuset, and without cgroup_disable=",
        each(_controllers),
        always("cpu, cpuset, memory, pids"),
    ),
    Check(
        "init-system",
        _S,
        ERROR,
        "systemd runs the host",
        "kubelet, containerd and the registry are systemd's units",
        "use a system with systemd",
        each(_pid1),
        always("systemd as process 1"),
    ),
    Check(
        "systemd-old",
        _S,
        WARNING,
        "systemd is new enough for cgroup v2",
        "cpuset limits of pods are not set",
        "install a newer release of the system",
        each(_systemd),
        always("at least 244"),
    ),
    Check(
        "system-state",
        _S,
        WARNING,
        "the boot is over",
        "units that are still to come may take ports or restart the network",
        "wait, or look at: systemctl list-jobs",
        each(_state),
    ),
    Check(
        "units-failed",
        _S,
        NOTE,
        "no unit has failed",
        "what failed may be missed later",
        "systemctl status UNIT; then systemctl reset-failed",
        each(_failed),
        always("none"),
    ),
    Check(
        "reboot-pending",
        _S,
        WARNING,
        "no reboot is pending",
        "the host runs a kernel or library that is no longer installed",
        "reboot it before the install",
        each(_reboot),
    ),
    Check(
        "auto-updates",
        _S,
        WARNING,
        "the system does not update itself",
        "containerd and the kernel are replaced under running pods, on all hosts in the same night",
        "stop it, or leave out kernel, containerd and runc: systemctl disable --now unattended-upgrades",
        each(_updates),
        always("off"),
    ),
    Check(
        "package-lock",
        _S,
        WARNING,
        "nobody is installing packages now",
        "packages of the bundle could not be installed",
        "wait until it has ended",
        each(_package_lock),
    ),
    Check(
        "package-fault",
        _S,
        ERROR,
        "no package is half installed",
        "the package manager refuses to work",
        "dpkg --configure -a",
        each(_package_fault),
    ),
    Check(
        "fips-mode",
        _S,
        NOTE,
        "FIPS mode",
        "programs that the vendor did not build for it may refuse their own ciphers",
        "ask the vendor whether the product is meant for it",
        each(_fips),
    ),
    Check(
        "container-host",
        _S,
        WARNING,
        "the host has a kernel of its own",
        "modules and kernel settings are the outer host's",
        "use a virtual machine",
        each(_odd_container),
        always("a machine"),
    ),
    Check(
        "cpu-level",
        _H,
        WARNING,
        "the processor is of level x86-64-v2",
        "images of today's distributions do not start",
        "give the virtual machine the host's CPU model",
        each(_level),
        always("x86-64-v2"),
    ),
    Check(
        "cpu-load",
        _H,
        WARNING,
        "the host is not busy",
        "etcd and the kubelet time out",
        "stop what keeps it busy: top",
        each(_load),
        most("load"),
    ),
    Check(
        "cpu-steal",
        _H,
        WARNING,
        "the hypervisor gives the CPUs that it promised",
        "etcd loses its leader now and then",
        "move the machine to a hypervisor that is less full",
        each(_steal),
        most("steal"),
    ),
    Check(
        "clock-source",
        _H,
        WARNING,
        "the kernel's clock is cheap to read",
        "every call of the clock is slow",
        "set the machine's clock source to kvm-clock or tsc",
        each(_clocksource),
        always("tsc, kvm-clock or the like"),
    ),
    Check(
        "memory-available",
        _H,
        WARNING,
        "memory is free now",
        "pods are evicted as soon as they start",
        "stop what uses it, or give the machine more",
        each(_available, fresh),
        least("memory_available"),
    ),
    Check(
        "hugepages",
        _H,
        WARNING,
        "huge pages leave memory for pods",
        "what is set aside as huge pages is no pod's memory",
        "lower vm.nr_hugepages",
        each(_hugepages),
        most("hugepages"),
    ),
    Check(
        "oom-kills",
        _H,
        NOTE,
        "memory has not run out since the boot",
        "something here needs more memory than there is",
        "journalctl -k | grep -i 'out of memory'",
        each(_oom),
        always("none"),
    ),
    Check(
        "swap-on",
        _H,
        WARNING,
        "swap is off",
        "memory limits do not hold",
        "--fix turns it off and comments it out in /etc/fstab",
        each(_swap),
        always("must be off"),
        fix_by=Fix.SWAP,
    ),
    Check(
        "swap-later",
        _H,
        NOTE,
        "swap stays off after a reboot",
        "it comes back with the next boot",
        "comment it out in /etc/fstab",
        each(_swap_later),
        fix_by=Fix.SWAP,
    ),
)
