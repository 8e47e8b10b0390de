"""Nodes' labels and taints, three-way; cordons of ours are lifted, those of people stay."""

from collections.abc import Iterator
from typing import Final

from bundler.installer.facts.api import Cordon, Node
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.probes import NodeHas
from bundler.installer.plan.cluster.steps import Finding, Proposal, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View

NO_PODS: Final = "node-role.kubernetes.io/control-plane:NoSchedule"


def nodes(view: View) -> Iterator[Proposal | Finding]:
    """Only what we set ourselves is taken away again."""
    if view.existence is not Existence.RUNNING or view.api is None or not view.actor or not view.owner:
        return
    yield from _takes_pods(view)
    for address in view.addresses:
        node = view.node(address)
        if node is None or view.leaving(address):
            continue
        yield from _labels(view, address, node)
        if node.cordon is Cordon.PERSON:
            yield Finding("cordoned", address, f"{node.name} was cordoned by an administrator; left alone")
        elif node.cordon is Cordon.MAINTENANCE:
            text = f"{node.name} is in maintenance; to end it: maintenance {address} --done"
            yield Finding("maintenance", address, text)
        elif node.cordon is Cordon.OURS and view.observed.host(address):
            probe = NodeHas(node.name, uncordoned=True)
            why = requested(f"an earlier run has cordoned {node.name}")
            yield proposal("nodes", step(Verb.UNCORDON, view.actor, why, probe, about=address))


def _labels(view: View, address: str, node: Node) -> Iterator[Proposal]:
    wanted, recorded = view.wanted(address), view.recorded_host(address)
    if wanted is None:
        return
    old_labels = frozenset(recorded.labels) if recorded else frozenset()
    old_taints = recorded.taints if recorded else frozenset()
    probe = NodeHas(
        node.name,
        wanted.labels,
        old_labels - frozenset(wanted.labels),
        wanted.taints,
        (old_taints - wanted.taints) | (wanted.no_taints & node.taints),
    )
    verdict = judge(probe, view.observed)
    if isinstance(verdict, Unsatisfied):
        inputs = {**wanted.labels, "taints": ", ".join(sorted(wanted.taints))}
        yield proposal(
            "nodes", step(Verb.LABELS, view.actor, verdict.because, probe, about=address, inputs=inputs)
        )


def _takes_pods(view: View) -> Iterator[Proposal | Finding]:
    """Without a worker that stays, the control planes take pods."""
    stays = [
        a for a in view.addresses if view.node(a) and not view.is_control_plane(a) and not view.leaving(a)
    ]
    if stays or view.wanted_workers:
        return
    for address in view.wanted_control_planes:
        node = view.node(address)
        if node is None or NO_PODS not in node.taints or view.leaving(address):
            continue
        why = requested("no worker stays, so the control planes take pods")
        probe = NodeHas(node.name, no_taints=frozenset({NO_PODS}))
        yield proposal("nodes", step(Verb.UNTAINT, view.actor, why, probe, about=address))
        yield Finding("control-plane-takes-pods", address, f"{node.name} takes pods: no worker stays")
