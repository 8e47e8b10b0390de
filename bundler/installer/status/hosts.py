"""Hosts, their nodes and their units, judged. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from bundler.core.words import counted, lasting
from bundler.installer.facts.api import Cordon, Node
from bundler.installer.facts.seen import Unknown
from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.site.model import Host
from bundler.installer.status.condition import Condition
from bundler.installer.status.model import Finding, HostState, Judged, Look, Part, State, graver

CLOCK_LIMIT: Final = 5.0  # seconds off; etcd and certificates begin to mind
_STATIC: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_UNITS: Final = {
    "kubelet": "pods on it are no longer looked after",
    "containerd": "no container can be started or looked at",
    "bundler-registry": "images can't be pulled from it",
    "bundler-endpoint": "the node can't reach the API",
    "bundler-vip": "it can't take over the API's address",
}


def host_states(look: Look) -> tuple[HostState, ...]:
    """Every host of the Clusterfile, in its order."""
    return tuple(_state(look, host) for host in look.site.hosts)


def _state(look: Look, host: Host) -> HostState:
    facts, seen = look.facts.hosts.get(host.address), look.conditions.get(host.address)
    node = look.view.node(host.address)
    silent = look.facts.silent.get(host.address)
    name = look.view.node_name(host.address)
    return HostState(
        address=host.address,
        node=name if name != host.address or node else "",
        roles=tuple(sorted(role.value for role in host.roles)),
        state=_word(node, answered=facts is not None, asked=look.view.api is not None),
        kubelet=node.version if node else "",
        containerd=seen.versions.get("containerd", "") if seen else "",
        os=f"{facts.os_id} {facts.os_version}".strip() if facts else "",
        architecture=facts.architecture if facts else "",
        uptime=seen.uptime if seen else 0.0,
        memory=seen.memory if seen else 0,
        memory_available=seen.memory_available if seen else 0,
        disk=max((disk.percent for disk in seen.disks), default=0) if seen else 0,
        components={
            name: part.version for name, part in sorted(facts.site.components.items())
        } if facts and facts.site else {},
        why=silent.why if silent else "",
    )  # fmt: skip


def _word(node: Node | None, *, answered: bool, asked: bool) -> str:
    if not answered:
        return "silent"
    if node is None:
        return "absent" if asked else "unknown"
    return "ready" if node.ready else "not-ready"


def hosts_part(look: Look, states: tuple[HostState, ...]) -> Judged:
    """The row of hosts: how many nodes are Ready."""
    ready = sum(bool((node := look.view.node(each.address)) and node.ready) for each in states)
    control = len(look.site.control_planes)
    planes, workers = counted(control, "control plane"), counted(len(states) - control, "worker")
    findings = tuple(_findings(look, states))
    state = State.WELL if not graver(findings) else State.FINDINGS
    data = {"total": len(states), "ready": ready, "silent": sum(each.state == "silent" for each in states)}
    if look.view.api is None:
        return Judged(
            Part("hosts", State.UNKNOWN, f"{len(look.facts.hosts)} of {len(states)} answer", "", data),
            findings,
        )
    detail = ", ".join((planes, workers, *_architectures(states)))
    return Judged(Part("hosts", state, f"{ready} of {len(states)} Ready", detail, data), findings)


def _architectures(states: Iterable[HostState]) -> tuple[str, ...]:
    """How many hosts are of which, where they are of several."""
    counts = Counter(each.architecture for each in states if each.architecture)
    return tuple(f"{count} {name}" for name, count in sorted(counts.items())) if len(counts) > 1 else ()


def silent_hosts(look: Look, states: Iterable[HostState]) -> tuple[Finding, ...]:
    """Hosts that could not be asked."""
    return tuple(found for each in states for found in _reach(look, each, look.view.node(each.address)))


def _findings(look: Look, states: Iterable[HostState]) -> Iterator[Finding]:
    for each in states:
        node, seen = look.view.node(each.address), look.conditions.get(each.address)
        yield from _reach(look, each, node)
        yield from _node(look, each, node, seen)
        if seen is not None:
            yield from _units(look, each, seen)
        yield from _clock(look, each)
    yield from _others(look)


def _reach(look: Look, each: HostState, node: Node | None) -> Iterator[Finding]:
    if each.state != "silent":
        return
    silent = look.facts.silent.get(each.address, Unknown())
    still = "; its node is Ready all the same" if node and node.ready else ""
    text = f"can't be asked: {silent.why}{still}"
    yield Finding("host-silent", Severity.ERROR, text, (each.address,), value=silent.doubt.value)


def _node(look: Look, each: HostState, node: Node | None, seen: Condition | None) -> Iterator[Finding]:
    if look.view.api is None:
        return
    if node is None:
        if each.state != "silent":
            yield Finding(
                "not-a-node", Severity.ERROR, f"is no node yet; join it: {look.again}", (each.address,)
            )
        return
    kubelet = seen.units.get("kubelet") if seen else None
    if not node.ready and (kubelet is None or kubelet.active):  # a stopped kubelet is a finding of its own
        text = "its node is not Ready" + (f": {node.why}" if node.why else "")
        yield Finding("node-not-ready", Severity.ERROR, text, (each.address,))
    if node.cordon is Cordon.PERSON:
        yield Finding("cordoned", Severity.NOTE, "by an administrator; left alone", (each.address,))
    elif node.cordon is Cordon.MAINTENANCE:
        text = f"takes no pods until: maintenance {each.address} --done"
        yield Finding("maintenance", Severity.NOTE, text, (each.address,))


def _units(look: Look, each: HostState, seen: Condition) -> Iterator[Finding]:
    for name, effect in _UNITS.items():
        unit = seen.units.get(name)
        if unit is None or unit.active:
            continue
        since = "" if unit.seconds is None else f" for {lasting(unit.seconds)}"
        text = f"down{since}: {effect}; start it: {look.again}"
        yield Finding(f"{name}-stopped", Severity.ERROR, text, (each.address,), value=unit.seconds)


def _clock(look: Look, each: HostState) -> Iterator[Finding]:
    facts = look.facts.hosts.get(each.address)
    if facts is None or abs(off := facts.clock_offset - look.view.offset) < CLOCK_LIMIT:
        return
    text = f"its clock is {off:+.1f} s off the others', limit {CLOCK_LIMIT:g} s"
    yield Finding("clock-offset", Severity.WARNING, text, (each.address,), value=round(off, 1))


def _others(look: Look) -> Iterator[Finding]:
    for address in look.view.listed:
        yield Finding(
            "not-listed", Severity.NOTE, "in the cluster, and not in the Clusterfile; left alone", (address,)
        )


def control_plane_part(look: Look) -> Judged:
    """API servers and the static pods beside them, on every control plane."""
    planes = [host.address for host in look.site.control_planes]
    serving = [address for address in planes if _serves(look, address)]
    findings = tuple(_missing(look, planes, serving))
    versions = sorted({_version(look, address) for address in planes} - {""})
    state = State.DOWN if look.view.api is None else State.FINDINGS if graver(findings) else State.WELL
    data = {"total": len(planes), "serving": len(serving), "versions": versions}
    return Judged(
        Part("API", state, f"{len(serving)} of {len(planes)} serve", ", ".join(versions), data), findings
    )


def _serves(look: Look, address: str) -> bool:
    seen = look.conditions.get(address)
    return seen is not None and seen.contents is not None


def _version(look: Look, address: str) -> str:
    facts = look.facts.hosts.get(address)
    part = facts.site.components.get("kube-apiserver") if facts and facts.site else None
    return part.version if part else ""


def _missing(look: Look, planes: Iterable[str], serving: list[str]) -> Iterator[Finding]:
    for address in planes:
        facts = look.facts.hosts.get(address)
        if facts is None or facts.site is None:
            continue
        lacking = [name for name in _STATIC if name not in facts.site.components]
        if lacking and facts.site.traces.cluster:
            text = f"no static pod of {', '.join(lacking)} is here; put it back: {look.again}"
            yield Finding("component-missing", Severity.ERROR, text, (address,), value=", ".join(lacking))
        elif address not in serving and facts.site.traces.cluster:
            text = "its API server does not answer; look at: crictl ps -a, journalctl -u kubelet"
            yield Finding("api-silent", Severity.ERROR, text, (address,))
        yield from _broken(look, address)


def _broken(look: Look, address: str) -> Iterator[Finding]:
    """Static pods that are there and are not ready, as the API sees them."""
    node = look.view.node_name(address)
    names = {f"{name}-{node}": name for name in _STATIC}
    contents = next((seen.contents for seen in look.conditions.values() if seen.contents), None)
    for pod in contents.pods if contents else ():
        if pod.namespace != "kube-system" or pod.name not in names or pod.well:
            continue
        if pod.starting:
            text = f"{names[pod.name]} is starting: it has not passed its startup probe yet"
            yield Finding("component-starting", Severity.NOTE, text, (address,), value=names[pod.name])
        else:
            why = pod.reason or pod.phase
            text = f"{names[pod.name]} is not ready: {why}, {counted(pod.restarts, 'restart')}"
            yield Finding("component-not-ready", Severity.ERROR, text, (address,), value=names[pod.name])
