"""Processor and memory."""

from typing import Final

from bundler.installer.checks.areas.build import (
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
from bundler.installer.checks.model import Area, Check, Fix, Seen

_X86_V2: Final = ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")
_SLOW_CLOCKS: Final = frozenset({"hpet", "acpi_pm", "jiffies", "pit", "refined-jiffies"})


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


_A: Final = Area.HARDWARE

CHECKS: Final = (
    Check(
        "cpu-level",
        _A,
        WARNING,
        "the processor is of level x86-64-v2",
        "images of today's distributions do not start",
        "give the virtual machine the host's CPU model",
        each(_level),
        always("x86-64-v2"),
    ),
    Check(
        "cpu-load",
        _A,
        WARNING,
        "the host is not busy",
        "etcd and the kubelet time out",
        "stop what keeps it busy: top",
        each(_load),
        most("load"),
    ),
    Check(
        "cpu-steal",
        _A,
        WARNING,
        "the hypervisor gives the CPUs that it promised",
        "etcd loses its leader now and then",
        "move the machine to a hypervisor that is less full",
        each(_steal),
        most("steal"),
    ),
    Check(
        "clock-source",
        _A,
        WARNING,
        "the kernel's clock is cheap to read",
        "every call of the clock is slow",
        "set the machine's clock source to kvm-clock or tsc",
        each(_clocksource),
        always("tsc, kvm-clock or the like"),
    ),
    Check(
        "memory-available",
        _A,
        WARNING,
        "memory is free now",
        "pods are evicted as soon as they start",
        "stop what uses it, or give the machine more",
        each(_available, fresh),
        least("memory_available"),
    ),
    Check(
        "hugepages",
        _A,
        WARNING,
        "huge pages leave memory for pods",
        "what is set aside as huge pages is no pod's memory",
        "lower vm.nr_hugepages",
        each(_hugepages),
        most("hugepages"),
    ),
    Check(
        "oom-kills",
        _A,
        NOTE,
        "memory has not run out since the boot",
        "something here needs more memory than there is",
        "journalctl -k | grep -i 'out of memory'",
        each(_oom),
        always("none"),
    ),
    Check(
        "swap-on",
        _A,
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
        _A,
        NOTE,
        "swap stays off after a reboot",
        "it comes back with the next boot",
        "comment it out in /etc/fstab",
        each(_swap_later),
        fix_by=Fix.SWAP,
    ),
)
