"""Drains that disruption budgets hold up: which nodes and pods, and what each choice comes to. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bundler.installer.facts.api import Cordon
from bundler.installer.plan.cluster.operation import Blocked, Operation
from bundler.installer.plan.cluster.steps import Stage, Verb
from bundler.installer.plan.cluster.view import View


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A node that a drain has left cordoned. pods: namespace/name of those that stay, with their budgets."""

    address: str
    node: str
    pods: tuple[tuple[str, str], ...]
    control_plane: bool = False

    @property
    def choices(self) -> tuple[Blocked, ...]:
        """A control plane is not left behind: those that come after it would run ahead of it."""
        every = (Blocked.WAIT, Blocked.SKIP, Blocked.FORCE, Blocked.STOP)
        return tuple(each for each in every if each is not Blocked.SKIP or not self.control_plane)


def held_up(view: View, stage: Stage) -> Iterator[HeldUp]:
    """Of the nodes that a stage was to drain, those that budgets hold up."""
    for address in dict.fromkeys(step.subject for step in stage.verbs(Verb.UPGRADE_NODE, Verb.LEAVE)):
        node = view.node(address)
        if view.api is None or node is None or node.cordon is not Cordon.OURS:
            continue
        pods = tuple(
            (pod.name, pod.budget)
            for pod in view.api.pods
            if pod.node == node.name and pod.budget and pod.allowed < 1
        )
        if pods:
            yield HeldUp(address, node.name, pods, view.is_control_plane(address))


def agreed(operation: Operation, held: HeldUp, choice: Blocked) -> Operation:
    """The operation with what was chosen for this node."""
    consents = operation.consents
    match choice:
        case Blocked.SKIP:
            consents = replace(consents, skipped=consents.skipped | {held.address})
        case Blocked.FORCE:
            named = frozenset(name for name, _ in held.pods)
            consents = replace(consents, delete_pods=consents.delete_pods | named)
        case Blocked.WAIT | Blocked.STOP:
            pass
    return replace(operation, consents=consents)
