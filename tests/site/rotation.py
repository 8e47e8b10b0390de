"""Which of the site's tests run when: the story always, of each rotating kind one, all when asked. Pure.

CI has minutes, not hours. A test under tests/site is part of the story, which every run plays, unless it is
marked `rotating("NAME", kind="KIND")`: tests of one name run together, and of each kind one name has its
turn. The turn is the commit's number, so a run of a commit can be repeated, and each comes up in time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path


class Choice(StrEnum):
    """Which rotating tests to run, unless one is named."""

    ONE = "one"  # of each kind
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, order=True)
class Rotating:
    """Tests that take turns with others of their kind."""

    kind: str
    name: str


def chosen(candidates: Collection[Rotating], choice: str, turn: int) -> frozenset[Rotating]:
    """Those that run: of each kind the turn-th, in the order of their names, round and round; or as chosen.

    choice: a `Choice`, or the name of those that run. Raises ValueError when there is none of that name.
    """
    match choice:
        case Choice.ALL:
            return frozenset(candidates)
        case Choice.NONE:
            return frozenset()
        case Choice.ONE:
            kinds = groupby(sorted(set(candidates)), key=lambda each: each.kind)
            groups = [list(group) for _, group in kinds]
            return frozenset(group[turn % len(group)] for group in groups)
    named = frozenset(each for each in candidates if each.name == choice)
    if not named:
        raise ValueError(
            f"no rotating test is called {choice!r}: {', '.join(sorted({each.name for each in candidates}))}"
        )
    return named


def is_named(path: Path, arguments: Collection[str]) -> bool:
    """Whether the command line names a test's own file, not only a folder that it lies in."""
    return path in {Path(argument.split("::")[0]).resolve() for argument in arguments}


def told(candidates: Collection[Rotating], running: Collection[Rotating]) -> list[str]:
    """For the head of the report: of each kind what runs, and of what."""
    lines = []
    for kind in sorted({each.kind for each in candidates}):
        names, ones = ({each.name for each in some if each.kind == kind} for some in (candidates, running))
        lines.append(f"rotating {kind}: {', '.join(sorted(ones)) or 'none'}, of {', '.join(sorted(names))}")
    return lines
