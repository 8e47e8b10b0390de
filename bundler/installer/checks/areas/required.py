"""The preflight of `apply`, as checks: its judgement is the only one, here it is shown with the others."""

from types import MappingProxyType
from typing import Final

from bundler.core.errors import Problem
from bundler.installer.checks.model import Area, Check, Fault, Look, Looked, Scene, Severity
from bundler.installer.plan.limits import HostLimits, shown
from bundler.installer.plan.preflight import REQUIRED, STRICT

_AREAS: Final = MappingProxyType(
    {
        Area.ACCESS: ("no-root", "missing-command"),
        Area.SYSTEM: ("architecture", "suite", "cgroup-v1"),
        Area.HARDWARE: ("memory", "cpus"),
        Area.DISKS: ("disk",),
        Area.TIME: ("clock",),
        Area.NETWORK: ("port", "subnet", "vip-network", "vip-program", "balancer"),
        Area.KERNEL: ("conntrack",),
        Area.LEFTOVERS: ("foreign-cluster",),
        Area.IDENTITY: ("hostname",),
        Area.BUNDLE: ("bundle", "kube-version"),
    }
)
_REASONS: Final = MappingProxyType(
    {
        "no-root": "programs, units and kernel settings are root's",
        "foreign-cluster": "an install would take this host from another cluster",
        "missing-command": "the install itself uses them",
        "architecture": "its programs would not start there",
        "suite": "OS packages come from the bundle alone",
        "memory": "etcd and the API server are killed when memory runs out",
        "cpus": "kubeadm refuses a control plane with fewer",
        "port": "Kubernetes could not listen",
        "cgroup-v1": "this kubelet does not start on cgroup v1",
        "bundle": "no host could be installed",
        "kube-version": "what the bundle carries was made for another Kubernetes",
        "vip-network": "no control plane could take the address over",
        "vip-program": "no host would hold the address",
        "balancer": "workers would lose the API with one control plane",
        "hostname": "nodes are known by their names",
        "conntrack": "kube-proxy does not start",
        "clock": "certificates and join tokens are not yet, or no longer, valid",
        "subnet": "pods would answer in the host's place",
        "disk": "the install would stop in the middle",
    }
)
_LIMITS: Final = MappingProxyType({"clock": "clock", "cpus": "control_plane_cpus"})


def _look(rule: str) -> Look:
    def look(scene: Scene) -> Looked:
        faults = tuple(_fault(scene, each) for each in scene.problems if each.rule == rule)
        return Looked(faults, len(scene.facts.hosts) if scene.context else 0)

    return look


def _fault(scene: Scene, problem: Problem) -> Fault:
    where = problem.location.file
    hosts = (where,) if where in scene.facts.hosts else ()
    return Fault(where, problem.message, fix=problem.hint, hosts=hosts)


def _limit(rule: str) -> str:
    return _LIMITS.get(rule, "")


def _make(area: Area, rule: str) -> Check:
    def limit(limits: HostLimits) -> str:
        return shown(limits, _limit(rule)) if _limit(rule) else ""

    return Check(
        rule,
        area,
        Severity.ERROR,
        REQUIRED[rule],
        _REASONS[rule],
        "as each finding says",
        _look(rule),
        limit=limit,
        required=True,
        strict=rule in STRICT,
    )


CHECKS: Final = tuple(_make(area, rule) for area, rules in _AREAS.items() for rule in rules)
