"""Files of an image archive by their names, whether it is a tar, a folder or a part of the stage."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib import decompress
from bundler.builder.lib.decompress import BrokenError
from bundler.builder.lib.tarstream import FileSource, Kind, TarEntry, entries
from bundler.core.digest import CHUNK, read_chunks
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform
from bundler.core.reference import Reference

_T = TypeVar("_T")

MAX_MEMBERS = 1_000_000
_MAX_NAMES = 128 << 20  # bytes of all paths and links together
_MAX_LINKS = 10  # from link to link, before it counts as a loop


class Files(Protocol):
    """Named files, read whole or in chunks."""

    def size(self, name: str) -> int | None:
        """Bytes of the file, None when there is none."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content. Raises BundlerError (NOT_FOUND) when there is none."""


def read_small(files: Files, name: str, limit: int, where: object) -> bytes:
    """A whole file that must not be larger than `limit` bytes. Raises BundlerError (NOT_FOUND, INTEGRITY)."""
    size = files.size(name)
    if size is None:
        raise missing(name, where)
    if size > limit:
        raise BundlerError(
            f"{name} is larger than {limit} bytes",
            where=where,
            fix="the archive is damaged; recreate it",
            code=ExitCode.INTEGRITY,
        )
    return b"".join(files.chunks(name))


def missing(name: str, where: object) -> BundlerError:
    """What to raise when an archive lacks a file that it should have."""
    return BundlerError(
        f"{name} is missing",
        where=where,
        fix="recreate the image; is it really this kind of archive?",
        code=ExitCode.NOT_FOUND,
    )


@dataclass(frozen=True, slots=True)
class Archive:
    """Files that hold images, and where those shall go; `where` stands in messages."""

    files: Files
    where: object
    store: Store
    platform: Platform


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files below a folder of this machine."""

    root: Path

    def size(self, name: str) -> int | None:
        """Bytes of the file, None when there is none."""
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content. Raises BundlerError (NOT_FOUND) when there is none."""
        if self.size(name) is None:
            raise missing(name, self.root)
        with (self.root / name).open("rb") as stream:
            yield from read_chunks(stream)


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Files that lie in the store, under the names that `blobs` gives them."""

    blobs: Mapping[str, Blob]
    store: Store
    where: str

    def size(self, name: str) -> int | None:
        """Bytes of the file, None when there is none."""
        blob = self.blobs.get(name)
        return None if blob is None else blob.size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content, verified. Raises BundlerError (NOT_FOUND) when there is none."""
        blob = self.blobs.get(name)
        if blob is None:
            raise missing(name, self.where)
        yield from self.store.chunks(blob, name=f"{self.where}: {name}")


@dataclass(frozen=True, slots=True)
class _Place:
    offset: int
    size: int


class TarFiles:
    """Regular files of an uncompressed tar, read at their places; links are followed inside the tar only.

    Raises BundlerError (INTEGRITY) for what is no well-formed tar.
    """

    def __init__(self, path: Path, where: object) -> None:
        self._path = path
        self._where = where
        self._places: dict[str, _Place] = {}
        self._links: dict[str, str] = {}
        self._names = 0
        try:
            with path.open("rb") as file:
                for entry in entries(FileSource(file), most=MAX_MEMBERS):
                    self._note(entry)
        except BrokenError as error:
            raise _damaged(self._where, str(error)) from error

    def _note(self, entry: TarEntry) -> None:
        self._names += len(entry.path) + len(entry.link)
        if self._names > _MAX_NAMES:
            raise _damaged(self._where, f"the names in it have more than {_MAX_NAMES} bytes")
        name = posixpath.normpath(entry.path)
        self._places.pop(name, None)
        self._links.pop(name, None)
        match entry.kind:
            case Kind.FILE if not entry.sparse:
                self._places[name] = _Place(entry.at, entry.content.size)
            case Kind.LINK:
                target = posixpath.join(posixpath.dirname(name), entry.link)
                self._links[name] = posixpath.normpath(target)
            case Kind.HARD_LINK:
                self._links[name] = posixpath.normpath(entry.link)

    def _find(self, name: str) -> _Place | None:
        name = posixpath.normpath(name)
        for _ in range(_MAX_LINKS):
            if name not in self._links:
                break
            name = self._links[name]
        return self._places.get(name)

    def size(self, name: str) -> int | None:
        """Bytes of the file, None when there is none."""
        place = self._find(name)
        return None if place is None else place.size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content. Raises BundlerError (NOT_FOUND) when there is none."""
        place = self._find(name)
        if place is None:
            raise missing(name, self._where)
        left = place.size
        with self._path.open("rb") as stream:
            stream.seek(place.offset)
            while left and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise _damaged(self._where, f"it ends inside of {name}")


def open_tar(path: Path, store: Store, where: object) -> TarFiles:
    """The files of a tar; a compressed one (gzip, xz, zstd) is first unpacked into the store.

    Raises BundlerError (NOT_FOUND, INTEGRITY, SPACE).
    """
    if not path.is_file():
        raise BundlerError(
            "there is no such file",
            where=path,
            fix="check the path; it is relative to the Kubefile's folder",
            code=ExitCode.NOT_FOUND,
        )
    with path.open("rb") as stream:
        if not is_packed(stream.read(6)):
            return TarFiles(path, where)
        stream.seek(0)
        chunks = unpacked(read_chunks(stream), path.stat().st_size, where)
        blob = store.add(chunks, digest=None, size=None, name=str(where))
    return TarFiles(store.path(blob.digest), where)


def is_packed(head: bytes) -> bool:
    """Whether content that begins with these (at least six) bytes is compressed by gzip, zstd or xz."""
    return head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0"))


def unpacked(chunks: Iterable[bytes], size: int, where: object) -> Iterator[bytes]:
    """The unpacked content of something that has `size` bytes.

    Raises BundlerError (INTEGRITY) for a damaged stream, and for more than `size` makes likely.
    """
    try:
        yield from decompress.unpacked(chunks, limit=decompress.most(size))
    except BrokenError as error:
        raise _damaged(where, str(error)) from error


def _damaged(where: object, why: str) -> BundlerError:
    return BundlerError(
        "the archive is damaged",
        where=where,
        why=why,
        fix="recreate it; if it was copied, compare checksums",
        code=ExitCode.INTEGRITY,
    )


def each_once(named: Iterable[tuple[Reference, _T]], where: object) -> dict[Reference, _T]:
    """Images by name. Raises BundlerError (INPUT) where one name stands for two different ones."""
    found: dict[Reference, _T] = {}
    for name, image in named:
        if found.setdefault(name, image) != image:
            raise BundlerError(
                "two different images have one name in it",
                where=where,
                why=f"the name is {name}",
                fix="recreate the archive with one image for each name",
                code=ExitCode.INPUT,
            )
    return found


def unknown_name(where: object, wanted: str, names: Iterable[str]) -> BundlerError:
    """What to raise when an archive has no image of that name."""
    return BundlerError(
        f"there is no image {wanted!r} in it",
        where=where,
        why=f"it has {', '.join(sorted(names)) or 'images without names only'}",
        fix="name one of those",
        code=ExitCode.NOT_FOUND,
    )


def refused(where: object, why: str) -> BundlerError:
    """What to raise when no images can be taken out of an archive as it is."""
    return BundlerError(
        "can't take images out of it",
        where=where,
        why=why,
        fix="write it with a full name: skopeo copy SOURCE oci-archive:FILE:REGISTRY/REPOSITORY:TAG",
        code=ExitCode.INPUT,
    )
