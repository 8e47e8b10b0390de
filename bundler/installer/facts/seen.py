"""Three answers to "is it there?": seen, seen to be absent, or not known. Unknown is never absent."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Doubt(StrEnum):
    """Why something could not be observed; what to do depends on it."""

    NO_ANSWER = "no answer"
    HOST_KEY = "host key changed"
    LOGIN = "login refused"
    UNREADABLE = "answer unreadable"


@dataclass(frozen=True, slots=True)
class Present(Generic[T]):
    """It is there, and this is it."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """Somebody who must know said that it is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No host that must know has answered."""

    why: str = "no answer"
    doubt: Doubt = Doubt.NO_ANSWER


Seen = Present[T] | Absent | Unknown


def value_of(seen: Seen[T]) -> T | None:
    """The value where it was seen, else None; only for callers to whom absent and unknown are the same."""
    return seen.value if isinstance(seen, Present) else None
