"""Upgrades: the next hop, control planes one by one behind a snapshot, workers in batches, once."""

from collections.abc import Iterator, Mapping

from bundler.installer.plan.cluster.hops import (
    KUBELET_SKEW,
    kubelets,
    minor,
    next_hop,
    number,
    running,
    upgrading,
)
from bundler.installer.plan.cluster.make import budget, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import ControlPlaneRuns, Once, RunsWith
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


def versions(view: View) -> Iterator[Proposal | Finding]:
    """Hosts that the Clusterfile no longer lists, but that are members, are upgraded, too."""
    if not upgrading(view) or view.existence is not Existence.RUNNING or not view.actor:
        return
    hop = next_hop(view)
    if hop is None or _needs_data(view):
        return
    behind = [a for a, version in running(view).items() if number(version) != number(hop)]
    if len({number(version) for version in running(view).values()}) > 1:
        text = (
            f"control planes run {', '.join(sorted(set(running(view).values())))}; the way back is `rollback`"
        )
        yield Finding("mixed-versions", view.desired.name, text, Severity.WARNING)
    yield from _control_planes(view, hop, behind)
    if not behind:
        yield from _workers(view, hop)


def _needs_data(view: View) -> bool:
    """Going back a minor takes etcd's data back, too: that is a restore, proposed elsewhere."""
    lows = (minor(version) for version in running(view).values())
    return view.operation.kind is Kind.ROLLBACK and any(
        low > minor(view.desired.versions.kubernetes) for low in lows
    )


def _control_planes(view: View, hop: str, behind: list[str]) -> Iterator[Proposal]:
    """The kubelet of a control plane goes with it, but for versions that are only on the way."""
    found = running(view)
    untouched = len(behind) == len(found)
    for address in behind:
        snapshot = _snapshot(view) if untouched and address == behind[0] else ()
        because = Because(Cause.CHANGED, "Kubernetes", found[address], hop)
        upgrade = step(
            Verb.UPGRADE_CONTROL_PLANE,
            address,
            because,
            ControlPlaneRuns(address, hop),
            what=hop,
            inputs={"version": hop},
            after=tuple(each.key for each in snapshot),
            guards=(Guard("etcd-healthy", "all"),),
        )
        goes = _goes(view, kubelets(view).get(address, ""), hop)
        kubelet = (_kubelet(view, address, hop, after=(upgrade.key,)),) if goes else ()
        yield Proposal("versions", (*snapshot, upgrade, *kubelet), {"control-plane": 1})
    for address in found:
        version = kubelets(view).get(address, hop)
        if address not in behind and number(version) != number(hop) and _goes(view, version, hop):
            yield Proposal("versions", (_kubelet(view, address, hop),), {"control-plane": 1})


def _goes(view: View, version: str, hop: str) -> bool:
    """Whether a kubelet of this version goes to the hop's: the target, or it would be too far behind."""
    at_target = number(hop) == number(view.desired.versions.kubernetes)
    return at_target or not version or minor(hop) - minor(version) >= KUBELET_SKEW


def _snapshot(view: View) -> tuple[Step, ...]:
    """Before the first hop alone: the way back is to what the site had, in one go."""
    lowest = min(running(view).values(), key=number)
    own = kubelets(view).get(view.actor, lowest)
    if view.operation.kind is Kind.APPLY and minor(own) < minor(lowest) and own in _kept(view):
        return ()
    why = requested("the way back from an upgrade is a snapshot")
    return (step(Verb.SNAPSHOT, view.actor, why, Once(), inputs={"version": lowest}),)


def _kept(view: View) -> Mapping[str, str]:
    host = view.observed.host(view.actor)
    return host.generations if host else {}


def _kubelet(view: View, address: str, hop: str, after: tuple[str, ...] = ()) -> Step:
    before = kubelets(view).get(address, "")
    return step(
        Verb.UPGRADE_NODE,
        address,
        Because(Cause.CHANGED, "kubelet", before, hop),
        RunsWith(address, "kubelet", hop, node=view.node_name(address)),
        what=hop,
        inputs={"version": hop, **_doomed(view, address)},
        after=after,
    )


def _doomed(view: View, address: str) -> dict[str, str]:
    """Pods on this node that a drain may delete, since somebody named them."""
    named = view.operation.consents.delete_pods
    here = (pod.name for pod in (view.api.pods if view.api else ()) if pod.node == view.node_name(address))
    deleted = ", ".join(sorted(name for name in here if name in named))
    return {"deleted": deleted} if deleted else {}


def _workers(view: View, hop: str) -> Iterator[Proposal]:
    """At the end of the way, or before a kubelet would be further behind than is allowed."""
    control = set(running(view))
    for address, version in kubelets(view).items():
        if address in control or view.observed.host(address) is None or number(version) == number(hop):
            continue
        if _goes(view, version, hop):
            yield Proposal("versions", (_kubelet(view, address, hop),), budget(view, address))
