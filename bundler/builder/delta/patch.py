"""Writing a content down as pieces of older ones and patches on them (`bundler.core.archive.recipes`)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import zstandard

from bundler.builder.delta.blocks import BlockIndex, Match
from bundler.core.archive import frames
from bundler.core.archive.deflate import evenly
from bundler.core.archive.rebuild import LOOK_BACK, Cursor
from bundler.core.archive.recipes import Patch, Piece, Range, RecipeSource

SEGMENT: Final = 4 << 20  # bytes that one patch makes
_DICTIONARY: Final = 12 << 20  # bytes that one patch looks at, at most
_MARGIN: Final = 1 << 16  # bytes around a match that are looked at, too: what changed stands between matches
_AROUND: Final = 3 << 20  # bytes around a mere guess
_REWINDS: Final = 8  # how often a source may be begun anew: each costs the site a pass over it
_MOSTLY: Final = 0.8  # of a segment: as much found again makes a quick search enough

_DATA: Final = RecipeSource("")  # a patch's own data; its writer knows the path


@dataclass(slots=True)
class Old:
    """A content that the other side has, of `size` bytes; begin: gives it from its start.

    guess: where it is likely to go on. reached, rewinds: how far it was read, and how often anew.
    """

    source: RecipeSource
    begin: Callable[[], Iterator[bytes]]
    size: int
    guess: int = 0
    rewinds: int = 0
    reached: int = 0


@dataclass(slots=True)
class Patcher:
    """Makes pieces, one segment of a new content after the other; `write` gets the patches' frames.

    written: bytes of these. last: the number of the source in which something was last found.
    """

    index: BlockIndex
    olds: Sequence[Old]
    write: Callable[[bytes], object]
    written: int = 0
    last: int = 0
    _cursors: dict[int, Cursor] = field(default_factory=dict)

    def pieces(self, content: Iterable[bytes]) -> Iterator[Piece]:
        """The content's pieces, neighbours joined where they are neighbours in their source, too."""
        last: Piece | None = None
        try:
            for segment in evenly(content, SEGMENT):
                piece = self._piece(segment)
                if isinstance(last, Range) and isinstance(piece, Range) and _follows(last, piece):
                    last = replace(last, length=last.length + piece.length)
                    continue
                if last is not None:
                    yield last
                last = piece
            if last is not None:
                yield last
        finally:
            for cursor in self._cursors.values():
                cursor.close()

    def _piece(self, segment: bytes) -> Piece:
        matches = list(self.index.matches(memoryview(segment)))
        if (whole := self._whole(segment, matches)) is not None:
            return whole
        wanted = self._dictionary(segment, matches)
        over = tuple(Range(self.olds[number].source, start, stop - start) for number, start, stop in wanted)
        known = b"".join(self._read(number, start, stop - start) for number, start, stop in wanted)
        found = sum(match.length for match in matches)
        frame = _compressed(segment, known, quick=found > _MOSTLY * len(segment))
        self.write(frame)
        data = Range(_DATA, self.written, len(frame))
        self.written += len(frame)
        self._guess(segment, matches)
        return Patch(data, over, len(segment))

    def _whole(self, segment: bytes, matches: list[Match]) -> Range | None:
        """The segment as one range of one source, where it is just that."""
        if not matches:
            return None
        first, old = matches[0], self.olds[matches[0].source]
        start, stop = first.start - first.at, first.start - first.at + len(segment)
        if start < 0 or stop > old.size or first.length < _MOSTLY * len(segment):
            return None
        if (
            not self._reachable(first.source, start)
            or self._read(first.source, start, len(segment)) != segment
        ):
            return None
        old.guess, self.last = stop, first.source
        return Range(old.source, start, len(segment))

    def _dictionary(self, segment: bytes, matches: Sequence[Match]) -> list[tuple[int, int, int]]:
        """Ranges (number of the source, start, stop) in the order in which they are read.

        Where there is not room for all, sources in which more was found come first; guesses are for segments
        in which nothing was found, and the source that the content was last found in comes first then.
        """
        found: Counter[int] = Counter()
        for match in matches:
            found[match.source] += match.length
        spans = list(_around(matches, len(segment))) or list(self._guesses(len(segment)))
        joined = _joined(spans, [old.size for old in self.olds])
        first = sorted(joined, key=lambda span: (-found[span[0]], span[0] != self.last, span))
        chosen, room = [], _DICTIONARY
        for number, start, stop in first:
            if not self._reachable(number, start) or room <= 0:
                continue
            stop = min(stop, start + room)  # noqa: PLW2901  (cut where the dictionary is full)
            chosen.append((number, start, stop))
            room -= stop - start
        return sorted(chosen)

    def _guesses(self, length: int) -> Iterator[tuple[int, int, int]]:
        for number, old in enumerate(self.olds):
            if old.guess < old.size:
                yield number, old.guess - _AROUND, old.guess + length + _AROUND

    def _guess(self, segment: bytes, matches: list[Match]) -> None:
        """Expect each source to go on where its last match ended, or as far on as the new content went."""
        last = {match.source: match for match in matches}
        if matches:
            self.last = matches[-1].source
        for number, old in enumerate(self.olds):
            match = last.get(number)
            old.guess = (
                match.start + len(segment) - match.at if match is not None else old.guess + len(segment)
            )

    def _reachable(self, number: int, start: int) -> bool:
        old = self.olds[number]
        return start >= old.reached - LOOK_BACK or old.rewinds < _REWINDS

    def _read(self, number: int, start: int, length: int) -> bytes:
        old = self.olds[number]
        if start < old.reached - LOOK_BACK:
            old.rewinds += 1
            old.reached = 0
        old.reached = max(old.reached, start + length)
        if number not in self._cursors:
            self._cursors[number] = Cursor(old.begin, old.source.path)
        return self._cursors[number].read(start, length)


def _around(matches: Sequence[Match], size: int) -> Iterator[tuple[int, int, int]]:
    """Where to look for a segment of `size` bytes: at its matches, and as far beside them as it has none."""
    before = 0  # where in the segment the match before ends
    afters = [*(each.at for each in matches), size][1:]
    for match, after in zip(matches, afters, strict=False):
        start = match.start - (match.at - before) - _MARGIN
        yield match.source, start, match.start + match.length + (after - match.stop) + _MARGIN
        before = match.stop


def _joined(spans: Iterable[tuple[int, int, int]], sizes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Spans in order, within their sources, those that touch as one."""
    last: tuple[int, int, int] | None = None
    for number, start, stop in sorted(spans):
        start, stop = max(start, 0), min(stop, sizes[number])  # noqa: PLW2901  (kept within the source)
        if start >= stop:
            continue
        if last is not None and last[0] == number and start <= last[2]:
            last = (number, last[1], max(last[2], stop))
            continue
        if last is not None:
            yield last
        last = (number, start, stop)
    if last is not None:
        yield last


def _follows(first: Range, second: Range) -> bool:
    return first.source == second.source and first.stop == second.start


def _compressed(segment: bytes, known: bytes, *, quick: bool) -> bytes:
    """One zstd frame over a dictionary; with tables that hold less than all of it, little would be found."""
    tables = 20 if quick else 22
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3 if quick else frames.LEVEL,
        source_size=len(segment),
        dict_size=len(known),
        write_content_size=True,
        **({"window_log": 24, "hash_log": tables, "chain_log": tables} if known else {}),
    )
    if not known:
        return zstandard.ZstdCompressor(compression_params=parameters).compress(segment)
    dictionary = zstandard.ZstdCompressionDict(known, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary).compress(segment)
