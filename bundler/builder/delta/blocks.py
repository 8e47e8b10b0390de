"""Finding again, in a new content, what stood in older ones: by blocks of 4 KiB, at steps of 512 bytes.

A tar starts each file at a multiple of 512, so what moved in a layer is found wherever it went. A match is a
hint where a patch should look, never a proof: blocks count as the same when their CRC-32 is the same.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bundler.core.archive.deflate import evenly

BLOCK: Final = 4096
STEP: Final = 512

_DULL: Final = zlib.crc32(bytes(BLOCK))  # zeros are everywhere and tell nothing


@dataclass(frozen=True, slots=True)
class Match:
    """`length` bytes at `at` of the new content that seem to stand at `start` of source number `source`."""

    at: int
    source: int
    start: int
    length: int

    @property
    def stop(self) -> int:
        """Behind the last byte, in the new content."""
        return self.at + self.length


class BlockIndex:
    """The blocks of older contents, by their CRC-32."""

    def __init__(self) -> None:
        self._sums: list[array[int]] = []
        self._places: dict[int, tuple[int, int]] = {}  # the first place of each sum

    def add(self, content: Iterable[bytes]) -> int:
        """Take a content in, which gets the next number from 0 on; its size in bytes."""
        number, sums, size = len(self._sums), array("L"), 0
        for chunk in evenly(content):
            size += len(chunk)
            view = memoryview(chunk)
            for start in range(0, len(view) - BLOCK + 1, BLOCK):
                found = zlib.crc32(view[start : start + BLOCK])
                if found != _DULL:
                    self._places.setdefault(found, (number, len(sums)))
                sums.append(found)
        self._sums.append(sums)
        return size

    def matches(self, window: memoryview) -> Iterator[Match]:
        """What of a stretch of new content was seen before, in order, without overlaps."""
        at = 0
        while at + BLOCK <= len(window):
            place = self._places.get(zlib.crc32(window[at : at + BLOCK]))
            if place is None:
                at += STEP
                continue
            source, block = place
            length = self._run(window, at, source, block)
            yield Match(at, source, block * BLOCK, length)
            at += length

    def _run(self, window: memoryview, at: int, source: int, block: int) -> int:
        """How far the two go on alike, in bytes."""
        sums, length = self._sums[source], 0
        while (
            at + length + BLOCK <= len(window)
            and block < len(sums)
            and zlib.crc32(window[at + length : at + length + BLOCK]) == sums[block]
        ):
            length += BLOCK
            block += 1
        return length
