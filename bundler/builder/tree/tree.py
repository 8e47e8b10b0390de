"""The staged files as a value: path → file or symbolic link, contents known by digest. Pure.

Folders are what the paths imply: one that holds nothing doesn't exist.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical

MAX_PATH = 4096  # bytes, as Linux has it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; `mode`: permission bits; `size` in bytes; the store has the content."""

    mode: int
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link; `target` as it is written, never followed here."""

    target: str


Entry = File | Symlink

_NOTHING: Mapping[str, Entry] = MappingProxyType({})


def normal_mode(mode: int) -> int:
    """0755 for what its owner may execute, else 0644: who built it, and with which umask, must not show."""
    return 0o755 if mode & 0o100 else 0o644


def clean_path(text: str) -> str:
    """A path below the root in its one form: no leading `/`, no `.`, no empty part; "" is the root itself.

    Raises BundlerError (INPUT) for `..`, control characters and what is not Unicode text.
    """
    parts = [part for part in text.split("/") if part not in {"", "."}]
    path = "/".join(parts)
    if ".." in parts:
        raise _bad(text, "it climbs out with `..`")
    if _CONTROL.search(path):
        raise _bad(text, "it holds control characters")
    try:
        if len(path.encode()) > MAX_PATH:
            raise _bad(text, f"it is longer than {MAX_PATH} bytes")
    except UnicodeEncodeError as error:
        raise _bad(text, "it is not Unicode text") from error
    return path


def join(folder: str, name: str) -> str:
    """`name` inside `folder`; either may be "", the root."""
    return "/".join(part for part in (folder, name) if part)


@dataclass(frozen=True)
class Tree:
    """An immutable set of files. Equal trees have equal digests and equal JSON.

    Every operation gives a new tree and raises BundlerError (INPUT) where a file would stand in the place of
    a folder.
    """

    entries: Mapping[str, Entry] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        ordered = dict(sorted(self.entries.items()))
        object.__setattr__(self, "entries", MappingProxyType(ordered))
        for folder in self.folders:
            if folder in ordered:
                raise _conflict(folder, ordered[folder])
        for path in ordered:
            if not path or clean_path(path) != path:
                raise _bad(path, "it is not in its normal form")

    @cached_property
    def folders(self) -> frozenset[str]:
        """All folders that hold something, the root left out."""
        found: set[str] = set()
        for path in self.entries:
            parent = path.rpartition("/")[0]
            while parent and parent not in found:
                found.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(found)

    @cached_property
    def digest(self) -> Digest:
        """Of the canonical JSON."""
        return Digest.of(self.to_json())

    def files(self) -> Iterator[tuple[str, File]]:
        """The regular files, by path."""
        return ((path, entry) for path, entry in self.entries.items() if isinstance(entry, File))

    def is_folder(self, path: str) -> bool:
        """Whether something lies below the path; the root always is one."""
        return not path or path in self.folders

    def add(self, entries: Mapping[str, Entry]) -> "Tree":
        """With these entries; a file or link of the same path is replaced."""
        for path in entries:
            if path in self.folders:
                raise BundlerError(
                    f"{path} is a folder already, a file can't take its place",
                    code=ExitCode.INPUT,
                    fix=f"end the destination with `/` to copy into it, or RUN rm -r {path} before",
                )
        return Tree({**self.entries, **entries})

    def merge(self, other: "Tree", at: str = "") -> "Tree":
        """With all of another tree below the folder `at`."""
        return self.add({join(at, path): entry for path, entry in other.entries.items()})

    def subtree(self, folder: str) -> "Tree":
        """What lies below a folder, its paths relative to it; empty where there is no such folder."""
        if not folder:
            return self
        start = folder + "/"
        return Tree({path[len(start) :]: e for path, e in self.entries.items() if path.startswith(start)})

    def without(self, path: str) -> "Tree":
        """Without a file, a link, or all below a folder."""
        start = path + "/"
        return Tree({p: e for p, e in self.entries.items() if p != path and not p.startswith(start)})

    def to_json(self) -> bytes:
        """Canonical JSON: path → [mode, size, digest] or [target]."""
        return canonical({path: _row(entry) for path, entry in self.entries.items()})

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote. Raises BundlerError (INTEGRITY) for anything else."""
        try:
            document: dict[str, Any] = json.loads(data)
            return cls({path: _entry(row) for path, row in document.items()})
        except (ValueError, TypeError, AttributeError, BundlerError) as error:
            raise BundlerError("not a file tree", code=ExitCode.INTEGRITY, why=str(error)) from error


def _row(entry: Entry) -> list[int | str]:
    match entry:
        case File(mode, size, digest):
            return [mode, size, str(digest)]
        case Symlink(target):
            return [target]


def _entry(row: list[int | str]) -> Entry:
    match row:
        case [int(mode), int(size), str(digest)]:
            return File(mode, size, Digest.parse(digest))
        case [str(target)]:
            return Symlink(target)
        case _:
            raise ValueError(f"not an entry: {row!r}")


def _conflict(path: str, entry: Entry) -> BundlerError:
    kind = "symbolic link" if isinstance(entry, Symlink) else "file"
    return BundlerError(
        f"{path} is a {kind}, nothing can lie below it",
        code=ExitCode.INPUT,
        fix="choose another destination, or remove it with a RUN before",
    )


def _bad(path: str, why: str) -> BundlerError:
    return BundlerError(f"not a path of a bundle: {path[:200]!r}", why=why, code=ExitCode.INPUT)
