"""Making a member out of its recipe, as a stream, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, NoReturn

import zstandard

from bundler.core.archive import deflate
from bundler.core.archive.recipes import Patch, Piece, Range, Recipe, RecipeSource, ranges
from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode

LOOK_BACK: Final = 16 << 20  # bytes of a source that may be kept, so that ranges may be a little out of order

Open = Callable[[RecipeSource], Iterator[bytes]]  # a source's content from its start, a chunk at a time


class Cursor:
    """Reads ranges of a stream that only goes forward; for a range that lies too far back it begins anew.

    keep: bytes behind what was read last that can be read again without that.
    """

    def __init__(self, begin: Callable[[], Iterator[bytes]], name: str, keep: int = LOOK_BACK) -> None:
        self._begin = begin
        self._name = name
        self._keep = keep
        self._chunks: Iterator[bytes] | None = None
        self._kept = bytearray()  # ends at `_stop`
        self._stop = 0

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the stream, held in memory. Raises BundlerError (INTEGRITY) where it has not so many."""
        if self._chunks is None or start < self._stop - len(self._kept):
            self._restart()
        while self._stop < start + length:
            self._advance(min(start, self._stop))
        at = start - (self._stop - len(self._kept))
        return bytes(self._kept[at : at + length])

    def close(self) -> None:
        """Let go of the stream."""
        if self._chunks is not None and hasattr(self._chunks, "close"):
            self._chunks.close()
        self._chunks = None

    def _restart(self) -> None:
        self.close()
        self._chunks = self._begin()
        self._kept.clear()
        self._stop = 0

    def _advance(self, needed_from: int) -> None:
        """Take one chunk more; drop what is older than what is needed and than `keep`."""
        chunk = next(self._chunks, None) if self._chunks is not None else None
        if chunk is None:
            _wrong(self._name, f"it has only {self._stop} bytes")
        self._kept += chunk
        self._stop += len(chunk)
        first = self._stop - len(self._kept)
        surplus = min(len(self._kept) - self._keep, needed_from - first)
        if surplus >= max(self._keep, CHUNK):  # seldom, as it moves what stays
            del self._kept[:surplus]


def rebuilt(recipe: Recipe, begin: Open, name: str) -> Iterator[bytes]:
    """The member that the recipe makes; who takes it holds it against its digest.

    Raises BundlerError (INTEGRITY) where the sources lack what the recipe takes, and what `begin` raises.
    """
    content = unpacked(recipe, begin, name)
    return content if recipe.gzip is None else deflate.zipped(content, recipe.gzip)


def unpacked(recipe: Recipe, begin: Open, name: str) -> Iterator[bytes]:
    """The pieces behind each other: what the member unpacks to, where it is a gzip file."""
    cursors = {
        source: Cursor(partial(begin, source), f"{name}: {source.path}", look_back(recipe, source))
        for source in recipe.sources
    }
    try:
        for piece in recipe.pieces:
            yield from _piece(piece, cursors, name)
    finally:
        for cursor in cursors.values():
            cursor.close()


def look_back(recipe: Recipe, source: RecipeSource) -> int:
    """How far the recipe goes back in a source, from the end of one range to the start of a later one; bytes.

    At most `LOOK_BACK`: for what lies further back the source is begun anew.
    """
    furthest = most = 0
    for taken in (each for piece in recipe.pieces for each in ranges(piece) if each.source == source):
        most = max(most, furthest - taken.start)
        furthest = max(furthest, taken.stop)
    return min(most, LOOK_BACK)


def _piece(piece: Piece, cursors: Mapping[RecipeSource, Cursor], name: str) -> Iterator[bytes]:
    match piece:
        case Range():
            cursor = cursors[piece.source]
            for start in range(piece.start, piece.stop, CHUNK):
                yield cursor.read(start, min(CHUNK, piece.stop - start))
        case Patch():
            dictionary = b"".join(cursors[each.source].read(each.start, each.length) for each in piece.over)
            frame = cursors[piece.data.source].read(piece.data.start, piece.data.length)
            yield _patched(frame, dictionary, piece.length, name)


def _patched(frame: bytes, dictionary: bytes, length: int, name: str) -> bytes:
    try:
        if zstandard.get_frame_parameters(frame).content_size != length:  # before that much room is taken
            _wrong(name, "a patch is not of the size that its recipe names")
        known = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        unpacker = zstandard.ZstdDecompressor(dict_data=known) if dictionary else zstandard.ZstdDecompressor()
        return unpacker.decompress(frame)
    except zstandard.ZstdError as error:
        _wrong(name, f"a patch does not unpack: {error}")


def _wrong(where: str, why: str) -> NoReturn:
    raise BundlerError(
        "a file can't be made again out of what its recipe names",
        where=where,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="get the file again, and the one that it rests on",
    )
