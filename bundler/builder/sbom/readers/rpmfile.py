"""An .rpm: a lead, two headers, and a cpio archive, packed somehow, with the files. Streamed.

See rpm's documentation of the package format (version 4), and cpio(5) for the archive ("newc").
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.lib.tarstream import MAX_ENTRIES, Kind, TarContent, TarEntry, TarSource, clean
from bundler.builder.sbom.readers import rpm

_LEAD: Final = 96
_LEAD_MAGIC: Final = b"\xed\xab\xee\xdb"
_HEADER_MAGIC: Final = b"\x8e\xad\xe8\x01"
_HEAD: Final = 110
_MAGICS: Final = (b"070701", b"070702")
_END: Final = "TRAILER!!!"
_MOST_NAME: Final = 1 << 16
_KINDS: Final = {0o100000: Kind.FILE, 0o120000: Kind.LINK, 0o040000: Kind.FOLDER}


@dataclass(frozen=True, slots=True)
class RpmFile:
    """name, licence: as the header has them. payload: the archive as it is packed, to be read once."""

    name: str
    licence: str
    payload: Iterator[bytes]


def is_rpm(start: bytes) -> bool:
    """Whether a file that starts so is one."""
    return start.startswith(_LEAD_MAGIC)


def rpm_file(chunks: Iterable[bytes]) -> RpmFile:
    """Read the headers. Raises BrokenError."""
    source = TarSource(chunks)
    if not is_rpm(source.take(_LEAD)):
        raise BrokenError("it is no .rpm")
    signature = _header(source)
    source.take(-len(signature) % 8)
    fields = rpm.fields(_header(source))
    return RpmFile(fields.get("name", ""), fields.get("licence", ""), _rest(source))


def cpio_entries(chunks: Iterable[bytes]) -> Iterator[TarEntry]:
    """The entries of an unpacked archive; an entry's content can be read until the next one is asked for.

    Reads `chunks` to their end. Raises BrokenError for what is no such archive, and whatever `chunks` raises.
    """
    source = TarSource(chunks)
    for _ in range(MAX_ENTRIES):
        head = source.take(_HEAD)
        if head[:6] not in _MAGICS:
            raise BrokenError("it is no cpio archive of a form that is read")
        mode, size, length = (_number(head, at) for at in (1, 6, 11))
        if length > _MOST_NAME:
            raise BrokenError("a name in it is too long")
        name = source.take(length).rstrip(b"\0").decode(errors="surrogateescape")
        source.take(-(_HEAD + length) % 4)
        if name == _END:
            for _piece in _rest(source):
                pass
            return
        content = TarContent(source, size)
        yield TarEntry(clean(name), _KINDS.get(mode & 0o170000, Kind.OTHER), mode & 0o7777, "", content)
        content.finish()
        source.take(-size % 4)
    raise BrokenError(f"it has more than {MAX_ENTRIES} entries")


def _header(source: TarSource) -> bytes:
    """A header without its magic: counts, entries, data."""
    head = source.take(16)
    count, size = struct.unpack_from(">II", head, 8)
    if head[:4] != _HEADER_MAGIC or count > rpm.MOST_ENTRIES or size > rpm.MOST_HEADER:
        raise BrokenError("it is no .rpm: a header of it is damaged")
    return head[8:] + source.take(count * 16 + size)


def _number(head: bytes, at: int) -> int:
    """The field at this place; each has 8 hexadecimal digits."""
    try:
        return int(head[6 + 8 * at : 14 + 8 * at], 16)
    except ValueError:
        raise BrokenError("a number in it is none") from None


def _rest(source: TarSource) -> Iterator[bytes]:
    while not source.ended():
        yield bytes(source.piece(1 << 20))
