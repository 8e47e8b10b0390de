"""From steps in any order to a plan: done ones taken out, the rest behind what they come after."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Final

from bundler.installer.plan.steps import Done, Plan, Step

_SO: Final = "it is so already"
_UNUSED: Final = "nothing that is left to do needs it"


def arrange(title: str, steps: Iterable[Step], wanted: frozenset[str] | None = None) -> Plan:
    """Sort, and take out what is not wanted: it is so already.

    wanted: ids of the steps that are to be done; None for all. A step that is only a means is taken exactly
    when a step right behind it is. Raises ValueError for ids that are not unique, an unknown id in `after`,
    or a circle: each of them is a fault of the plan, never of the user.
    """
    by_id = _by_id(steps)
    if wanted is not None and not wanted:  # an order of nothing is found at once, on three thousand hosts too
        return Plan(title=title, steps=(), done=tuple(Done(step, _SO) for step in by_id.values()))
    _check(by_id)
    ordered = _sorted(by_id if wanted is None or len(wanted) > len(by_id) // 2 else _before(by_id, wanted))
    done = _done(ordered, by_id, frozenset(by_id) if wanted is None else wanted)
    return Plan(
        title=title,
        steps=_left(ordered, done),
        done=tuple(Done(by_id[name], why) for name, why in done.items()),
    )


def closed(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps without what they come after and is none of them: that has happened before."""
    wanted = tuple(steps)
    names = {step.id for step in wanted}
    return tuple(
        step
        if names.issuperset(step.after)
        else replace(step, after=tuple(name for name in step.after if name in names))
        for step in wanted
    )


def _left(ordered: tuple[Step, ...], done: Mapping[str, str]) -> tuple[Step, ...]:
    """Steps that are not done; behind a done one, they come after what that one came after."""
    through: dict[str, tuple[str, ...]] = {}  # of a done step: what is left before it
    left: list[Step] = []
    for step in ordered:
        if through.keys().isdisjoint(step.after):  # as most steps are
            before = dict.fromkeys(step.after)
        else:
            before = dict.fromkeys(name for behind in step.after for name in through.get(behind, (behind,)))
        if step.id in done:
            through[step.id] = tuple(before)
        else:
            same = len(before) == len(step.after) and tuple(before) == step.after
            left.append(step if same else replace(step, after=tuple(before)))
    return tuple(left)


def _by_id(steps: Iterable[Step]) -> dict[str, Step]:
    by_id: dict[str, Step] = {}
    for step in steps:
        if step.id in by_id:
            raise ValueError(f"two steps are called {step.id}")
        by_id[step.id] = step
    return by_id


def _check(by_id: Mapping[str, Step]) -> None:
    known = frozenset(by_id)
    for step in by_id.values():
        if not known.issuperset(step.after):
            name = next(name for name in step.after if name not in known)
            raise ValueError(f"{step.id} comes after {name}, which is no step")


def _before(by_id: Mapping[str, Step], wanted: frozenset[str]) -> Mapping[str, Step]:
    """What is wanted and all that it comes after: of thousands of hosts often few steps."""
    found: set[str] = set()
    left = [name for name in wanted if name in by_id]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(by_id[name].after)
    return {name: step for name, step in by_id.items() if name in found}


def _sorted(by_id: Mapping[str, Step]) -> tuple[Step, ...]:
    """Row by row: what waits for nothing, then what waits for these alone, and so on.

    As graphlib has it, which takes three times as long for the tens of thousands of steps of a large site.
    """
    waits: dict[str, int] = {}
    behind: dict[str, list[str]] = {}
    for name, step in by_id.items():
        waits[name] = len(step.after)
        for before in step.after:
            if before in behind:
                behind[before].append(name)
            else:
                behind[before] = [name]
                waits.setdefault(before, len(by_id[before].after))
    row = [name for name, count in waits.items() if not count]
    ordered: list[Step] = []
    while row:
        ordered += [by_id[name] for name in row]
        following: list[str] = []
        for name in row:
            for each in behind.get(name, ()):
                waits[each] -= 1
                if not waits[each]:
                    following.append(each)
        row = following
    if len(ordered) < len(by_id):
        raise ValueError(f"steps wait for each other: {_circle(by_id)}")
    return tuple(ordered)


def _circle(by_id: Mapping[str, Step]) -> list[str]:
    try:
        TopologicalSorter({step.id: step.after for step in by_id.values()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _done(ordered: tuple[Step, ...], by_id: Mapping[str, Step], wanted: frozenset[str]) -> dict[str, str]:
    """Ids of steps to leave out, with the reason; walked backwards, so what is behind a step is known.

    ordered: without those that nothing wanted comes after.
    """
    needed: set[str] = set()  # steps that something left over comes directly after
    done: dict[str, str] = {}
    for step in reversed(ordered):
        if step.only_if_needed and step.id not in needed:
            done[step.id] = _UNUSED
        elif not step.only_if_needed and step.id not in wanted:
            done[step.id] = _SO
        else:
            needed.update(step.after)
    kept = {step.id for step in ordered} - done.keys()
    return {
        step.id: done.get(step.id, _UNUSED if step.only_if_needed else _SO)
        for step in by_id.values()
        if step.id not in kept
    }
