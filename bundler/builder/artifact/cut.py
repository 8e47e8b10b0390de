"""Where a .run is cut into parts, so that two bundles with the same content in them have parts in common.

The parts follow one another without a gap: the file is their concatenation. Every section is cut off from the
next, the zero bytes behind it stay with it. In the archive, each large frame (an image's layer, a binary, a
package) is a part of its own, whose bytes depend on its content alone; what lies between two of them is one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bundler.core.archive.seal import Seal
from bundler.core.index import Member

LARGE: Final = 256 << 10  # bytes of a frame; for less, a request costs more than it may spare
MOST: Final = (
    480  # large frames: at most two parts for each keeps manifests far below every registry's limits
)


@dataclass(frozen=True, slots=True)
class PartRange:
    """Bytes of the file: where they start, and how many they are."""

    offset: int
    length: int


def cut(seal: Seal, members: Iterable[Member]) -> tuple[PartRange, ...]:
    """All parts in order; the same file is always cut in the same way. None is empty."""
    archive = seal.section("archive").offset
    edges = {0, seal.offset, seal.file_size}
    edges |= {section.offset for section in seal.sections}
    edges |= {archive + edge for member in _large(members) for edge in _ends(member)}
    return tuple(PartRange(start, end - start) for start, end in pairwise(sorted(edges)))


def _large(members: Iterable[Member]) -> list[Member]:
    """The largest frames; where there are too many, the smaller ones are grouped with what is around them."""
    large = (member for member in members if member.length >= LARGE)
    return sorted(large, key=lambda member: (-member.length, member.offset))[:MOST]


def _ends(member: Member) -> Iterator[int]:
    yield member.offset
    yield member.offset + member.length
