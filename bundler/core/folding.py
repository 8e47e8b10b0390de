"""Equal faults of a file told once, with all their places. Pure.

Two hundred hosts with one misspelt field are one thing to mend, not two hundred. Faults are equal when they
differ in nothing but numbers in brackets, as in `spec.hosts[7].ssh`; alike when they differ in values, too.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bundler.core.errors import Problem

    Key = Callable[[Problem], tuple[str, ...]]

_FEW: Final = 3  # equal faults that are shown one by one
_ALIKE: Final = 12  # faults that differ in values, shown before the rest is counted
_PLACES: Final = 12  # runs of lines that are listed
_INDEX: Final = re.compile(r"\[(\d+)\]")
_VALUE: Final = re.compile(r"'[^']*'|\"[^\"]*\"|[\w.:/-]*\d[\w.:/-]*")


def folded(problems: Sequence["Problem"]) -> Iterator[str]:
    """The text of each fault, or of each group of them, in the order of their places."""
    for kind in _groups(problems, _alike):
        equal = list(_groups(kind, _equal))
        yield from map(_one, equal[:_ALIKE])
        if rest := [each for group in equal[_ALIKE:] for each in group]:
            yield f"{rest[0].location.file}: {len(rest):,} more like these [{rest[0].rule}]: {_lines(rest)}"


def runs(numbers: Iterable[int]) -> list[str]:
    """Numbers in order, neighbours with one dash: `3`, `5-9`. Each once."""
    found = sorted(set(numbers))
    ends = [one for one, two in pairwise(found) if two != one + 1] + found[-1:]
    starts = found[:1] + [two for one, two in pairwise(found) if two != one + 1]
    return [f"{start}-{end}" if end > start else str(start) for start, end in zip(starts, ends, strict=True)]


def _one(group: Sequence["Problem"]) -> str:
    if len(group) <= _FEW:
        return "\n".join(map(str, group))
    first = replace(group[0], message=_spread([each.message for each in group]), hint="")
    fix = f"\n  fix: {group[0].hint}" if group[0].hint else ""
    return f"{first}\n  {len(group):,} times: {_lines(group)}{fix}"


def _spread(messages: Sequence[str]) -> str:
    """The message with the one number that differs as ranges; as it first was where several differ."""
    columns = list(zip(*(_INDEX.findall(message) for message in messages), strict=True))
    differ = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len(differ) != 1:
        return messages[0]
    found = list(_INDEX.finditer(messages[0]))[differ[0]]
    numbers = runs(map(int, columns[differ[0]]))
    told = ",".join(numbers[:_PLACES]) + (",…" if len(numbers) > _PLACES else "")
    return f"{messages[0][: found.start(1)]}{told}{messages[0][found.end(1) :]}"


def _lines(group: Sequence["Problem"]) -> str:
    numbers = runs(each.location.line for each in group)
    if len(numbers) > _PLACES:
        numbers = [*numbers[: _PLACES - 1], "…", numbers[-1].rpartition("-")[2]]
    return f"line{'s' if len(numbers) > 1 or '-' in numbers[0] else ''} {', '.join(numbers)}"


def _groups(
    problems: Iterable["Problem"], key: Callable[["Problem"], tuple[str, ...]]
) -> Iterator[list["Problem"]]:
    found: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        found.setdefault(key(problem), []).append(problem)
    yield from found.values()


def _equal(problem: "Problem") -> tuple[str, ...]:
    return (problem.location.file, problem.rule, _INDEX.sub("[]", problem.message), problem.hint)


def _alike(problem: "Problem") -> tuple[str, ...]:
    return (problem.location.file, problem.rule, _VALUE.sub("…", _INDEX.sub("[]", problem.message)))
