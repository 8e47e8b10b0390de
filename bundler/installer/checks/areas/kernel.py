"""The kernel: modules, and what is built into it."""

from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, always
from bundler.installer.checks.look import each
from bundler.installer.checks.model import Area, Check, Look, Seen, listed
from bundler.installer.checks.probe import UnmeasuredError

MODULES: Final = (
    "overlay",
    "br_netfilter",
    "nf_conntrack",
    "nf_tables",
    "ip_tables",
    "vxlan",
    "bridge",
    "veth",
)


def _module(name: str) -> Look:
    def measure(seen: Seen) -> str:
        state = seen.probe.modules.get(name)
        if state is None:
            raise UnmeasuredError(f"it is unknown whether {name} is built into the kernel")
        return "neither loaded nor to be loaded" if state == "missing" else ""

    return each(measure)


def _netfilter(seen: Seen) -> str:
    states = {seen.probe.modules.get(name, "") for name in ("nf_tables", "ip_tables")}
    if states == {""}:
        raise UnmeasuredError("it is unknown what is built into the kernel")
    return "neither nf_tables nor ip_tables" if states == {"missing"} else ""


def _locked(seen: Seen) -> str:
    needed = [name for name in ("overlay", "br_netfilter") if seen.probe.modules.get(name) == "loadable"]
    return (
        f"{listed(needed)} can't be loaded any more"
        if seen.probe.sysctl("kernel/modules_disabled") and needed
        else ""
    )


def _seccomp(seen: Seen) -> str:
    return "the kernel has none" if seen.probe.text("seccomp") == "no" else ""


_A: Final = Area.KERNEL

CHECKS: Final = (
    Check(
        "module-overlay",
        _A,
        ERROR,
        "overlayfs is there",
        "containerd has no place for images",
        "install the kernel's module package; modprobe overlay",
        _module("overlay"),
        always("overlay"),
    ),
    Check(
        "module-bridge-filter",
        _A,
        ERROR,
        "packets over bridges are filtered",
        "Services are not reached from pods on the same host",
        "install the kernel's module package; modprobe br_netfilter",
        _module("br_netfilter"),
        always("br_netfilter"),
    ),
    Check(
        "module-conntrack",
        _A,
        ERROR,
        "connections can be tracked",
        "kube-proxy does not work",
        "install the kernel's module package; modprobe nf_conntrack",
        _module("nf_conntrack"),
        always("nf_conntrack"),
    ),
    Check(
        "module-netfilter",
        _A,
        ERROR,
        "the kernel filters packets",
        "kube-proxy and network plug-ins have nothing to set rules in",
        "install the kernel's module package",
        each(_netfilter),
        always("nf_tables or ip_tables"),
    ),
    Check(
        "module-vxlan",
        _A,
        NOTE,
        "VXLAN is there",
        "network plug-ins that tunnel pods' packets need it",
        "install the kernel's module package",
        _module("vxlan"),
        always("vxlan"),
    ),
    Check(
        "module-veth",
        _A,
        ERROR,
        "pods can have links",
        "no pod gets an address",
        "install the kernel's module package",
        _module("veth"),
        always("veth"),
    ),
    Check(
        "modules-locked",
        _A,
        ERROR,
        "modules can still be loaded",
        "the kernel takes no module until the next boot",
        "load overlay and br_netfilter at boot, before kernel.modules_disabled is set",
        each(_locked),
        always("kernel.modules_disabled = 0"),
    ),
    Check(
        "seccomp",
        _A,
        ERROR,
        "the kernel has seccomp",
        "pods with the default profile do not start",
        "use a kernel with CONFIG_SECCOMP_FILTER",
        each(_seccomp),
        always("there"),
    ),
)
