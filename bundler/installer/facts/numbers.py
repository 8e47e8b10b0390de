"""Numbers in a host's answers: plain digits within bounds, or the answer is invalid."""

import math


def whole(text: str, *, most: int) -> int:
    """A number from 0 to `most`. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)) or int(text) > most:
        raise ValueError(f"{text[:40]!r} is no number from 0 to {most}")
    return int(text)


def seconds(text: str, *, most: float = 1e11) -> float:
    """A moment or a time, from 0 to `most`. Raises ValueError; `nan` and `inf` are no numbers here."""
    value = float(text[:40])
    if not math.isfinite(value) or not 0 <= value <= most:
        raise ValueError(f"{text[:40]!r} is no number of seconds")
    return value
