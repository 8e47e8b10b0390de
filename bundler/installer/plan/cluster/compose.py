"""From proposals to one stage: in order, each whose claims fit; who waits for a held one is held, too."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bundler.installer.plan.cluster.steps import Proposal, Stage, Step, Verb
from bundler.installer.plan.cluster.view import View

_READS = frozenset({Verb.CHECK_PULL, Verb.SNAPSHOT})


@dataclass(frozen=True, slots=True)
class Composed:
    """A stage, and the keys of steps that did not fit."""

    stage: Stage | None
    held: tuple[str, ...]


def compose(view: View, proposals: Sequence[Proposal]) -> Composed:
    """Budgets: `control-plane` is 1, a group's is its maxUnavailable less what is down already."""
    left = _budgets(view, proposals)
    taken: list[Step] = []
    busy: set[str] = set()  # hosts in a disruptive proposal
    held: set[str] = set()
    for proposal in proposals:
        waits = held and any(name in held for step in proposal.steps for name in step.after)
        fits = all(left[name] >= number for name, number in proposal.claims.items())
        subjects = _subjects(proposal) if proposal.claims else set()
        if waits or subjects & busy or not fits:
            held.update(step.key for step in proposal.steps)
            continue
        for name, number in proposal.claims.items():
            left[name] -= number
        busy.update(subjects)
        taken.extend(proposal.steps)
    steps = ordered(taken)
    return Composed(Stage(steps) if steps else None, tuple(sorted(held)))


def _subjects(proposal: Proposal) -> set[str]:
    """Hosts that it changes."""
    return {step.subject for step in proposal.steps if step.verb not in _READS}


def _budgets(view: View, proposals: Sequence[Proposal]) -> Counter[str]:
    left: Counter[str] = Counter({name: 1 for each in proposals for name in each.claims})
    left["blocked"] = 0
    down = _down(view, proposals)
    for group in {host.group for host in view.desired.hosts} | {"workers"}:
        left[f"group:{group}"] = view.desired.windows.get(group, 1) - down[group]
    return left


def _down(view: View, proposals: Sequence[Proposal]) -> Counter[str]:
    """Nodes of each group that are not Ready now, except those that a step is about to fix."""
    mended = {step.subject for each in proposals for step in each.steps}
    return Counter(
        host.group
        for host in view.desired.hosts
        if not host.is_control_plane
        and host.address not in mended
        and not (view.node(host.address) and host.address in view.silent)
        and (node := view.node(host.address))
        and not node.ready
    )


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Each behind what it waits for, of those that are there; a key stands once."""
    by_key = {step.key: step for step in steps}
    done: dict[str, Step] = {}

    def put(step: Step) -> None:
        for name in step.after:
            if name not in done and name in by_key:
                break
        else:  # as nearly always: they come in order
            done.setdefault(step.key, step)
            return
        stack = [step]
        while stack:
            top = stack[-1]
            waits = [by_key[n] for n in top.after if n in by_key and n not in done and by_key[n] not in stack]
            if waits:
                stack.append(waits[0])
                continue
            done.setdefault(top.key, top)
            stack.pop()

    for step in by_key.values():
        put(step)
    return tuple(done.values())
