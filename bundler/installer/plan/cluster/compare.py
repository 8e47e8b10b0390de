"""Three-way comparison: what we last put there, what is there, what is to be there."""

from enum import StrEnum


class Difference(StrEnum):
    """How the three differ."""

    SAME = "same"
    CHANGED = "changed"  # we want another value than before
    DRIFTED = "drifted"  # somebody changed what we had put there
    KEPT = "kept"  # somebody did, and it was agreed to
    MISSING = "missing"


def compare(applied: str | None, observed: str | None, wanted: str, kept: str | None = None) -> Difference:
    """applied: None where we never put anything there. kept: the value that a person keeps."""
    if observed == wanted:
        return Difference.SAME
    if observed is None:
        return Difference.MISSING
    if observed == kept:
        return Difference.KEPT
    if applied is not None and observed != applied:
        return Difference.DRIFTED
    return Difference.CHANGED
