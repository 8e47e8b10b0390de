"""Workers: joins at once, leaves with a drain, dead ones without."""

from collections.abc import Iterator

from bundler.installer.facts.api import Owner
from bundler.installer.plan.cluster.concerns.control_planes import initial
from bundler.installer.plan.cluster.lists import lists_with
from bundler.installer.plan.cluster.make import budget, join_keys, key, proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Left, NodeIs
from bundler.installer.plan.cluster.steps import Because, Cause, Finding, Proposal, Severity, Step, Verb
from bundler.installer.plan.cluster.view import Existence, View


def workers(view: View) -> Iterator[Proposal | Finding]:
    """A join touches no other worker."""
    if not view.owner or view.operation.kind in {Kind.DELETE, Kind.RESTORE}:
        return
    first = view.existence in {Existence.ABSENT, Existence.UNFINISHED}
    if not first and not (view.existence is Existence.RUNNING and view.actor):
        return
    for address in view.wanted_workers:
        if view.observed.host(address) and not view.leaving(address):
            yield from _join(view, address, first=first)
    if not first:
        yield from _leaves(view)
        yield from _gone_nodes(view)
        yield from _listed(view)


def _join(view: View, address: str, *, first: bool) -> Iterator[Proposal]:
    node, name = view.node(address), view.node_name(address)
    lists = lists_with(view, initial(view) if first else "")
    ready = view.piece_keys(address)
    probe = NodeIs(address, name, view.desired.versions.kubernetes, view.desired.settings, lists)
    if first and not view.joined(address):
        after = (*ready, key(Verb.INIT, initial(view)), key(Verb.FINISH_INIT, initial(view)))
        because = Because(Cause.MISSING, f"node {name}")
        yield proposal("workers", _joining(view, address, because, probe, after))
    elif not view.joined(address):
        yield proposal("workers", *_rejoin(view, address, probe, ready))
    elif node is not None and not node.ready:
        because = Because(
            Cause.CHANGED, f"node {name}", f"not Ready{f' ({node.why})' if node.why else ''}", "Ready"
        )
        yield proposal(
            "workers",
            step(
                Verb.AWAIT_NODE,
                view.actor,
                because,
                NodeIs(address, name),
                about=address,
                after=(*ready, *join_keys(view)),
            ),
        )


def _rejoin(view: View, address: str, probe: NodeIs, ready: tuple[str, ...]) -> Iterator[Step]:
    """A node object of the machine before goes first; one that was deleted by hand is simply made again."""
    node, host = view.node(address), view.observed.host(address)
    after = ready
    if node is not None and host is not None and not host.traces.kubelet_conf:
        because = requested(f"another machine, or an empty one, has taken the place of {address}")
        gone = Left(address, node.name, clean=False)
        yield step(Verb.DELETE_NODE, view.actor, because, gone, about=address, inputs={"node": node.name})
        after = (*ready, key(Verb.DELETE_NODE, address))
    deleted = node is None and host is not None and host.traces.kubelet_conf
    name = f"node {view.node_name(address)}"
    drifted = deleted and view.recorded_host(address)
    because = Because(Cause.DRIFTED, f"{name} was deleted") if drifted else Because(Cause.MISSING, name)
    yield _joining(view, address, because, probe, after)


def _joining(view: View, address: str, because: Because, probe: NodeIs, after: tuple[str, ...]) -> Step:
    inputs = {"version": view.desired.versions.kubernetes, "role": "worker", "node": probe.node}
    return step(Verb.JOIN, address, because, probe, inputs=inputs, after=after)


def _leaves(view: View) -> Iterator[Proposal | Finding]:
    for address in view.addresses:
        host = view.observed.host(address)
        if view.is_control_plane(address) or not view.leaving(address) or view.gone(address) or host is None:
            continue
        if view.node(address) is None and not host.traces.cluster and not host.ours:
            continue
        if address in view.operation.consents.skipped:
            continue
        name = view.node_name(address)
        wanted = view.wanted(address)
        why = (
            f"{address} becomes a {wanted.role.value}"
            if wanted
            else f"{address} is no longer in the Clusterfile"
        )
        inputs = {"node": name, "role": "worker", "blocked": view.operation.consents.blocked.value}
        leave = step(
            Verb.LEAVE, address, requested(why), Left(address, name), inputs={**inputs, **_pods(view, name)}
        )
        yield proposal("workers", leave, claims=budget(view, address))
        yield from _held_up(view, address, name)


def _pods(view: View, node: str) -> dict[str, str]:
    """What a drain takes along, so that the plan can say it."""
    pods = [pod for pod in (view.api.pods if view.api else ()) if pod.node == node]
    scratch = ", ".join(sorted(pod.name for pod in pods if pod.scratch and pod.owner is Owner.CONTROLLER))
    named = ", ".join(sorted(pod.name for pod in pods if pod.name in view.operation.consents.delete_pods))
    return {name: text for name, text in (("scratch", scratch), ("deleted", named)) if text}


def _held_up(view: View, address: str, node: str) -> Iterator[Finding]:
    for pod in view.api.pods if view.api else ():
        if pod.node == node and pod.budget and pod.allowed < 1:
            text = f"the budget {pod.budget} allows no eviction of {pod.name} now"
            yield Finding("drain-blocked", address, text, Severity.WARNING)


def _gone_nodes(view: View) -> Iterator[Proposal | Finding]:
    """Nodes of dead workers, and of machines that came back after they were given up."""
    for address in view.addresses:
        node = view.node(address)
        if node is None or view.is_control_plane(address) or not view.gone(address):
            continue
        why = requested(f"{address} is gone (--gone)")
        probe = Left(address, node.name, clean=False)
        yield proposal(
            "workers",
            step(Verb.DELETE_NODE, view.actor, why, probe, about=address, inputs={"node": node.name}),
        )
    for removed in view.record.removed if view.record else ():
        node = view.api.node(removed.node_name) if view.api else None
        if node is not None and view.recorded_host(removed.address) is None:
            text = f"{removed.node_name} was removed as gone and has registered itself again; wipe it"
            yield Finding("gone-returned", removed.address, text, Severity.ERROR)


def _listed(view: View) -> Iterator[Finding]:
    for address in view.listed:
        pods = sum(pod.node == view.node_name(address) for pod in (view.api.pods if view.api else ()))
        what = f" with its {pods} {'pod' if pods == 1 else 'pods'}" if pods else ""
        text = f"stays in the cluster{what}; to drain and remove it: --prune"
        yield Finding("host-listed", address, text, Severity.WARNING)
