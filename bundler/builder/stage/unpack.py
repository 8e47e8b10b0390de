"""ADD --unpack: a tar archive → a tree. Nothing leads outside, and no header is believed about a size."""

import posixpath
from collections.abc import Iterable
from typing import BinaryIO

from bundler.builder.cache.store import Store
from bundler.builder.lib.decompress import BrokenError, most, unpacked
from bundler.builder.lib.tarstream import Kind, TarEntry, entries
from bundler.builder.tree.tree import Entry as Node
from bundler.builder.tree.tree import File, Symlink, Tree, clean_path, normal_mode
from bundler.core.digest import read_chunks
from bundler.core.errors import BundlerError, ExitCode

MAX_MEMBERS = 1_000_000
_MAX_NAMES = 128 << 20  # bytes of all paths and links together


def unpack(stream: BinaryIO, store: Store, name: str) -> Tree:
    """The files of a tar archive, plain or packed by gzip, bzip2, xz, lzma or zstd, streamed into the store.

    What it may unpack to is bounded by its own size (`most`), and so is every header in it.
    Raises BundlerError (INPUT) for anything but files, folders and links that stay inside, (INTEGRITY) for
    what is no whole tar archive, (SPACE).
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    try:
        return Tree(_nodes(unpacked(read_chunks(stream), limit=most(size)), store, name))
    except BrokenError as error:
        raise BundlerError(
            "not a tar archive that can be read whole",
            where=name,
            why=str(error),
            code=ExitCode.INTEGRITY,
            fix="leave --unpack out, or fetch the file again",
        ) from error


def _nodes(chunks: Iterable[bytes], store: Store, name: str) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    names = 0
    for number, entry in enumerate(entries(chunks)):
        names += len(entry.path) + len(entry.link)
        if number >= MAX_MEMBERS or names > _MAX_NAMES:
            why = f"the archive holds more than {MAX_MEMBERS} members, or their names are very long"
            raise _refused(name, entry, why)
        if entry.kind is not Kind.FOLDER:
            nodes[clean_path(entry.path)] = _node(entry, nodes, store, name)
    return nodes


def _node(entry: TarEntry, nodes: dict[str, Node], store: Store, name: str) -> Node:
    match entry.kind:
        case Kind.FILE if not entry.sparse:
            label = f"{name}: {entry.path}"
            chunks = (bytes(piece) for piece in entry.content.pieces())
            blob = store.add(chunks, digest=None, size=entry.content.size, name=label)
            return File(normal_mode(entry.mode), blob.size, blob.digest)
        case Kind.LINK:
            return _symlink(entry, name)
        case Kind.HARD_LINK if isinstance(linked := nodes.get(clean_path(entry.link)), File):
            return linked
        case _:
            kind = "a sparse file" if entry.sparse else f"a {entry.kind.value}"
            why = f"it is {kind}; only files, folders and links to files inside can be unpacked"
            raise _refused(name, entry, why)


def _symlink(entry: TarEntry, name: str) -> Symlink:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(clean_path(entry.path)), entry.link))
    if entry.link.startswith("/") or target == ".." or target.startswith("../"):
        raise _refused(name, entry, f"it is a link to {entry.link}, outside the archive")
    return Symlink(entry.link)


def _refused(name: str, entry: TarEntry, why: str) -> BundlerError:
    return BundlerError(
        f"the archive's member {entry.path[:200]!r} can't be unpacked",
        where=name,
        why=why,
        code=ExitCode.INPUT,
        fix="unpack the archive with a RUN and keep what is needed",
    )
