"""zstd frames (RFC 8878): stored ones written by hand, compressed ones, and which content deserves which.

Stored means raw blocks: what is compressed already goes in as it is, three bytes to 128 KiB, and any zstd
reads it. A stored frame's bytes depend on its content alone; a compressed one's on content, level and
libzstd's version, never on the number of threads or on how the content was cut into chunks.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import zstandard

LEVEL = 8  # the next ones up take twice the time for 1% (docs/format.md)
MAX_WINDOW = 8 << 20  # bytes a reader must be ready to look back; bounds its memory
LONG_WINDOW = 64 << 20  # the same for what recipes take from: layers that were compressed together

NOT_KEPT = 1 << 16  # bytes of content; below, compressing again is quicker than looking the frame up

HEAD = 18  # bytes; no frame's header is longer

_MAGIC = 0xFD2FB528
_DESCRIPTOR = 0xC0  # eight bytes of content size; not single-segment, no checksum, no dictionary
_WINDOW = 7 << 3  # 128 KiB
_LEAST, _FEW = (
    128,
    64,
)  # bytes in a block on average, blocks in any frame: writers make neither smaller ones nor more
_RUN = 1  # the type of a block that is one byte again and again
_BLOCK = 1 << 17  # the largest block a 128 KiB window allows
_STORED_HEAD = 4 + 1 + 1 + 8
_AT_ONCE = 7 * (3 + _BLOCK)  # bytes read at once, below 1 MiB
_MANY_THREADS_FROM = 1 << 20  # bytes; below, the threads cost more than they bring

_PACKED_HEADS = (
    b"\x1f\x8b",  # gzip, tgz
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\xfd7zXZ\x00",  # xz
    b"BZh",  # bzip2
    b"PK\x03\x04",  # zip, wheel
    b"!<arch>\ndebian-binary",  # deb
    b"\xed\xab\xee\xdb",  # rpm
    b"\x89PNG",
    b"\xff\xd8\xff",  # JPEG
)


class FrameCache(Protocol):
    """Keeps compressed frames between builds."""

    def frame(self, key: str, make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
        """The frame kept under `key`, verified; else `make()`'s, kept once it has ended without an error."""


class NoCache:
    """Compresses every time."""

    def frame(self, key: str, make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:  # noqa: ARG002  (FrameCache)
        """Always made anew."""
        return make()


def is_compressed(head: bytes) -> bool:
    """Whether content that starts with these bytes (32 are enough) is compressed already."""
    return head.startswith(_PACKED_HEADS)


def content_size(head: bytes, window: int = MAX_WINDOW) -> int | None:
    """The size in a frame's header, in bytes; None for what no writer of a .run makes.

    That is no frame, one to be skipped, one that needs a dictionary or a larger `window`, or one
    that names no size. head: the frame's first `HEAD` bytes, fewer where it has fewer.
    """
    if not head.startswith(_MAGIC.to_bytes(4, "little")):
        return None
    try:
        told = zstandard.get_frame_parameters(head)
    except zstandard.ZstdError:
        return None
    if told.dict_id or told.window_size > window or told.content_size == zstandard.CONTENTSIZE_UNKNOWN:
        return None
    return int(told.content_size)


def is_whole(
    read: Callable[[int, int], bytes], offset: int, length: int, size: int, window: int = MAX_WINDOW
) -> bool:
    """Whether one frame of `size` bytes of content, and nothing behind it, takes up exactly this place.

    Goes from block to block by their heads and unpacks nothing. read: (length, offset), as `os.pread` is for
    a file. window: how large the frame's may be.
    """
    end, start = offset + length, offset
    head = read(min(HEAD, length), offset)
    if content_size(head, window) != size:
        return False
    offset += zstandard.frame_header_size(head)
    for _ in range(_FEW + size // _LEAST):
        if offset + 3 > end:
            return False
        block = head[offset - start :][:3]  # the first one mostly stands in what was read already
        word = int.from_bytes(block if len(block) == 3 else read(3, offset), "little")
        offset += 3 + (1 if word >> 1 & 3 == _RUN else word >> 3)
        if word & 1:
            return offset + (4 if zstandard.get_frame_parameters(head).has_checksum else 0) == end
    return False


def stored_length(size: int) -> int:
    """Bytes of the stored frame of `size` bytes of content."""
    return _STORED_HEAD + size + 3 * max(1, -(-size // _BLOCK))


def stored(chunks: Iterable[bytes], size: int) -> Iterator[bytes | memoryview]:
    """One frame of raw blocks; `chunks` must hold exactly `size` bytes."""
    yield stored_head(size)
    left = size
    for block in _blocks(chunks):
        left -= len(block)
        yield _block_head(len(block), last=left == 0)
        yield block
    if size == 0:
        yield _block_head(0, last=True)


def stored_head(size: int) -> bytes:
    """The first bytes of the stored frame of `size` bytes of content."""
    return _MAGIC.to_bytes(4, "little") + bytes((_DESCRIPTOR, _WINDOW)) + size.to_bytes(8, "little")


def stored_spans(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where the content's bytes from `start` to `stop` stand in its stored frame: (offset, length) each."""
    while start < stop:
        block = start // _BLOCK
        length = min(stop, (block + 1) * _BLOCK) - start
        yield _STORED_HEAD + start + 3 * (block + 1), length
        start += length


def stored_runs(size: int) -> Iterator[tuple[int, int]]:
    """Where the stored frame of `size` bytes of content can be read in pieces: (offset, length) each.

    A piece is what `stored_content` takes: some whole blocks with their heads, less than 1 MiB.
    """
    end, offset = stored_length(size), _STORED_HEAD
    while offset < end:
        length = min(_AT_ONCE, end - offset)
        yield offset, length
        offset += length


def stored_content(run: bytes, *, last: bool) -> bytes | None:
    """The content in a piece of a stored frame, None where its blocks are not those that `stored` writes.

    last: whether it is the frame's last piece.
    """
    view = memoryview(run)
    blocks = [view[start : start + _BLOCK + 3] for start in range(0, len(run), _BLOCK + 3)]
    heads = (_block_head(len(block) - 3, last=last and block is blocks[-1]) for block in blocks)
    if any(block[:3] != head for block, head in zip(blocks, heads, strict=True)):
        return None
    return b"".join(block[3:] for block in blocks)


def compressed(
    chunks: Iterable[bytes], size: int, *, level: int = LEVEL, long: bool = False
) -> Iterator[bytes]:
    """One compressed frame; `chunks` must hold exactly `size` bytes.

    long: with a window of `LONG_WINDOW`, for what recipes take from.
    """
    # One worker gives the same bytes as many, but not the same as none: so the size alone decides.
    threads = (os.cpu_count() or 1) if size >= _MANY_THREADS_FROM and not long else 0
    far = (
        {"window_log": LONG_WINDOW.bit_length() - 1, "enable_ldm": True} if long and size > MAX_WINDOW else {}
    )
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, threads=threads, write_content_size=True, **far
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    for chunk in chunks:
        if out := compressor.compress(chunk):
            yield out
    yield compressor.flush()


def small(data: bytes) -> bytes:
    """A compressed frame of a few bytes: tar headers and padding."""
    return zstandard.ZstdCompressor(level=3, write_content_size=True).compress(data)


def cache_key(digest: str, level: int, *, long: bool = False) -> str:
    """What a compressed frame is made of, apart from bundler's own doing."""
    kind = "long" if long else "level"
    return f"frame 1 zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))} {kind} {level} {digest}"


def _block_head(size: int, *, last: bool) -> bytes:
    """Three bytes, little-endian: last flag, block type 0 (raw), size."""
    return (int(last) | size << 3).to_bytes(3, "little")


def _blocks(chunks: Iterable[bytes]) -> Iterator[memoryview | bytes]:
    """Cut again into blocks of 128 KiB, the last one shorter, whatever the chunks' sizes were."""
    rest = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        if rest:
            taken = _BLOCK - len(rest)
            rest += view[:taken]
            view = view[taken:]
        if len(rest) == _BLOCK:
            yield bytes(rest)
            rest.clear()
        whole = len(view) - len(view) % _BLOCK
        yield from (view[start : start + _BLOCK] for start in range(0, whole, _BLOCK))
        rest += view[whole:]
    if rest:
        yield bytes(rest)
