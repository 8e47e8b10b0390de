"""Control planes: the first `init`, then joins one at a time, and leaves once all joins are done."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.hops import upgrading
from bundler.installer.plan.cluster.lists import lists_with
from bundler.installer.plan.cluster.make import key, proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Clean, ControlPlaneIs, Left
from bundler.installer.plan.cluster.rules.identity import is_replaced
from bundler.installer.plan.cluster.steps import (
    Because,
    Cause,
    Finding,
    Guard,
    Proposal,
    Severity,
    Step,
    Verb,
)
from bundler.installer.plan.cluster.view import Existence, View

_CLAIM = {"control-plane": 1}


def control_planes(view: View) -> Iterator[Proposal | Finding]:
    """Joins precede leaves, so that a swap never has fewer than before."""
    if not view.owner or view.operation.kind in {Kind.DELETE, Kind.RESTORE}:
        return
    match view.existence:
        case Existence.ABSENT | Existence.UNFINISHED:
            yield first_install(view)
        case Existence.RUNNING if view.actor:
            yield from _joins(view)
            missing = [
                a for a in view.wanted_control_planes if not view.complete(a) and a not in view.excused
            ]
            if not missing:
                yield from _leaves(view)
    yield from arithmetic(view)


def first_install(view: View) -> Proposal:
    """One plan: `init`, then the other control planes in turn, each behind the one before."""
    first = initial(view)
    steps = [*_init(view, first)]
    for address in view.wanted_control_planes:
        if address != first and view.observed.host(address):
            steps.append(_join(view, address, after=(steps[-1].key, *_ready(view, address))))
    return Proposal("control-planes", tuple(steps), _CLAIM)


def initial(view: View) -> str:
    """The control plane that `init` runs on: where it was begun, else the first of the Clusterfile."""
    wanted = view.wanted_control_planes
    begun = [a for a in wanted if (host := view.observed.host(a)) and host.traces.cluster]
    begun.sort(key=lambda a: not _has_data(view, a))
    return (begun or list(wanted))[0]


def _has_data(view: View, address: str) -> bool:
    host = view.observed.host(address)
    return host is not None and host.traces.etcd_data


def _ready(view: View, address: str) -> tuple[str, ...]:
    """Every piece of this host comes before it joins."""
    return view.piece_keys(address)


def _init(view: View, address: str) -> Iterator[Step]:
    """Nothing to see: `init`. Data: finish with the recorded inputs. Else undo what there is, and `init`."""
    host = view.observed.host(address)
    version = _version(view)
    probe = _whole(view, address)
    inputs = {"version": version, "name": view.desired.name, **view.desired.fixed}
    ready = _ready(view, address)
    if host is not None and host.traces.etcd_data:
        recorded = dict(view.record.fixed) if view.record else {}
        because = Because(Cause.CHANGED, "the first control plane", "broken off", "complete")
        yield step(Verb.FINISH_INIT, address, because, probe, inputs={**inputs, **recorded}, after=ready)
        return
    undo: tuple[str, ...] = ()
    if host is not None and host.traces.cluster:
        because = Because(Cause.CHANGED, "the first control plane", "broken off", "undone")
        yield step(Verb.UNDO_INIT, address, because, Clean(address, removed=False))
        undo = (key(Verb.UNDO_INIT, address),)
    guard = Guard("no-cluster", "absent")
    because = Because(Cause.MISSING, f"the cluster {view.desired.name}")
    yield step(Verb.INIT, address, because, probe, inputs=inputs, after=(*ready, *undo), guards=(guard,))


def _whole(view: View, address: str) -> ControlPlaneIs:
    lists = lists_with(view, address)
    return ControlPlaneIs(address, view.node_name(address), _version(view), view.desired.settings, lists)


def _version(view: View) -> str:
    return view.desired.versions.kubernetes


def _join(view: View, address: str, after: tuple[str, ...] = ()) -> Step:
    node, host = view.node_name(address), view.observed.host(address)
    aspects = (
        ("a voter", view.is_voter(address)),
        ("a node", view.node(address) is not None),
        ("static pods", host is not None and host.traces.static_pods),
    )
    found = [name for name, there in aspects if there]
    because = Because(Cause.MISSING, f"control plane {node}")
    if found:
        because = Because(Cause.CHANGED, f"control plane {node}", f"only {', '.join(found)}", "whole")
    return step(
        Verb.JOIN_CONTROL_PLANE,
        address,
        because,
        _whole(view, address),
        inputs={"version": _version(view), "role": "control-plane", "found": ", ".join(found)},
        after=after,
        guards=(Guard("etcd-learner", "none"), Guard("etcd-healthy", "all")),
    )


def _joins(view: View) -> Iterator[Proposal]:
    """A host that is a worker, or another machine's successor, is cleared first; then it joins."""
    for address in view.wanted_control_planes:
        host = view.observed.host(address)
        if host is None or view.complete(address) or view.leaving(address):
            continue
        if upgrading(view) or _occupied(view, address):
            yield Proposal("control-planes", (_join(view, address),), {"blocked": 1})
            continue
        yield Proposal("control-planes", (_join(view, address, _ready(view, address)),), _CLAIM)


def _occupied(view: View, address: str) -> bool:
    """Whether a member that is not this machine's, or a learner, has its place."""
    member = view.etcd.at(address) if view.etcd else None
    learner = view.etcd.learner if view.etcd else None
    stale = member is not None and (is_replaced(view, address) or not _has_data(view, address))
    return learner is not None or stale


def _leaves(view: View) -> Iterator[Proposal | Finding]:
    for address in view.addresses:
        if not view.is_control_plane(address) or not view.leaving(address) or view.gone(address):
            continue
        if view.observed.host(address) is None or _left(view, address):
            continue
        wanted = view.wanted(address)
        why = (
            f"{address} becomes a {wanted.role.value}"
            if wanted
            else f"{address} is no longer in the Clusterfile"
        )
        text = f"{address}: its etcd data goes; the other members keep theirs"
        yield Finding("etcd-data-goes", address, text, Severity.WARNING)
        node = view.node_name(address)
        yield proposal(
            "control-planes",
            step(
                Verb.LEAVE,
                address,
                requested(why),
                Left(address, node),
                inputs={
                    "node": node,
                    "role": "control-plane",
                    "blocked": view.operation.consents.blocked.value,
                },
                guards=(Guard("etcd-learner", "none"), Guard("etcd-quorum-without", address)),
            ),
            claims=_CLAIM,
        )


def _left(view: View, address: str) -> bool:
    host, member = view.observed.host(address), view.etcd.at(address) if view.etcd else None
    traces = host is not None and (host.traces.cluster or host.ours)
    return member is None and view.node(address) is None and not traces


def arithmetic(view: View) -> Iterator[Finding]:
    """Two survive no loss; even numbers survive no more than one fewer."""
    number = len(view.wanted_control_planes)
    before = len([a for a in view.control_planes if view.complete(a)])
    if number == before or number % 2 or not number:
        return
    text = f"{number} control planes survive the loss of {(number - 1) // 2}"
    text += (
        ", where one survives none either, and stop when either stops"
        if number == 2
        else (f", as many as {number - 1} do, and need {number // 2 + 1} of them")
    )
    yield Finding("even-control-planes", view.desired.name, text, Severity.WARNING)
