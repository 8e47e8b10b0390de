"""One file of a file system: does it tell of packages, and of which?"""

import re
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.lib.tarstream import TarContent
from bundler.builder.sbom.model import Copyright, Fact, Package, Packages, Release
from bundler.builder.sbom.readers import golang, java, manifests, rpm, stanzas

# What readers raise on content that isn't what its name says.
UNREADABLE = (BrokenError, ValueError, LookupError, RecursionError, OverflowError, struct.error)

_MOST_TEXT = 32 << 20  # bytes of a package database; a large Debian's has 5 MB
_MOST_MANIFEST = 4 << 20
_MOST_SPOOLED = 2 << 30  # bytes of a program, jar or database that is read from disk
_HEAD = 1 << 14  # bytes; Go's note stands in the first page or two
_SMALLEST_PROGRAM = 1 << 16  # bytes; no program of Go's is smaller

_Text = Callable[[bytes], tuple[Package, ...]]

_DATABASES: dict[str, _Text] = {
    "var/lib/dpkg/status": stanzas.dpkg,
    "lib/apk/db/installed": stanzas.apk,
    "usr/lib/apk/db/installed": stanzas.apk,
}
_RPM_FOLDERS = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_RELEASES = ("etc/os-release", "usr/lib/os-release")
_DISTROLESS = "var/lib/dpkg/status.d"
_COPYRIGHT = re.compile(r"usr/share/doc/[^/]+/copyright")
_NPM = re.compile(r"(?:^|.*/)node_modules/(?:@[^/]+/)?[^/]+/package\.json")


def examine(path: str, mode: int, content: TarContent, scratch: Path) -> Fact | None:
    """What a regular file tells; None where it tells nothing.

    path: from the file system's root. mode: permission bits. scratch: a folder to copy large files to.
    Raises one of UNREADABLE when it turns out not to be what it looks like.
    """
    if path in _RELEASES:
        name, version = stanzas.os_release(content.read(_MOST_MANIFEST))
        return Release(path, name, version) if name else None
    if path.startswith("usr/share/doc/") and _COPYRIGHT.fullmatch(path):
        licences = stanzas.copyright_licences(content.read(_MOST_MANIFEST))
        return Copyright(path, licences) if licences else None
    packages = _packages(path, mode, content, scratch)
    return Packages(path, packages) if packages else None


def _packages(path: str, mode: int, content: TarContent, scratch: Path) -> tuple[Package, ...]:
    if (text := _text_reader(path)) is not None:
        return text(content.read(_MOST_TEXT))
    if path.endswith(java.SUFFIXES):
        with _spooled(content, scratch) as file:
            return java.java(file, path)
    if path.startswith(_RPM_FOLDERS) and (found := _rpm(path, content, scratch)) is not None:
        return found
    if mode & 0o111 and content.size >= _SMALLEST_PROGRAM and golang.is_go(content.peek(_HEAD)):
        with _spooled(content, scratch) as file:
            return golang.golang(file)
    return ()


def _text_reader(path: str) -> _Text | None:
    """The reader for a path that its name alone identifies."""
    folder, _, name = path.rpartition("/")
    if path in _DATABASES:
        return _DATABASES[path]
    if (name == "METADATA" and folder.endswith(".dist-info")) or name.endswith(".egg-info"):
        return manifests.python
    if name == "PKG-INFO" and folder.endswith(".egg-info"):
        return manifests.python
    if name == "package.json" and _NPM.fullmatch(path):
        return manifests.npm
    if folder == _DISTROLESS and not name.endswith(".md5sums"):
        return stanzas.dpkg
    return None


def _rpm(path: str, content: TarContent, scratch: Path) -> tuple[Package, ...] | None:
    folder, _, name = path.rpartition("/")
    if folder not in _RPM_FOLDERS:
        return None
    match name:
        case "rpmdb.sqlite":
            with _spooled(content, scratch) as file:
                return rpm.sqlite(Path(file.name))
        case "Packages.db":
            with _spooled(content, scratch) as file:
                return rpm.ndb(file)
        case "Packages":
            with _spooled(content, scratch) as file:
                return rpm.berkeley(file)
    return None


@contextmanager
def _spooled(content: TarContent, scratch: Path) -> Iterator[BinaryIO]:
    """The content in a file that can be read in any order; it has a name for as long as it is open."""
    if content.size > _MOST_SPOOLED:
        raise BrokenError(f"it has {content.size} bytes, more than {_MOST_SPOOLED}")
    with tempfile.NamedTemporaryFile(dir=scratch) as file:
        for piece in content.pieces():
            file.write(piece)
        file.flush()
        file.seek(0)
        yield cast("BinaryIO", file)
