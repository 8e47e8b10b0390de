"""A host's answer in sections, and numbers within bounds. Pure."""

import math

from bundler.installer.facts.numbers import whole

__all__ = ["number", "sections", "whole"]


def sections(text: str) -> dict[str, list[str]]:
    """Lines by the section that they stand in: a line `@@name` begins one."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.split("\n"):
        if line.startswith("@@"):
            current = found.setdefault(line[2:].strip(), [])
        elif line.strip():
            current.append(line.rstrip())
    return found


def number(text: str, *, most: float) -> float:
    """From 0 to `most`. Raises ValueError; `nan` and `inf` are no numbers here."""
    value = float(text[:40])
    if not math.isfinite(value) or not 0 <= value <= most:
        raise ValueError(f"{text[:40]!r} is no number from 0 to {most}")
    return value
