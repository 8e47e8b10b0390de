"""rpm's database: SQLite (Fedora, RHEL 9), ndb (SUSE), and Berkeley DB (RHEL 8 and older).

Each row or blob is a package's header: a count of entries and of bytes of data, the entries (tag, type,
offset, count), the data; all big-endian. See rpm's documentation of the package format and of ndb.
"""

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.sbom.model import Kind, Package
from bundler.builder.sbom.readers import bdb

MOST_HEADER = 64 << 20  # bytes; rpm's own limit is 256 MiB, the largest real ones are some MiB
_MOST_PACKAGES = 100_000
MOST_ENTRIES = 1 << 16
_STEPS = 50_000_000  # of SQLite's virtual machine: a view in place of the table could go on for ever
_TAGS = {1000: "name", 1001: "version", 1002: "release", 1003: "epoch", 1014: "licence"}
_TAGS |= {1022: "architecture", 1044: "source"}
_NUMBER, _STRINGS = 4, (6, 9)  # types: int32; string, internationalized string

_PAGE = 4096
_SLOT = 16
_MOST_SLOT_PAGES = 4096
_NDB_BLOCK = 16


def sqlite(path: Path) -> tuple[Package, ...]:
    """rpmdb.sqlite. Raises BrokenError."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_HEADER)
        connection.execute("PRAGMA trusted_schema=OFF")
        steps = iter(range(_STEPS // 100_000))
        connection.set_progress_handler(lambda: next(steps, None) is None, 100_000)
        rows = connection.execute("SELECT blob FROM Packages ORDER BY hnum")
        return tuple(_packages(blob for (blob,) in rows))
    except sqlite3.Error as error:
        raise BrokenError(f"it is no rpm database: {error}") from error
    finally:
        connection.close()


def ndb(file: BinaryIO) -> tuple[Package, ...]:
    """Packages.db. Raises BrokenError."""
    head = file.read(16)
    if len(head) < 16 or head[:4] != b"RpmP":
        raise BrokenError("it is no rpm database")
    (pages,) = struct.unpack_from("<I", head, 12)
    if pages > _MOST_SLOT_PAGES:
        raise BrokenError("its table is too large to be read")
    file.seek(0)
    table = file.read(pages * _PAGE)
    return tuple(_packages(_ndb_blobs(file, table)))


def berkeley(file: BinaryIO) -> tuple[Package, ...]:
    """Packages. Raises BrokenError."""
    # One of the values is no header but the number that the next package gets.
    blobs = (value for value in bdb.values(file, most=MOST_HEADER) if len(value) != 4)
    return tuple(_packages(blobs))


def _ndb_blobs(file: BinaryIO, table: bytes) -> Iterator[bytes]:
    """The first two places of the table are the file's header; a slot of package 0 is a free one."""
    for at in range(2 * _SLOT, len(table) - _SLOT + 1, _SLOT):
        magic, number, block, _ = struct.unpack_from("<4sIII", table, at)
        if magic != b"Slot":
            raise BrokenError("its table is damaged")
        if number == 0:
            continue
        file.seek(block * _NDB_BLOCK)
        head = file.read(16)
        if len(head) < 16 or head[:4] != b"BlbS":
            raise BrokenError("a package's header is not where the table says")
        (size,) = struct.unpack_from("<I", head, 12)
        if size > MOST_HEADER:
            raise BrokenError("a package's header is too large to be read")
        yield file.read(size)


def _packages(blobs: Iterator[bytes]) -> Iterator[Package]:
    for number, blob in enumerate(blobs):
        if number >= _MOST_PACKAGES:
            raise BrokenError(f"it has more than {_MOST_PACKAGES} packages")
        package = _package(fields(blob))
        if package is not None:
            yield package


def _package(found: dict[str, str]) -> Package | None:
    if not found.get("name") or found["name"] == "gpg-pubkey":  # a trusted key, kept as a package
        return None
    version = f"{found.get('version', '')}-{found.get('release', '')}"
    epoch = found.get("epoch", "")
    return Package(
        Kind.RPM,
        found["name"],
        f"{epoch}:{version}" if epoch not in {"", "0"} else version,
        architecture=found.get("architecture", ""),
        licences=(found["licence"],) if found.get("licence") else (),
        source=found.get("source", ""),
    )


def fields(blob: object) -> dict[str, str]:
    """The tags of a header that are wanted, as text. Raises BrokenError."""
    if not isinstance(blob, bytes) or len(blob) < 8:
        raise BrokenError("a package's header is damaged")
    count, size = struct.unpack_from(">II", blob)
    start = 8 + count * 16
    if count > MOST_ENTRIES or start + size > len(blob):
        raise BrokenError("a package's header is damaged")
    found: dict[str, str] = {}
    for number in range(count):
        tag, kind, offset, _ = struct.unpack_from(">IIiI", blob, 8 + number * 16)
        if tag in _TAGS and 0 <= offset < size:
            found[_TAGS[tag]] = _value(blob, kind, start + offset)
    return found


def _value(blob: bytes, kind: int, at: int) -> str:
    if kind == _NUMBER:
        return str(int.from_bytes(blob[at : at + 4], "big"))
    if kind in _STRINGS:
        if (end := blob.find(b"\0", at)) < 0:
            raise BrokenError("a package's header is damaged")
        return blob[at:end].decode(errors="replace")
    return ""
