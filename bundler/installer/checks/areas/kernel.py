"""Kernel modules, settings and limits."""

from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, always, below, least, most
from bundler.installer.checks.look import each
from bundler.installer.checks.model import Area, Check, Fix, Look, Seen, listed
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
KEYS: Final = (
    *("net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/all/arp_ignore"),
    *("net/ipv4/conf/all/arp_filter", "fs/inotify/max_user_watches", "fs/inotify/max_user_instances"),
    *("kernel/pid_max", "kernel/modules_disabled", "fs/file-max", "vm/overcommit_memory", "vm/panic_on_oom"),
    *("user/max_user_namespaces", "net/ipv4/ip_local_port_range", "net/ipv4/tcp_tw_reuse"),
    *("net/bridge/bridge-nf-call-iptables", "kernel/threads-max", "fs/may_detach_mounts"),
)


def _module(name: str) -> Look:
    def measure(seen: Seen) -> str:
        state = seen.probe.modules.get(name)
        if state is None:
            raise UnmeasuredError(f"nobody can say whether {name} is built into the kernel")
        return "neither loaded nor to be loaded" if state == "missing" else ""

    return each(measure)


def _netfilter(seen: Seen) -> str:
    states = {seen.probe.modules.get(name, "") for name in ("nf_tables", "ip_tables")}
    if states == {""}:
        raise UnmeasuredError("nobody can say what is built into the kernel")
    return "neither nf_tables nor ip_tables" if states == {"missing"} else ""


def _locked(seen: Seen) -> str:
    needed = [name for name in ("overlay", "br_netfilter") if seen.probe.modules.get(name) == "loadable"]
    return (
        f"{listed(needed)} can't be loaded any more"
        if seen.probe.sysctl("kernel/modules_disabled") and needed
        else ""
    )


def _low(key: str, limit: str) -> Look:
    def measure(seen: Seen) -> str:
        value = seen.probe.sysctl(key)
        return below(value, getattr(seen.limits, limit), f"{value:,}")

    return each(measure)


def _equal(key: str, bad: int, text: str) -> Look:
    return each(lambda seen: text if seen.probe.sysctl(key) == bad else "")


def _odd(key: str) -> Look:
    return each(lambda seen: f"{seen.probe.sysctl(key)}" if seen.probe.sysctl(key) else "")


def _count(name: str, limit: str) -> Look:
    """A limit of processes: a number, or a word for none."""

    def measure(seen: Seen) -> str:
        text = seen.probe.text(name)
        if text in {"unlimited", "infinity"}:
            return ""
        value = seen.probe.number(name)
        return below(value, getattr(seen.limits, limit), f"{value:,.0f}")

    return each(measure)


def _conntrack(seen: Seen) -> str:
    used = 100 * seen.probe.number("conntrack") / max(seen.probe.number("conntrack-max"), 1)
    return above(used, seen.limits.conntrack_used, f"{used:.0f}%")


def _ports(seen: Seen) -> str:
    first = seen.probe.sysctl("net/ipv4/ip_local_port_range")
    return f"from {first:,} on" if first < 10_260 else ""


def _undone(seen: Seen) -> str:
    return listed(seen.probe.says("sysctl-after").split())


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
        "sysctl-undone",
        _A,
        WARNING,
        "no file turns forwarding off at boot",
        "pods lose each other after the next boot",
        "take net.ipv4.ip_forward = 0 out of that file",
        each(_undone),
        always("none"),
    ),
    Check(
        "inotify-watches",
        _A,
        WARNING,
        "inotify watches",
        "log agents run out of watches",
        "--fix sets the sysctl",
        _low("fs/inotify/max_user_watches", "inotify_watches"),
        least("inotify_watches"),
        fix_by=Fix.SYSCTL,
        setting="fs/inotify/max_user_watches",
    ),
    Check(
        "inotify-instances",
        _A,
        WARNING,
        "inotify instances",
        "kubelet and log agents fail with `too many open files`",
        "--fix sets the sysctl",
        _low("fs/inotify/max_user_instances", "inotify_instances"),
        least("inotify_instances"),
        fix_by=Fix.SYSCTL,
        setting="fs/inotify/max_user_instances",
    ),
    Check(
        "pid-max",
        _A,
        WARNING,
        "numbers of processes",
        "no process can be started on a full node",
        "--fix sets the sysctl",
        _low("kernel/pid_max", "pids"),
        least("pids"),
        fix_by=Fix.SYSCTL,
        setting="kernel/pid_max",
    ),
    Check(
        "file-max",
        _A,
        WARNING,
        "open files of the whole host",
        "files can't be opened on a full node",
        "--fix sets the sysctl",
        _low("fs/file-max", "file_handles"),
        least("file_handles"),
        fix_by=Fix.SYSCTL,
        setting="fs/file-max",
    ),
    Check(
        "open-files",
        _A,
        WARNING,
        "open files of a service",
        "etcd and containerd run out of them",
        "raise DefaultLimitNOFILE in /etc/systemd/system.conf",
        _count("nofile-hard", "open_files"),
        least("open_files"),
    ),
    Check(
        "process-limit",
        _A,
        WARNING,
        "processes of root",
        "no process can be started on a full node",
        "raise nproc in /etc/security/limits.conf",
        _count("processes", "processes"),
        least("processes"),
    ),
    Check(
        "rp-filter",
        _A,
        WARNING,
        "packets may come another way than they go",
        "network plug-ins lose packets between nodes",
        "--fix sets net.ipv4.conf.all.rp_filter to 2",
        _equal("net/ipv4/conf/all/rp_filter", 1, "1 (strict)"),
        always("0 or 2"),
        fix_by=Fix.SYSCTL,
        setting="net/ipv4/conf/all/rp_filter",
    ),
    Check(
        "arp-ignore",
        _A,
        WARNING,
        "the host answers for all its addresses",
        "a virtual address is not found",
        "set net.ipv4.conf.all.arp_ignore to 0",
        _odd("net/ipv4/conf/all/arp_ignore"),
        always("0"),
    ),
    Check(
        "arp-filter",
        _A,
        WARNING,
        "the host answers on every interface",
        "a virtual address is not found",
        "set net.ipv4.conf.all.arp_filter to 0",
        _odd("net/ipv4/conf/all/arp_filter"),
        always("0"),
    ),
    Check(
        "overcommit",
        _A,
        WARNING,
        "memory may be promised before it is used",
        "programs that reserve much do not start",
        "set vm.overcommit_memory to 1",
        _equal("vm/overcommit_memory", 2, "2 (never)"),
        always("0 or 1"),
    ),
    Check(
        "panic-on-oom",
        _A,
        WARNING,
        "the host survives a lack of memory",
        "one greedy pod reboots the node",
        "set vm.panic_on_oom to 0",
        _odd("vm/panic_on_oom"),
        always("0"),
    ),
    Check(
        "user-namespaces",
        _A,
        NOTE,
        "user namespaces are allowed",
        "pods with hostUsers: false do not start",
        "set user.max_user_namespaces to 63535",
        _equal("user/max_user_namespaces", 0, "0"),
        always("more than 0"),
    ),
    Check(
        "local-ports",
        _A,
        WARNING,
        "connections leave Kubernetes' ports alone",
        "a connection may take a port that the kubelet wants",
        "set net.ipv4.ip_local_port_range to 32768 60999",
        each(_ports),
        always("from 10,260 on"),
    ),
    Check(
        "conntrack-full",
        _A,
        WARNING,
        "the table of connections has room",
        "new connections are dropped",
        "raise net.netfilter.nf_conntrack_max",
        each(_conntrack),
        most("conntrack_used"),
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
