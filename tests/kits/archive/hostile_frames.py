"""Frames that lie or are bombs; each is a whole .run whose index and seal agree with the lie."""

import hashlib
from collections.abc import Callable
from typing import Any

import zstandard

from tests.kits.archive.hostile_kit import Base, stored

_MAGIC = b"\x28\xb5\x2f\xfd"
_TEXT = b"the content that the index speaks of " * 40
_FIELDS = {"size": len(_TEXT), "digest": f"sha256:{hashlib.sha256(_TEXT).hexdigest()}"}
_GOOD = zstandard.ZstdCompressor(level=3, write_content_size=True).compress(_TEXT)


def _raw_block(data: bytes, *, kind: int = 0, last: bool = True, size: int | None = None) -> bytes:
    """RFC 8878, 3.1.1.2: last flag, block type, size."""
    return (int(last) | kind << 1 | (len(data) if size is None else size) << 3).to_bytes(3, "little") + data


def _head(*, flags: int = 0, window: int = 0x38, size: int = len(_TEXT)) -> bytes:
    """A header with eight bytes of content size, as the index says it, so that only the rest is a lie."""
    return _MAGIC + bytes((0xC0 | flags, window)) + size.to_bytes(8, "little")


def _zeros(blocks: int) -> bytes:
    """A bomb: blocks of 128 KiB of zeros, four bytes each."""
    first = _raw_block(b"\0", kind=1, last=False, size=1 << 17)
    return first * (blocks - 1) + _raw_block(b"\0", kind=1, size=1 << 17)


def _framed(frame: bytes, **fields: Any) -> Callable[[Base], bytes]:
    return lambda base: base.parts.framed(frame, **{**_FIELDS, **fields}).build()


def _single(size: int) -> bytes:
    """A single-segment frame, whose window is its content's size, eight bytes of it."""
    return _MAGIC + b"\xe0" + size.to_bytes(8, "little") + _raw_block(_TEXT)


FRAMES: dict[str, Callable[[Base], bytes]] = {
    "bomb-of-4-GiB": _framed(_head() + _zeros(32_768)),
    "bomb-that-says-16-TiB": _framed(_head(size=1 << 44) + _zeros(1000), size=1 << 44),
    "bomb-behind-the-content": _framed(_head() + _raw_block(_TEXT, last=False) + _zeros(32_768)),
    "bomb-in-a-window-of-2-GiB": _framed(_head(window=21 << 3) + _zeros(32_768)),
    "bomb-without-a-size": _framed(_MAGIC + b"\x00\x38" + _zeros(32_768)),
    "window-16-MiB": _framed(_head(window=14 << 3) + _raw_block(_TEXT)),
    "window-2-GiB": _framed(_head(window=21 << 3) + _raw_block(_TEXT)),
    "window-of-terabytes": _framed(_head(window=0xFF) + _raw_block(_TEXT)),
    "single-segment-of-16-MiB": _framed(_single(16 << 20), size=16 << 20),
    "single-segment-of-1-GiB": _framed(_single(1 << 30), size=1 << 30),
    "single-segment-of-2-62": _framed(_single(1 << 62), size=1 << 62),
    "single-segment-of-2-64": _framed(_single((1 << 64) - 2)),
    "size-unknown": _framed(_MAGIC + b"\x00\x38" + _raw_block(_TEXT)),
    "said-to-be-longer": _framed(_GOOD, size=len(_TEXT) + 1),
    "said-to-be-shorter": _framed(_GOOD, size=len(_TEXT) - 1),
    "said-to-be-empty": _framed(_GOOD, size=0),
    "said-to-be-2-62": _framed(_GOOD, size=1 << 62),
    "other-content": _framed(_GOOD, digest="sha256:" + "0" * 64),
    "other-content-stored": _framed(stored(_TEXT), digest="sha256:" + "0" * 64),
    "both-say-more": _framed(_head(size=1 << 40) + _raw_block(_TEXT), size=1 << 40),
    "both-say-less": _framed(_head(size=3) + _raw_block(_TEXT), size=3),
    "header-says-more": _framed(_head(size=1 << 40) + _raw_block(_TEXT)),
    "wrong-checksum": _framed(_head(flags=0x04) + _raw_block(_TEXT) + b"\0\0\0\0"),
    "a-dictionary": _framed(_MAGIC + b"\xc3\x38\1\2\3\4" + _head()[6:] + _raw_block(_TEXT)),
    "reserved-bit": _framed(_head(flags=0x08) + _raw_block(_TEXT)),
    "reserved-block": _framed(_head() + _raw_block(_TEXT, kind=3)),
    "block-too-large": _framed(_head(window=0x60, size=200_000) + _raw_block(bytes(200_000)), size=200_000),
    "block-over-the-end": _framed(_head() + _raw_block(_TEXT[:-1], size=len(_TEXT))),
    "noise-for-a-block": _framed(_head() + _raw_block(_TEXT, kind=2)),
    "cut-in-its-head": _framed(_GOOD[:5]),
    "cut-in-the-middle": _framed(_GOOD[: len(_GOOD) // 2]),
    "no-frame": _framed(_TEXT),
    "gzip": _framed(b"\x1f\x8b\x08\x00" + bytes(100)),
    "old-zstd": _framed(b"\x27\xb5\x2f\xfd" + _GOOD[4:]),
    "to-be-skipped": _framed(b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip" + _GOOD),
    "to-be-skipped-4-GiB": _framed(b"\x50\x2a\x4d\x18" + b"\xff" * 4 + _GOOD),
    "an-empty-one-first": _framed(stored(b"") + _GOOD),
    "in-two-frames": _framed(stored(_TEXT[:100]) + stored(_TEXT[100:])),
}
