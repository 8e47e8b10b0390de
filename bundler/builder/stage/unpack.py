"""ADD --unpack: a tar archive → a tree, taking nothing that leads outside."""

import bz2
import gzip
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import zstandard

from bundler.builder.cache.store import Store
from bundler.builder.tree.tree import Entry, File, Symlink, Tree, clean_path, normal_mode
from bundler.core.digest import read_chunks
from bundler.core.errors import BundlerError, ExitCode

MAX_MEMBERS = 1_000_000
_BROKEN = (tarfile.TarError, zstandard.ZstdError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def unpack(stream: BinaryIO, store: Store, name: str) -> Tree:
    """The files of a tar archive, plain or compressed by gzip, bzip2, xz or zstd; streamed into the store.

    Raises BundlerError (INPUT) for anything but files, folders and links that stay inside, (INTEGRITY) for
    what is no whole tar archive, (SPACE).
    """
    try:
        return _tree(_opened(stream), store, name)
    except _BROKEN as error:
        raise BundlerError(
            "not a tar archive that can be read whole",
            where=name,
            why=str(error),
            code=ExitCode.INTEGRITY,
            fix="leave --unpack out, or fetch the file again",
        ) from error


def _tree(stream: BinaryIO, store: Store, name: str) -> Tree:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        tree = Tree(_entries(archive, store, name))
    for _ in read_chunks(stream):
        pass  # to the end, where the checksum is
    return tree


def _opened(stream: BinaryIO) -> BinaryIO:
    """The archive without its compression; tarfile's own stream modes would not notice a damaged one."""
    magic = stream.read(8)
    stream.seek(0)
    match magic:
        case _ if magic.startswith(b"\x1f\x8b"):
            return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
        case _ if magic.startswith(b"BZh"):
            return cast("BinaryIO", bz2.BZ2File(stream))
        case _ if magic.startswith((b"\xfd7zXZ\0", b"\x5d\x00\x00")):
            return cast("BinaryIO", lzma.LZMAFile(stream))
        case _ if magic.startswith(b"\x28\xb5\x2f\xfd"):
            reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
            return cast("BinaryIO", reader)
        case _:
            return stream


def _entries(archive: tarfile.TarFile, store: Store, name: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for number, member in enumerate(archive):
        if number >= MAX_MEMBERS:
            raise _refused(name, member, f"the archive holds more than {MAX_MEMBERS} members")
        if member.isdir():
            continue
        path = clean_path(member.name)
        entries[path] = _entry(archive, member, entries, store, name)
        archive.members = []  # type: ignore[attr-defined]  # else tarfile keeps every header in memory
    return entries


def _entry(
    archive: tarfile.TarFile, member: tarfile.TarInfo, entries: dict[str, Entry], store: Store, name: str
) -> Entry:
    if member.isfile():
        label = f"{name}: {member.name}"
        blob = store.add(_content(archive, member), digest=None, size=member.size, name=label)
        return File(normal_mode(member.mode), blob.size, blob.digest)
    if member.issym():
        return _symlink(member, name)
    if member.islnk() and isinstance(linked := entries.get(clean_path(member.linkname)), File):
        return linked
    raise _refused(name, member, "only files, folders and links to files inside can be unpacked")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream = archive.extractfile(member)
    return read_chunks(stream) if stream is not None else iter(())  # type: ignore[arg-type]


def _symlink(member: tarfile.TarInfo, name: str) -> Symlink:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(clean_path(member.name)), member.linkname))
    if member.linkname.startswith("/") or target == ".." or target.startswith("../"):
        raise _refused(name, member, f"it is a link to {member.linkname}, outside the archive")
    return Symlink(member.linkname)


def _refused(name: str, member: tarfile.TarInfo, why: str) -> BundlerError:
    return BundlerError(
        f"the archive's member {member.name[:200]!r} can't be unpacked",
        where=name,
        why=why,
        code=ExitCode.INPUT,
        fix="unpack the archive with a RUN and keep what is needed",
    )
