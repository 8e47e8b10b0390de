"""Gzip that can be made again, bit for bit, out of what it unpacks to (RFC 1951, 1952).

zlib gives the same deflate stream for the same content and settings, whatever the machine. So a gzip file
made by zlib is its content, its settings, and its header; the trailer follows from the content. Whether a
file is such a one is tried by who makes the bundle; who makes it again holds the result against its sha256.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode

MAX_HEADER: Final = 1024  # bytes; names and comments in a header are short

_RAW: Final = -15  # zlib's word for deflate without head or tail, window 32 KiB
_GZIP: Final = 31


@dataclass(frozen=True, slots=True)
class Gzip:
    """How a content was packed.

    header: the bytes in front of the deflate stream. level, memory, strategy: zlib's settings (deflateInit2).
    """

    header: bytes
    level: int
    memory: int
    strategy: int

    def compressor(self) -> "zlib._Compress":
        """A fresh deflate stream with these settings."""
        return zlib.compressobj(self.level, zlib.DEFLATED, _RAW, self.memory, self.strategy)


def zipped(content: Iterable[bytes], how: Gzip) -> Iterator[bytes]:
    """The gzip file of a content."""
    yield how.header
    deflate = how.compressor()
    crc = size = 0
    for chunk in evenly(content):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if packed := deflate.compress(chunk):
            yield packed
    yield deflate.flush() + trailer(crc, size)


def trailer(crc: int, size: int) -> bytes:
    """The last eight bytes: CRC-32 of the content, and its size in bytes modulo 2^32."""
    return crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def inflated(packed: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The content of a gzip file of one member, at most 1 MiB at a time.

    Raises BundlerError (INTEGRITY) where it is none, or has bytes behind its end.
    """
    inflate = zlib.decompressobj(_GZIP)
    try:
        for piece in packed:
            chunk = piece
            while chunk:
                if out := inflate.decompress(chunk, CHUNK):
                    yield out
                if inflate.eof:
                    break
                chunk = inflate.unconsumed_tail
            if inflate.unused_data:
                raise _not_gzip(name, "there is something behind its end")
    except zlib.error as error:
        raise _not_gzip(name, str(error)) from error
    if not inflate.eof:
        raise _not_gzip(name, "it ends too early")


def evenly(chunks: Iterable[bytes], size: int = CHUNK) -> Iterator[bytes]:
    """The same bytes, always cut at the same places: every `size` bytes."""
    rest = bytearray()
    for chunk in chunks:
        if not rest and len(chunk) == size:
            yield chunk
            continue
        rest += chunk
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


def _not_gzip(name: str, why: str) -> BundlerError:
    return BundlerError("not a whole gzip file", where=name, why=why, code=ExitCode.INTEGRITY)
