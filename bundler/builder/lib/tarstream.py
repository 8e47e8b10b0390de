"""A tar read once, as it streams by: names, kinds and, for those who ask, contents.

Reads ustar, pax (POSIX.1-2001) and GNU's long names and sparse files. The standard library's reader takes
a header's word for how much memory a name needs; here everything is bounded. Nothing is written anywhere.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from bundler.builder.lib.decompress import BrokenError

BLOCK = 512
MAX_ENTRIES = 5_000_000
MAX_PATH = 4096  # bytes; Linux takes no longer ones
_MAX_EXTRA = 1 << 20  # bytes of a long name, or of a pax header
_BUFFER = 1 << 17  # bytes read at a time where most of a file is passed over
_PREFIX_AT = 345
_REAL_EXTENDED = 482  # GNU's sparse header: whether another block of the map follows


class Kind(Enum):
    """What an entry puts in its place."""

    FILE = "file"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    FOLDER = "folder"
    OTHER = "device, FIFO or socket"


_KINDS = {b"0": Kind.FILE, b"\0": Kind.FILE, b"7": Kind.FILE, b"S": Kind.FILE, b"2": Kind.LINK}
_KINDS |= {b"1": Kind.HARD_LINK, b"5": Kind.FOLDER, b"3": Kind.OTHER, b"4": Kind.OTHER, b"6": Kind.OTHER}
_WITHOUT_CONTENT = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})  # whatever size they tell
_SPARSE = "sparse"  # stands among what a pax header says where it describes a sparse file
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"


class TarContent:
    """Bytes that come only once, `size` of them announced; what is not read is skipped."""

    def __init__(self, chunks: "Iterable[bytes] | TarSource", size: int) -> None:
        self.size = size
        self._left = size
        self._source = chunks if isinstance(chunks, TarSource) else TarSource(chunks)
        self._peeked = b""

    def peek(self, count: int) -> bytes:
        """The first `count` bytes, fewer where there are no more; `pieces` gives them again. Only once."""
        self._peeked = self._source.take(min(count, self._left))
        self._left -= len(self._peeked)
        return self._peeked

    def read(self, limit: int) -> bytes:
        """All of it. Raises BrokenError when that is more than `limit` bytes, or not all is there."""
        if self.size > limit:
            raise BrokenError(f"it has {self.size} bytes, more than {limit}")
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes | memoryview]:
        """All of it. Raises BrokenError when it ends early."""
        if self._peeked:
            yield self._peeked
            self._peeked = b""
        while self._left:
            piece = self._source.piece(self._left)
            self._left -= len(piece)
            yield piece

    def finish(self) -> None:
        """Pass over what is left."""
        self._source.skip(self._left)
        self._left = 0


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One entry; `path` without `./` or `/` before and `/` behind it, `link` as it stands there.

    at: where its content starts, bytes from the tar's start. sparse: the content lacks its runs of zeros.
    """

    path: str
    kind: Kind
    mode: int
    link: str
    content: TarContent
    at: int = 0
    sparse: bool = False


class TarSource:
    """Chunks taken apart at will."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._view = memoryview(b"")
        self.at = 0  # bytes taken so far

    def piece(self, most: int) -> memoryview:
        """The next bytes, 1 to `most` of them. Raises BrokenError at the end."""
        while not self._view:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise BrokenError("it ends in the middle")
            self._view = memoryview(chunk)
        piece, self._view = self._view[:most], self._view[most:]
        self.at += len(piece)
        return piece

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises BrokenError when there are fewer."""
        if len(self._view) >= count:
            taken, self._view = bytes(self._view[:count]), self._view[count:]
            self.at += count
            return taken
        parts = bytearray()
        while len(parts) < count:
            parts += self.piece(count - len(parts))
        return bytes(parts)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes. Raises BrokenError when there are fewer."""
        while count:
            count -= len(self.piece(count))

    def ended(self) -> bool:
        """Whether nothing is left."""
        while not self._view:
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._view = memoryview(chunk)
        return False


class FileSource(TarSource):
    """A file of which most is passed over: that is not read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(iter(lambda: file.read(_BUFFER), b""))
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def skip(self, count: int) -> None:
        """Pass over `count` bytes. Raises BrokenError when there are fewer."""
        if count <= len(self._view):
            super().skip(count)
            return
        if self.at + count > self._size:
            raise BrokenError("it ends in the middle")
        self.at += count
        self._view = memoryview(b"")
        self._file.seek(self.at)


def entries(chunks: Iterable[bytes] | TarSource, *, most: int = MAX_ENTRIES) -> Iterator[TarEntry]:
    """The entries of a tar; an entry's content can be read until the next one is asked for.

    Reads `chunks` to their end, so that a verifier sees all of them. most: headers that are read.
    Raises BrokenError for what is no tar or has more in it, and whatever `chunks` raises.
    """
    source = chunks if isinstance(chunks, TarSource) else TarSource(chunks)
    extra: dict[str, str] = {}
    count = 0
    while (head := _head(source)) is not None:
        size, kind = _number(head[124:136]), head[156:157]
        count += 1
        if count > most:
            raise BrokenError(f"it has more than {most} entries")
        if kind in {_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK}:
            extra |= _extra(kind, _small(source, size))
            continue
        _skip_sparse_map(source, head, kind)
        size = _number_text(extra["size"]) if "size" in extra else size
        content = TarContent(source, 0 if kind in _WITHOUT_CONTENT else size)
        yield _entry(head, kind, extra, content, source.at)
        content.finish()
        source.skip(-content.size % BLOCK)
        extra = {}
    if source.at == 0:
        raise BrokenError("it is no tar: there is nothing in it")
    while not source.ended():
        source.piece(1 << 30)


def _head(source: TarSource) -> bytes | None:
    """The next header block, checked; None at the end, which is a block of zeros or the end of the stream."""
    if source.ended():
        return None
    head = source.take(BLOCK)
    if not head.strip(b"\0"):
        return None
    told = _number(head[148:156])
    if sum(head) - sum(head[148:156]) + 8 * 0x20 != told and _signed_sum(head) != told:
        raise BrokenError("it is no tar: a header's checksum is wrong")
    return head


def _signed_sum(head: bytes) -> int:
    """The checksum as some ancient programs made it."""
    return int(sum(struct.unpack("512b", head)) - sum(struct.unpack("8b", head[148:156]))) + 8 * 0x20


def _number(field: bytes) -> int:
    """Octal text, or GNU's base-256 form."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.partition(b"\0")[0].strip()
    try:
        return int(text, 8) if text else 0
    except ValueError as error:
        raise BrokenError("it is no tar: a number in a header is none") from error


def _number_text(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BrokenError("it is no tar: a size in a pax header is none")
    return int(text)


def _small(source: TarSource, size: int) -> bytes:
    if size > _MAX_EXTRA:
        raise BrokenError(f"a name or pax header in it has {size} bytes")
    data = source.take(size)
    source.take(-size % BLOCK)
    return data


def _extra(kind: bytes, data: bytes) -> dict[str, str]:
    """What a long name or a pax header says about the next entry; global ones name no single entry."""
    if kind == _PAX_GLOBAL:
        return {}
    if kind == _PAX:
        return _pax(data)
    text = data.partition(b"\0")[0].decode(errors="surrogateescape")
    return {"path" if kind == _LONG_NAME else "linkpath": text}


def _pax(data: bytes) -> dict[str, str]:
    r"""Records of `LENGTH KEY=VALUE\n`."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        length, space, _ = data[at : at + 20].partition(b" ")
        if not space or not length.isdigit() or int(length) <= len(length) + 1:
            raise BrokenError("it is no tar: a pax header is malformed")
        key, _, value = data[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        if key.startswith(b"GNU.sparse."):
            found[_SPARSE] = "yes"
        if key == b"GNU.sparse.name":
            key = b"path"
        if key in {b"path", b"linkpath", b"size"}:
            found[key.decode()] = value.decode(errors="surrogateescape")
        at += int(length)
    return found


def _skip_sparse_map(source: TarSource, head: bytes, kind: bytes) -> None:
    more = kind == b"S" and head[_REAL_EXTENDED] != 0
    for _ in range(MAX_ENTRIES):
        if not more:
            return
        more = source.take(BLOCK)[504] != 0


def _entry(head: bytes, kind: bytes, extra: dict[str, str], content: TarContent, at: int) -> TarEntry:
    path = extra.get("path")
    if path is None:
        path = _text(head[:100])
        if head[257:262] == b"ustar" and head[262:263] == b"\0" and head[_PREFIX_AT] != 0:
            path = f"{_text(head[_PREFIX_AT:500])}/{path}"
    link = extra.get("linkpath", _text(head[157:257]))
    shape = _KINDS.get(kind, Kind.OTHER)
    if kind == b"\0" and path.endswith("/"):
        shape = Kind.FOLDER  # as the oldest tars wrote folders
    if len(path) > MAX_PATH or len(link) > MAX_PATH:
        raise BrokenError(f"a path in it has {max(len(path), len(link))} characters")
    sparse = kind == b"S" or _SPARSE in extra
    return TarEntry(clean(path), shape, _number(head[100:108]), link, content, at, sparse)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def clean(path: str) -> str:
    """The path as it counts from the root: no `.`, no empty parts; `..` is left for others to judge."""
    if path.startswith(("./", "/")) or path.endswith(("/", "/.")) or "//" in path or "/./" in path:
        path = "/".join(part for part in path.split("/") if part not in {"", "."})
    return "" if path == "." else path
