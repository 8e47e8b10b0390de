"""What is different between two locks, or between a lock and a build. Pure."""

from dataclasses import dataclass

from bundler.builder.lock.model import Inputs, Pin
from bundler.core.errors import Location, Problem


@dataclass(frozen=True, slots=True, order=True)
class LockChange:
    """One input that is not what it was; before, after: what it is pinned to, "" where it isn't there."""

    kind: str
    name: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.kind} {self.name} {self.after}"
        if not self.after:
            return f"- {self.kind} {self.name} {self.before}"
        return f"~ {self.kind} {self.name}\n    {self.before}\n    {self.after}"

    def problem(self, lock: str) -> Problem:
        """As a fault of the lock at the path `lock`."""
        if not self.before:
            told = f"{self.kind} {self.name} is needed and not locked (it is {self.after} now)"
        elif not self.after:
            told = f"{self.kind} {self.name} is locked, and nothing needs it any more"
        else:
            told = f"{self.kind} {self.name} is {self.after}, but locked as {self.before}"
        return Problem(Location(lock), "lock-differs", told, "run `bundler lock`, and review what it changes")


def changes(before: Inputs, after: Inputs) -> tuple[LockChange, ...]:
    """What was added, removed and changed, in the order of the kinds and then of the names.

    Who asks for an input, and what an index of packages was like, makes no difference to the bytes.
    """
    found: list[LockChange] = []
    for (kind, old), (_, new) in zip(before.kinds(), after.kinds(), strict=True):
        found += _of_kind(kind, old, new)
    return tuple(found)


def _of_kind(kind: str, old: tuple[Pin, ...], new: tuple[Pin, ...]) -> list[LockChange]:
    before = {pin.name: pin.pinned for pin in old}
    after = {pin.name: pin.pinned for pin in new}
    return [
        LockChange(kind, name, before.get(name, ""), after.get(name, ""))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
