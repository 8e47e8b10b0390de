"""Packed content as a stream: plain, gzip, zstd, xz, lzma or bzip2, told by its first bytes.

Nothing larger than a piece is held, however well it was packed, and there is an end to it.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import IO, Protocol, cast

import zstandard

PIECE = 1 << 20  # bytes that are handed on at most
_FEED = 1 << 17  # bytes of input that are unpacked at a time
_MEMORY = 256 << 20  # bytes that lzma may use
_WINDOW = 128 << 20  # bytes; as much as the zstd program accepts unasked

_LZMA = b"\x5d\x00\x00"  # the old format, which has no magic number of its own

_RATIO = 100  # something may grow so many times …
_ALLOWANCE = 4 << 30  # … and by so many bytes; beyond, it is taken for a bomb
_SCAN_RATIO = 20  # the same for what is only looked through; most layers grow three to five times
_SCAN_ALLOWANCE = 1 << 30
_SCAN_MOST = 64 << 30


class BrokenError(Exception):
    """The content is not what it should be, or more of it than is allowed; the text says which."""


def most(size: int) -> int:
    """The bytes that something of `size` bytes may unpack to."""
    return size * _RATIO + _ALLOWANCE


def most_scanned(size: int) -> int:
    """The bytes out of `size` that are worth a look: beyond is padding, or time stolen."""
    return min(size * _SCAN_RATIO + _SCAN_ALLOWANCE, _SCAN_MOST)


def unpacked(chunks: Iterable[bytes], *, limit: int) -> Iterator[bytes]:
    """The content, in pieces of at most PIECE bytes.

    Raises BrokenError when it doesn't unpack or has more than `limit` bytes, and whatever `chunks` raises.
    """
    seen = 0
    for piece in _decoded(chunks):
        seen += len(piece)
        if seen > limit:
            raise BrokenError(f"it unpacks to more than {limit} bytes")
        yield piece


class _Unpacker(Protocol):
    """The decompressors of bz2 and lzma, and what `_Gzip` makes of zlib's."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        # a full piece may have more behind it in zlib's own memory, even with no input left over
        self.needs_input = not self._zlib.unconsumed_tail and len(out) < max_length
        return out


def _decoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(chunks)
    head = b""
    while len(head) < 6 and (chunk := next(source, b"")):
        head += chunk
    whole = chain([head], source)
    if head.startswith(b"\x1f\x8b"):
        return _streams(whole, _Gzip, b"\x1f\x8b")
    if head.startswith(b"\xfd7zXZ\x00"):
        return _streams(whole, lambda: lzma.LZMADecompressor(memlimit=_MEMORY), b"\xfd7zXZ\x00")
    if head.startswith(_LZMA):
        return _streams(whole, lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY), _LZMA)
    if head.startswith(b"BZh"):
        return _streams(whole, bz2.BZ2Decompressor, b"BZh")
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(whole)
    return (bytes(piece) for chunk in whole for piece in _cut(chunk, PIECE))


def _streams(chunks: Iterable[bytes], make: Callable[[], _Unpacker], magic: bytes) -> Iterator[bytes]:
    """One stream after another; what follows the last one and doesn't look like a stream is padding."""
    unpacker = make()
    for feed in (bytes(part) for chunk in chunks for part in _cut(chunk, _FEED)):
        data = feed
        while data or not unpacker.needs_input:
            if unpacker.eof:
                if not data.startswith(magic[: len(data)]):
                    return
                unpacker = make()
            try:
                yield unpacker.decompress(data, PIECE)
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise BrokenError(f"it does not unpack: {error}") from error
            data = unpacker.unused_data if unpacker.eof else b""
            if unpacker.eof and not data:
                break
    if not unpacker.eof:
        raise BrokenError("it ends in the middle")


def _cut(chunk: bytes, size: int) -> Iterator[memoryview]:
    view = memoryview(chunk)
    return (view[start : start + size] for start in range(0, len(view), size))


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    try:
        with unpacker.stream_reader(
            cast("IO[bytes]", _Reads(chunks)), read_size=_FEED, read_across_frames=True
        ) as content:
            while piece := content.read(PIECE):
                yield piece
    except zstandard.ZstdError as error:
        raise BrokenError(f"it does not unpack: {error}") from error


class _Reads:
    """Chunks with the one method of a file that zstandard calls."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._parts = (bytes(part) for chunk in chunks for part in _cut(chunk, _FEED))

    def read(self, _size: int = -1) -> bytes:
        """The next part; zstandard takes whatever length it gets."""
        return next(self._parts, b"")
