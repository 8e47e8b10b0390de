"""Stopping and starting a whole site: apps, workers, control planes, etcd last; and the reverse. Pure.

No pod is deleted and no node is drained: containers end, and the kubelets start them again. What does not
answer is off already, which is no obstacle to stopping the rest.
"""

from collections.abc import Iterable
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import value_of
from bundler.installer.plan import paths
from bundler.installer.plan.context import node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Await, Exec, Phase, Plan
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Site
from bundler.installer.site.quorum import majority
from bundler.installer.site.ranges import hosts

_UNITS: Final = (
    *("containerd.service", paths.REGISTRY_UNIT, paths.ENDPOINT_UNIT, paths.VIP_UNIT, "kubelet.service"),
)
_UP: Final = 300.0  # seconds for etcd, then for the API, then for the nodes
_SLACK: Final = 120.0  # seconds beyond the grace: SIGKILL, and a runtime that is slow to answer


def shutdown(site: Site, facts: Facts, *, grace: int, power_off: bool = False) -> Plan:
    """Stop what runs on every host that answers.

    grace: seconds between SIGTERM and SIGKILL. power_off: the machines go off, too.
    """
    there = [host for host in site.hosts if host.address in facts.hosts]
    planes = [host for host in there if host.is_control_plane]
    workers = [host for host in there if not host.is_control_plane]
    apps = [
        _halt(host, Phase.APPS, "apps", "apps stop before what they depend on", (), grace) for host in workers
    ]
    behind = tuple(step.id for step in apps)
    system = [
        _halt(host, Phase.APPS, "apps", "apps end once no worker runs any", behind, grace) for host in planes
    ]
    behind = tuple(step.id for step in (*apps, *system))
    control = [
        _halt(host, Phase.CONTROL_PLANE, "control-plane", "nothing asks the API any more", behind, grace)
        for host in planes
    ]
    behind = tuple(step.id for step in control) or behind
    etcd = [
        _halt(host, Phase.CONTROL_PLANE, "etcd", "etcd stops last, once nothing writes to it", behind, grace)
        for host in planes
    ]
    steps = [*apps, *system, *control, *etcd]
    if power_off:
        behind = tuple(step.id for step in steps)
        steps += [
            _exec(host, Phase.CONTROL_PLANE, "power-off", "everything has stopped", behind, "power-off.sh")
            for host in there
        ]
    return Plan(f"{site.name}: stop {hosts(len(there))}", tuple(steps), warnings=_off(site, facts))


def start(site: Site, facts: Facts) -> Plan:
    """Start what is to run on every host that answers, and wait for it.

    Raises BundlerError (DOWN) where too few control planes answer for etcd to agree on anything.
    """
    _check_majority(site, facts)
    there = [host for host in site.hosts if host.address in facts.hosts]
    planes = [host for host in there if host.is_control_plane]
    workers = [host for host in there if not host.is_control_plane]
    units = [_units(host, Phase.CONTROL_PLANE, "the control plane comes first") for host in planes]
    quorum = [_quorum(site, host, tuple(step.id for step in units)) for host in planes]
    ready = [api_awaited(host, tuple(step.id for step in quorum)) for host in planes]
    behind = tuple(step.id for step in ready)
    started = [_units(host, Phase.WORKERS, "the API answers", behind) for host in workers]
    nodes = _nodes(planes[0], there, facts, tuple(step.id for step in (*ready, *started)))
    return Plan(
        f"{site.name}: start {hosts(len(there))}",
        (*units, *quorum, *ready, *started, nodes),
        warnings=_off(site, facts),
    )


def missing(site: Site, facts: Facts) -> tuple[str, ...]:
    """Hosts that do not answer."""
    return tuple(host.address for host in site.hosts if host.address not in facts.hosts)


def lacks_majority(planes: Iterable[Host], answering: Iterable[str]) -> tuple[str, ...]:
    """Control planes without which etcd can't agree on anything; none where enough of them answer."""
    addresses, found = [host.address for host in planes], set(answering)
    silent = tuple(address for address in addresses if address not in found)
    return silent if len(addresses) - len(silent) < majority(len(addresses)) else ()


def _check_majority(site: Site, facts: Facts) -> None:
    silent = lacks_majority(site.control_planes, facts.hosts)
    if silent:
        total = len(site.control_planes)
        raise BundlerError(
            f"{len(silent)} of {counted(total, 'control plane')} "
            f"{'does' if len(silent) == 1 else 'do'} not answer",
            where=", ".join(silent),
            why=f"etcd needs {majority(total)} of {total}; nothing was started",
            code=ExitCode.DOWN,
            fix="power them on and run the same command; --wait N goes on trying for N seconds. "
            "If they are lost: restore",
        )
    strange = [
        host.address
        for host in site.control_planes
        if (found := facts.hosts.get(host.address)) and found.site and not found.site.traces.etcd_data
    ]
    have = sum(host.address in facts.hosts for host in site.control_planes) - len(strange)
    if strange and have < majority(len(site.control_planes)):
        raise BundlerError(
            "there is no cluster to start",
            where=", ".join(strange),
            why="no etcd data is there",
            code=ExitCode.DOWN,
            fix="install it: apply; or bring it back from a snapshot: restore",
        )


def _off(site: Site, facts: Facts) -> tuple[str, ...]:
    off = missing(site, facts)
    if not off:
        return ()
    words = "does not answer and is left out" if len(off) == 1 else "do not answer and are left out"
    return (f"{', '.join(off)} {words}",)


def _halt(host: Host, phase: Phase, which: str, why: str, after: tuple[str, ...], grace: int) -> Exec:
    # Three waits at most, one behind the other: workloads, what the network needs, and SIGKILL for each.
    timeout = 3 * grace + _SLACK
    return _exec(
        host, phase, f"halt-{which}", why, after, "halt.sh", timeout=timeout, which=which, grace=str(grace)
    )


def _units(host: Host, phase: Phase, why: str, after: tuple[str, ...] = ()) -> Exec:
    return _exec(host, phase, "start", why, after, "units-start.sh", units=" ".join(_UNITS))


def _exec(
    host: Host,
    phase: Phase,
    what: str,
    why: str,
    after: tuple[str, ...],
    script: str,
    *,
    timeout: float = 120.0,
    **variables: str,
) -> Exec:
    return Exec(
        id=ident(phase, host.address, what),
        host=host.address,
        phase=phase,
        reason=why,
        after=after,
        always_run=True,
        timeout=timeout,
        script=templates.script(script, **variables),
    )


def _quorum(site: Site, host: Host, after: tuple[str, ...]) -> Await:
    planes = " ".join(each.address for each in site.control_planes)
    return _await(
        host, "quorum", "a majority of etcd's members", after,
        templates.script("etcd.sh", "etcd-quorum.sh", planes=planes),
        templates.script("etcd.sh", "etcd-diagnose.sh"),
    )  # fmt: skip


def api_awaited(host: Host, after: tuple[str, ...] = ()) -> Await:
    """Wait until a control plane's own API server answers, and goes on answering."""
    script = templates.script("kubectl.sh", "api-steady.sh", seconds="2")
    return _await(
        host, "api", "the API to answer", after, script, templates.script("etcd.sh", "etcd-diagnose.sh")
    )


def _nodes(asked: Host, there: list[Host], facts: Facts, after: tuple[str, ...]) -> Await:
    """Those that the cluster has: a host that never joined is not waited for."""
    known = {each.name for each in api.nodes} if (api := value_of(facts.api)) else None
    named = [(node_name(facts.hosts[host.address]), host.address) for host in there]
    nodes = " ".join(
        f"{name}/{address}"
        for name, address in named
        if (known is None and facts.hosts[address].kubelet_config) or (known is not None and name in known)
    )
    script = templates.script("kubectl.sh", "nodes-ready.sh", nodes=nodes)
    return _await(
        asked, "nodes", "all nodes to be Ready", after, script, templates.script("kubectl.sh", "diagnose.sh")
    )


def _await(host: Host, what: str, subject: str, after: tuple[str, ...], script: str, diagnose: str) -> Await:
    return Await(
        id=ident(Phase.CONTROL_PLANE, host.address, what),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="everything after it depends on it",
        after=after,
        always_run=True,
        script=script,
        subject=subject,
        deadline=_UP,
        interval=0.5,
        diagnose=diagnose,
    )
