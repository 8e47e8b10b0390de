"""One layer of an image: what it tells of packages, and what it hides of the layers below.

Layers follow the OCI image specification 1.1: `.wh.NAME` removes NAME of the layers below, `.wh..wh..opq`
all that they have in its folder; whatever else a layer has replaces what stood at its path.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from bundler.builder.lib.decompress import BrokenError, unpacked
from bundler.builder.lib.tarstream import Kind, TarContent, TarEntry, entries
from bundler.builder.sbom.examine import UNREADABLE, examine
from bundler.builder.sbom.model import DOC, Copyright, DocLink, Fact, Finds, Gap, Packages, Release

_EACH = 32  # bytes that stand for what a name costs beside itself
_REMOVED = ".wh."
_OPAQUE = ".wh..wh..opq"
_MOST_FACTS = 500_000
_MOST_ENTRIES = 2_000_000  # headers in one layer; about 20 s
_MOST_NAMES = 64 << 20  # bytes of names that are kept: packages, and what the layer takes away
_MOST_GAPS = 10_000  # files that can't be read


@dataclass(frozen=True, slots=True)
class Paths:
    """A set of paths, 8 bytes each: their hashes in order. Small enough to keep for every file of a layer."""

    hashes: "array[int]"

    @classmethod
    def of(cls, hashes: Iterable[int]) -> "Paths":
        """From the hashes of paths, in any order."""
        return cls(array("Q", sorted(set(hashes))))

    def __contains__(self, path: str) -> bool:
        wanted = hashed(path)
        at = bisect_left(self.hashes, wanted)
        return at < len(self.hashes) and self.hashes[at] == wanted


def hashed(path: str) -> int:
    """64 bits of a path's BLAKE2b."""
    digest = blake2b(path.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True, slots=True)
class Layer:
    """What a scan of one layer brought.

    replaced: paths of everything in it that is no folder. removed: paths it takes away. opaque: folders of
    which it hides all that was there.
    """

    finds: Finds
    replaced: Paths
    removed: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()

    def hides(self, path: str) -> bool:
        """Whether what a layer below has at `path` is gone."""
        if path in self.replaced or path in self.removed:
            return True
        return any(
            folder in self.opaque or folder in self.removed or folder in self.replaced
            for folder in _folders(path)
        )


def _folders(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first; the root, "", last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _as_tar(chunks: Iterable[bytes]) -> Iterator[TarEntry]:
    return entries(chunks, most=_MOST_ENTRIES)


def scan(
    chunks: Iterable[bytes],
    *,
    limit: int,
    scratch: Path,
    read: Callable[[Iterable[bytes]], Iterator[TarEntry]] = _as_tar,
) -> Layer:
    """Read a layer as it streams by.

    limit: bytes that it may unpack to. scratch: a folder for what can't be read in one go. read: how it is
    taken apart once it is unpacked; as a tar unless said otherwise. What can't be read becomes a gap, and so
    does what is left where the layer is too much: bytes, entries or names. These bounds count work, not time,
    so that the same layer gives the same bill on every machine.
    Raises what `chunks` raises.
    """
    notes = _Notes(scratch)
    source = iter(chunks)
    try:
        for entry in read(unpacked(source, limit=limit)):
            notes.take(entry)
    except BrokenError as error:
        where = f", after {notes.last}" if notes.last else ""
        notes.gaps[""] = (
            f"the layer is not read to its end{where}: {error}; packages behind that are not listed"
        )
    for _ in source:  # only at its end is a blob's digest compared
        pass
    return notes.layer()


def _weight(fact: Fact) -> int:
    """About how many bytes of names a fact holds."""
    match fact:
        case Packages(path=path, packages=packages):
            return len(path) + sum(
                len(each.name)
                + len(each.version)
                + len(each.namespace)
                + sum(map(len, each.licences))
                + _EACH
                for each in packages
            )
        case Copyright(path=path, licences=licences):
            return len(path) + sum(map(len, licences))
        case DocLink(path=path, target=target):
            return len(path) + len(target)
        case Release(path=path, name=name, version=version):
            return len(path) + len(name) + len(version)


class _Notes:
    """What is gathered while a layer streams by; of a path that comes twice the last one counts."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._facts: dict[str, Fact] = {}
        self._replaced = array("Q")
        self._removed: set[str] = set()
        self._opaque: set[str] = set()
        self._kept = 0  # bytes of names
        self.gaps: dict[str, str] = {}
        self.last = ""  # the path of the entry that was read whole last

    def take(self, entry: TarEntry) -> None:
        """Take note of one entry. Raises BrokenError where it is one too many."""
        self._take(entry)
        self.last = entry.path

    def _take(self, entry: TarEntry) -> None:
        folder, _, name = entry.path.rpartition("/")
        if name == _OPAQUE:
            self._keep(len(folder))
            self._opaque.add(folder)
        elif name.startswith(_REMOVED):
            self._keep(len(entry.path))
            self._removed.add(f"{folder}/{name[len(_REMOVED) :]}".lstrip("/"))
        elif entry.kind is not Kind.FOLDER:
            self._replaced.append(hashed(entry.path))
            self._facts.pop(entry.path, None)
            self._look(entry)
        if len(self._facts) > _MOST_FACTS:
            raise BrokenError(f"it has more than {_MOST_FACTS} packages")

    def _look(self, entry: TarEntry) -> None:
        if entry.kind is Kind.FILE:
            fact = self._examined(entry.path, entry.mode, entry.content)
        elif entry.kind is Kind.LINK and entry.path.startswith(DOC) and entry.path.count("/") == 3:
            fact = DocLink(entry.path, entry.link)
        else:
            return
        if fact is not None:
            self._keep(_weight(fact))
            self._facts[entry.path] = fact

    def _keep(self, size: int) -> None:
        """Count names that stay in memory."""
        self._kept += size + _EACH
        if self._kept > _MOST_NAMES:
            raise BrokenError(f"it tells more than {_MOST_NAMES} bytes of names")

    def _examined(self, path: str, mode: int, content: TarContent) -> Fact | None:
        try:
            return examine(path, mode, content, self._scratch)
        except UNREADABLE as error:
            if len(self.gaps) >= _MOST_GAPS:
                raise BrokenError(f"more than {_MOST_GAPS} files in it can't be read") from error
            self.gaps[path] = str(error)
            return None

    def layer(self) -> Layer:
        """All of it."""
        facts = tuple(fact for _, fact in sorted(self._facts.items()))
        gaps = tuple(Gap(path, why) for path, why in sorted(self.gaps.items()))
        return Layer(
            Finds(facts, gaps), Paths.of(self._replaced), frozenset(self._removed), frozenset(self._opaque)
        )
