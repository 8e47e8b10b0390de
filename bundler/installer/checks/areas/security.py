"""Firewalls, SELinux, AppArmor and what else decides over processes and packets."""

from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, always
from bundler.installer.checks.look import each, fresh
from bundler.installer.checks.model import Area, Check, Seen, listed

_FIREWALLS: Final = ("firewalld.service", "ufw.service", "shorewall.service", "csf.service")
UNITS: Final = (
    *_FIREWALLS,
    "fapolicyd.service",
    "NetworkManager.service",
    "falcon-sensor.service",
    "auditd.service",
)
_AGENTS: Final = ("falcon-sensor.service",)


def _firewall(seen: Seen) -> str:
    return listed(name.removesuffix(".service") for name in _FIREWALLS if name in seen.probe.units)


def _hook(seen: Seen, hook: str) -> str:
    dropping = any(f"hook {hook}" in line and "policy drop" in line for line in seen.probe.chains)
    return "policy drop" if dropping else ""


def _legacy(seen: Seen) -> str:
    both = "legacy" in seen.probe.chains and any("hook" in line for line in seen.probe.chains)
    return "rules in both" if both else ""


def _apparmor(seen: Seen) -> str:
    return (
        "the program is missing" if seen.facts.apparmor and seen.probe.says("apparmor-parser") == "no" else ""
    )


def _selinux(seen: Seen) -> str:
    enforcing = seen.probe.says("selinux") == "1"
    return (
        "enforcing, no container-selinux"
        if enforcing and "container-selinux" not in seen.facts.packages
        else ""
    )


def _fapolicyd(seen: Seen) -> str:
    return "runs" if "fapolicyd.service" in seen.probe.units else ""


def _agent(seen: Seen) -> str:
    return listed(name.removesuffix(".service") for name in _AGENTS if name in seen.probe.units)


def _manager(seen: Seen) -> str:
    managed = "NetworkManager.service" in seen.probe.units
    kept = "/etc/NetworkManager/conf.d" in seen.probe.traces
    return "no file leaves pods' links alone" if managed and not kept else ""


def _oom(seen: Seen) -> str:
    return "" if seen.facts.oom_score_adjustable else "can't be lowered"


_A: Final = Area.SECURITY

CHECKS: Final = (
    Check(
        "firewall",
        _A,
        WARNING,
        "no firewall manages the host's rules",
        "it removes the rules of kube-proxy whenever it is reloaded",
        "stop it, or open the cluster's ports and the pods' subnet in it",
        each(_firewall),
        always("none"),
    ),
    Check(
        "firewall-input",
        _A,
        WARNING,
        "packets to the host are let in",
        "hosts do not reach each other's kubelet and API",
        "open the cluster's ports, or set the input chain's policy to accept",
        each(lambda seen: _hook(seen, "input"), fresh),
        always("policy accept"),
    ),
    Check(
        "firewall-forward",
        _A,
        WARNING,
        "packets between pods are passed on",
        "pods do not reach each other",
        "set the forward chain's policy to accept",
        each(lambda seen: _hook(seen, "forward"), fresh),
        always("policy accept"),
    ),
    Check(
        "iptables-mixed",
        _A,
        WARNING,
        "rules are in one place",
        "the old tables overrule kube-proxy's",
        "move the rules of iptables-legacy over, then flush them",
        each(_legacy, fresh),
        always("nf_tables or legacy"),
    ),
    Check(
        "apparmor-parser",
        _A,
        ERROR,
        "AppArmor's profiles can be loaded",
        "containerd starts no container",
        "install apparmor",
        each(_apparmor),
        always("apparmor_parser"),
    ),
    Check(
        "selinux",
        _A,
        WARNING,
        "SELinux lets containers work",
        "containers can't read their files",
        "install container-selinux, or setenforce 0",
        each(_selinux),
        always("container-selinux"),
    ),
    Check(
        "fapolicyd",
        _A,
        ERROR,
        "new programs may be started",
        "it stops programs that no package brought",
        "allow /usr/local/bin and /opt/cni in fapolicyd, or stop it",
        each(_fapolicyd),
        always("off"),
    ),
    Check(
        "security-agent",
        _A,
        NOTE,
        "no agent looks into every process",
        "starts of containers are slow, and it may end them",
        "leave out /var/lib/containerd and /var/lib/kubelet in it",
        each(_agent),
        always("none"),
    ),
    Check(
        "network-manager",
        _A,
        WARNING,
        "NetworkManager leaves pods' links alone",
        "it takes addresses and routes away from pods",
        "write unmanaged-devices=interface-name:cni*;interface-name:veth*;interface-name:flannel* into a"
        " file of /etc/NetworkManager/conf.d",
        each(_manager),
        always("unmanaged"),
    ),
    Check(
        "oom-score",
        _A,
        NOTE,
        "processes can be kept from being killed first",
        "etcd may be killed before a pod is",
        "give the container CAP_SYS_RESOURCE",
        each(_oom),
        always("may be lowered"),
    ),
)
