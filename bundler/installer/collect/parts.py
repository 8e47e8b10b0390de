"""A host's answer to collect.sh, part by part. Pure; of a name that it gives, nothing leads anywhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

MOST_PARTS: Final = 2000  # of one host
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._@:+-]")
_LONGEST: Final = 120  # characters between two slashes
_DEEPEST: Final = 8
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Collected:
    """One part of a host. last: the host's answer ends here without its last line, so it may be cut."""

    name: str
    data: bytes
    last: bool = False


def parts(stream: IO[bytes], mark: bytes) -> Iterator[Collected]:
    """Every part in order, each name once."""
    seen: set[str] = set()
    name, lines = "", list[bytes]()
    for line in stream:
        if not line.startswith(mark + b" "):
            if name:
                lines.append(line)
            continue
        if name:
            yield Collected(name, b"".join(lines).rstrip(b"\n") + b"\n")
        word = line[len(mark) + 1 :].decode("utf-8", "replace").strip()
        if word == "end" or len(seen) >= MOST_PARTS:
            return
        name, lines = _fresh(safe(word), seen), []
        seen.add(name)
    if name:
        yield Collected(name, b"".join(lines), last=True)


def safe(name: str) -> str:
    """A relative path of plain characters without `..`; `unnamed` where nothing is left."""
    words = [_UNUSUAL.sub("_", word)[:_LONGEST] for word in name.split("/")]
    kept = [word.lstrip(".") for word in words if word.strip(".")]
    return "/".join(kept[:_DEEPEST]) or "unnamed"


def _fresh(name: str, seen: set[str]) -> str:
    """The name, with a number where it is taken, or where one of the two would be the other's folder."""
    candidate, number = name, 1
    while any(_meet(candidate, each) for each in seen):
        number += 1
        candidate = f"{name}.{number}"
        if number > _TRIES:
            candidate = f"more/{len(seen)}"
    return candidate


def _meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
