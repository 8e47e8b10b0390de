"""Making a member out of its recipe, as a stream, in bounded memory."""

from collections.abc import Callable, Iterator
from typing import Final, NoReturn

import zstandard

from bundler.core.archive import deflate
from bundler.core.archive.recipes import Patch, Piece, Range, Recipe, Source
from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode

LOOK_BACK: Final = 16 << 20  # bytes of a source that are kept, so that ranges may be a little out of order

Open = Callable[[Source], Iterator[bytes]]  # a source's content from its start, a chunk at a time


class Cursor:
    """Reads ranges of a stream that only goes forward; for a range that lies too far back it begins anew."""

    def __init__(self, begin: Callable[[], Iterator[bytes]], name: str) -> None:
        self._begin = begin
        self._name = name
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
        """Take one chunk more; drop what is older than what is needed and than `LOOK_BACK`."""
        chunk = next(self._chunks, None) if self._chunks is not None else None
        if chunk is None:
            _wrong(self._name, f"it has only {self._stop} bytes")
        self._kept += chunk
        self._stop += len(chunk)
        first = self._stop - len(self._kept)
        surplus = min(len(self._kept) - LOOK_BACK, needed_from - first)
        if surplus >= LOOK_BACK:  # seldom, as it moves what stays
            del self._kept[:surplus]


def rebuilt(recipe: Recipe, begin: Open, name: str) -> Iterator[bytes]:
    """The member that the recipe makes; who takes it holds it against its digest.

    Raises BundlerError (INTEGRITY) where the sources lack what the recipe takes, and what `begin` raises.
    """
    content = unpacked(recipe, begin, name)
    return content if recipe.gzip is None else deflate.zipped(content, recipe.gzip)


def unpacked(recipe: Recipe, begin: Open, name: str) -> Iterator[bytes]:
    """The pieces behind each other: what the member unpacks to, where it is a gzip file."""
    cursors: dict[Source, Cursor] = {}
    try:
        for piece in recipe.pieces:
            yield from _piece(piece, cursors, begin, name)
    finally:
        for cursor in cursors.values():
            cursor.close()


def _piece(piece: Piece, cursors: dict[Source, Cursor], begin: Open, name: str) -> Iterator[bytes]:
    match piece:
        case Range():
            cursor = _cursor(piece.source, cursors, begin, name)
            for start in range(piece.start, piece.stop, CHUNK):
                yield cursor.read(start, min(CHUNK, piece.stop - start))
        case Patch():
            dictionary = b"".join(
                _cursor(each.source, cursors, begin, name).read(each.start, each.length)
                for each in piece.over
            )
            data = piece.data
            frame = _cursor(data.source, cursors, begin, name).read(data.start, data.length)
            yield _patched(frame, dictionary, piece.length, name)


def _cursor(source: Source, cursors: dict[Source, Cursor], begin: Open, name: str) -> Cursor:
    if source not in cursors:
        cursors[source] = Cursor(lambda: begin(source), f"{name}: {source.path}")
    return cursors[source]


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
