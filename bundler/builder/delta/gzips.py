"""Finding out how a gzip file was packed, so that it can be made again, bit for bit, out of its content.

Only zlib's own streams can be: those of zlib, Python, Java, Perl, Node and many build tools. Go's compressor
(Docker, BuildKit) and GNU gzip choose other matches; such files stay as they are.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bundler.builder.cache.partial import Blob
from bundler.builder.cache.store import Store
from bundler.core.archive.deflate import MAX_HEADER, Gzip, inflated, zipped
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError

_RECORD: Final = "gzip"
_PROBE: Final = 1 << 20  # bytes of content that settings are tried on
_HEADED: Final = 1 << 16  # bytes of the file in which its header ends
_FEXTRA, _FNAME, _FCOMMENT, _FHCRC = 4, 8, 16, 2
# Most likely first: the default, then what `-9` and `-1` mean. Memory 8 is the default, 9 the most.
_LEVELS: Final = (6, 9, 1, 5, 7, 8, 4, 3, 2)
_BY_FLAG: Final = {2: (9, *_LEVELS), 4: (1, *_LEVELS)}  # RFC 1952, XFL


@dataclass(frozen=True, slots=True)
class Packed:
    """How a gzip file was packed, and what is in it."""

    how: Gzip
    content: Blob


def known_gzip(blob: Blob, store: Store, name: str) -> Packed | None:
    """How the blob was packed, found once and kept in the store; None where it can't be made again."""
    key = f"1 zlib {zlib.ZLIB_RUNTIME_VERSION} {blob.digest}"
    if (known := store.recall(_RECORD, key)) is not None:
        return _from_json(known)
    found = find_gzip(lambda: store.chunks(blob, name=name), blob.digest.hex)
    store.remember(_RECORD, key, _to_json(found))
    return found


def find_gzip(begin: Callable[[], Iterator[bytes]], digest: str) -> Packed | None:
    """Try zlib's settings on a file's first MiB, and the ones that fit on the whole.

    begin: the file's bytes from the start. digest: its sha256 in hexadecimal.
    """
    packed = begin()
    head = b""
    for chunk in packed:
        head += chunk
        if len(head) >= _HEADED:
            break
    if (length := header_length(head)) is None:
        return None
    content, sample = _sample(head[length:], packed)
    levels = _BY_FLAG.get(head[8], _LEVELS)
    tried = dict.fromkeys((level, memory) for memory in (8, 9) for level in levels)
    for level, memory in tried:
        how = Gzip(head[:length], level, memory, zlib.Z_DEFAULT_STRATEGY)
        if _fits(how, content, sample) and (inside := _makes(how, begin, digest)):
            return Packed(how, inside)
    return None


def header_length(head: bytes) -> int | None:
    """Bytes in front of the deflate stream (RFC 1952, 2.3); None for no gzip file, or an odd one."""
    if len(head) < 18 or head[:3] != b"\x1f\x8b\x08" or head[3] & 0xE1:
        return None
    at, flags = 10, head[3]
    if flags & _FEXTRA:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            at = head.find(b"\0", at) + 1
            if at == 0:
                return None
    at += 2 if flags & _FHCRC else 0
    return at if at <= MAX_HEADER and at < len(head) else None


def _sample(head: bytes, rest: Iterator[bytes]) -> tuple[bytes, bytes]:
    """The content's first MiB, and the deflate stream that it came out of, which reaches further."""
    inflate = zlib.decompressobj(-15)
    content, seen = b"", b""
    chunk: bytes | None = head
    try:
        while chunk is not None and len(content) < _PROBE and not inflate.eof:
            content += inflate.decompress(chunk, _PROBE - len(content))
            seen += chunk
            chunk = next(rest, None)
    except zlib.error:
        return b"", b""
    return content, seen


def _fits(how: Gzip, content: bytes, stream: bytes) -> bool:
    """Whether the settings give the stream's begin: what comes out before the end is asked for."""
    deflate = how.compressor()
    begin = deflate.compress(content)
    return stream.startswith(begin or deflate.flush()[: min(16, len(stream))])


def _makes(how: Gzip, begin: Callable[[], Iterator[bytes]], digest: str) -> Blob | None:
    """The content, where packing it gives the file with this digest."""
    inside, outside, size = hashlib.sha256(), hashlib.sha256(), 0

    def seen() -> Iterator[bytes]:
        nonlocal size
        for chunk in inflated(begin(), ""):
            inside.update(chunk)
            size += len(chunk)
            yield chunk

    try:
        for chunk in zipped(seen(), how):
            outside.update(chunk)
    except BundlerError:  # it is no whole gzip file, or several in one
        return None
    return Blob(Digest(inside.hexdigest()), size) if outside.hexdigest() == digest else None


def _to_json(packed: Packed | None) -> bytes:
    if packed is None:
        return b"null"
    how, content = packed.how, packed.content
    known = [how.header.hex(), how.level, how.memory, how.strategy, content.digest.hex, content.size]
    return json.dumps(known).encode()


def _from_json(text: bytes) -> Packed | None:
    if (known := json.loads(text)) is None:
        return None
    header, level, memory, strategy, hex_digest, size = known
    return Packed(Gzip(bytes.fromhex(header), level, memory, strategy), Blob(Digest(hex_digest), size))
