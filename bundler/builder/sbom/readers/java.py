"""What a jar says it holds: Maven's pom.properties, jars inside it too, else its manifest or name."""

import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.sbom.model import Kind, Package

_MOST_NAMES = 8 << 20  # bytes of a zip's directory; about 100,000 entries
_MOST_TEXT = 1 << 16  # bytes of properties or of a manifest
_MOST_INNER = 256 << 20  # bytes of a jar in a jar
_INNER_JARS = 2000
_MOST_INNER_ALL = 2 << 30  # bytes of all of them that are unpacked, whatever they lie in
_DEPTH = 3  # a jar in a war in an ear
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_FILE_NAME = re.compile(r"(?P<name>.+?)-(?P<version>\d[\w.+-]*)\.[a-z]ar")
SUFFIXES = (".jar", ".war", ".ear")


class _Budget:
    """The bytes of inner jars that may still be unpacked."""

    def __init__(self) -> None:
        self._left = _MOST_INNER_ALL

    def spend(self, size: int) -> None:
        """Raises BrokenError where that is too much."""
        self._left -= size
        if self._left < 0:
            raise BrokenError(f"the jars in it have more than {_MOST_INNER_ALL} bytes")


def java(file: BinaryIO, path: str) -> tuple[Package, ...]:
    """The packages in a jar, war or ear. Raises BrokenError for what is none or has too much in it."""
    return _java(file, path, 1, _Budget())


def _java(file: BinaryIO, path: str, depth: int, budget: _Budget) -> tuple[Package, ...]:
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as jar:
            return tuple(dict.fromkeys(_packages(jar, path, depth, budget)))
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise BrokenError(f"it is no jar: {error}") from error


def _packages(jar: zipfile.ZipFile, path: str, depth: int, budget: _Budget) -> Iterator[Package]:
    names = jar.namelist()
    poms = [package for name in names if _POM.fullmatch(name) for package in _pom(_text(jar, name))]
    yield from poms or _by_manifest(jar, path)
    if depth < _DEPTH:
        inner = [name for name in names if name.endswith(SUFFIXES)]
        for name in inner[:_INNER_JARS]:
            yield from _inner(jar, name, depth, budget)


def _inner(jar: zipfile.ZipFile, name: str, depth: int, budget: _Budget) -> tuple[Package, ...]:
    budget.spend(jar.getinfo(name).file_size)
    if jar.getinfo(name).file_size > _MOST_INNER:
        raise BrokenError(f"{name} in it is too large to be read")
    with jar.open(name) as stream, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        return _java(copy, name, depth + 1, budget)


def _pom(text: str) -> Iterator[Package]:
    fields = dict(_pairs(text, "="))
    if fields.get("artifactId") and fields.get("version"):
        yield Package(
            Kind.MAVEN, fields["artifactId"], fields["version"], namespace=fields.get("groupId", "")
        )


def _by_manifest(jar: zipfile.ZipFile, path: str) -> Iterator[Package]:
    """Title and version out of MANIFEST.MF; where it lacks one, out of the file's name."""
    fields: dict[str, str] = {}
    if "META-INF/MANIFEST.MF" in jar.NameToInfo:
        fields = dict(_pairs(_text(jar, "META-INF/MANIFEST.MF"), ":"))
    by_name = _FILE_NAME.fullmatch(PurePosixPath(path).name)
    name = by_name["name"] if by_name else PurePosixPath(path).stem
    version = fields.get("Implementation-Version") or fields.get("Bundle-Version", "")
    if by_name and not version:
        version = by_name["version"]
    if version:
        yield Package(Kind.MAVEN, name, version, namespace=fields.get("Implementation-Vendor-Id", ""))


def _pairs(text: str, sign: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, found, value = line.partition(sign)
        if found and not line.startswith(("#", " ")):
            yield key.strip(), value.strip()


def _text(jar: zipfile.ZipFile, name: str) -> str:
    with jar.open(name) as stream:
        return stream.read(_MOST_TEXT).decode(errors="replace")


def _check_directory(file: BinaryIO) -> None:
    """Refuse a directory that zipfile would need much memory for (PKWARE's APPNOTE, 4.3.16)."""
    size = file.seek(0, 2)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise BrokenError("it is no jar: it has no directory")
    (directory,) = struct.unpack_from("<I", tail, at + 12)
    if directory > _MOST_NAMES:
        raise BrokenError("its directory is too large to be read")
    file.seek(0)
