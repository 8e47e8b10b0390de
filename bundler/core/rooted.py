"""Paths that cannot climb out of their root, and a root that follows no link.

A `RootedPath` is checked once, when it is made; a `Root` resolves it one folder at a time relative to
directory descriptors, so that neither `..` nor a symbolic link planted meanwhile leads a write elsewhere.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from bundler.core.digest import Digest, verified
from bundler.core.errors import BundlerError, ExitCode

MAX_PATH = 4095  # bytes, Linux PATH_MAX without its NUL
MAX_DEPTH = 128  # parts; checks that walk up a path stay cheap
MAX_PART = 255  # bytes, NAME_MAX of every file system in use

# What a terminal obeys, what ends a line, and what turns the direction of text so that a name
# looks like another.
_OBEYED = (range(0x20), range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A))
_CONTROL = frozenset(chr(code) for codes in _OBEYED for code in codes)

# Most parts are of this kind, and nothing else has to be asked of them: an archive may have a million.
_PLAIN = re.compile(rf"(?!\.\.?\Z)[ -.0-~]{{1,{MAX_PART}}}")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a planted FIFO can't hang us


@dataclass(frozen=True, slots=True, order=True)
class RootedPath:
    """A relative path below some root: parts without `.`, `..`, empty ones or control characters."""

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if fault := _fault(self.parts):
            shown = "/".join(self.parts)[:120]
            raise BundlerError(
                f"not a path below the root: {shown!r}",
                why=fault,
                code=ExitCode.INPUT,
                fix="write a relative path without '.', '..' or empty parts",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `a/b/c`. Raises BundlerError (INPUT) for anything that isn't plainly below its root."""
        return cls(tuple(text.split("/")))

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1]

    def __str__(self) -> str:
        return "/".join(self.parts)


def _fault(parts: tuple[str, ...]) -> str:
    """Why these parts are no rooted path; "" when they are one."""
    text = "/".join(parts)
    if len(parts) <= MAX_DEPTH and len(text) <= MAX_PATH and parts and all(map(_PLAIN.fullmatch, parts)):
        return ""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    faults = {
        "it is empty": not text,
        "it starts at /": text.startswith("/"),
        f"it is longer than {MAX_PATH} bytes": size > MAX_PATH,
        f"a part of it is longer than {MAX_PART} bytes": any(len(part.encode()) > MAX_PART for part in parts),
        f"it has more than {MAX_DEPTH} parts": len(parts) > MAX_DEPTH,
        "it has an empty, '.' or '..' part": any(part in {"", ".", ".."} or "/" in part for part in parts),
        "it has a control character": not _CONTROL.isdisjoint(text),
    }
    return next((fault for fault, found in faults.items() if found), "")


class Root:
    """A folder that is written to and read from through its descriptor only.

    Use it as a context manager; the folder must exist and is trusted, what is below it isn't.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def write(
        self,
        path: RootedPath,
        chunks: Iterable[bytes],
        *,
        mode: int = 0o644,
        digest: Digest | None = None,
        size: int | None = None,
    ) -> None:
        """Make a new file, and the folders it needs (0755).

        Where `digest` is given the content is verified on its way, `size` bytes with it; a file that was not
        written whole and right is removed again. Raises BundlerError: INPUT when the file exists or a link
        stands in the way, INTEGRITY, SPACE; and whatever `chunks` raises.
        """
        checked = chunks if digest is None else verified(chunks, digest=digest, size=size, name=str(path))
        with self._path_errors(path), self._parent(path, make=True) as parent:
            fd = os.open(path.name, _NEW_FILE, 0o600, dir_fd=parent)
            try:
                with os.fdopen(fd, "wb", buffering=0) as out:
                    _pour(checked, out)
                    os.fchmod(out.fileno(), mode)
            except BaseException:  # Ctrl-C too must leave nothing half-written
                with contextlib.suppress(OSError):
                    os.unlink(path.name, dir_fd=parent)
                raise

    @contextlib.contextmanager
    def open(self, path: RootedPath) -> Iterator[BinaryIO]:
        """A file below the root for reading.

        Raises BundlerError (INPUT) when there is none, or a link stands in the way.
        """
        with self._path_errors(path), self._parent(path, make=False) as parent:
            fd = os.open(path.name, _OLD_FILE, dir_fd=parent)
        with os.fdopen(fd, "rb") as stream:
            yield stream

    def remove(self, path: RootedPath) -> None:
        """Take a file away, and the folders above it that are empty then; nothing when it isn't there."""
        with contextlib.suppress(OSError), self._parent(path, make=False) as parent:
            os.unlink(path.name, dir_fd=parent)
        self.prune(path)

    def prune(self, path: RootedPath) -> None:
        """Take the folders above `path` away that are empty."""
        for depth in range(len(path.parts) - 1, 0, -1):
            folder = RootedPath(path.parts[:depth])
            with contextlib.suppress(OSError), self._parent(folder, make=False) as parent:
                os.rmdir(folder.name, dir_fd=parent)

    @contextlib.contextmanager
    def _parent(self, path: RootedPath, *, make: bool) -> Iterator[int]:
        """The descriptor of the folder that holds `path`."""
        current = os.dup(self._fd)
        try:
            for part in path.parts[:-1]:
                current = _descend(current, part, make=make)
            yield current
        finally:
            os.close(current)

    @contextlib.contextmanager
    def _path_errors(self, path: RootedPath) -> Iterator[None]:
        """Say in words what the operating system refused."""
        where = self.folder / str(path)
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise BundlerError(
                    "the disk is full", where=where, code=ExitCode.SPACE, fix="free space there and try again"
                ) from error
            if isinstance(error, FileExistsError):
                raise BundlerError(
                    "something exists there already, and is not overwritten",
                    where=where,
                    code=ExitCode.INPUT,
                    fix="remove it if it isn't needed, or use another folder",
                ) from error
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                why = "a symbolic link or a file stands where a folder should be"
            else:
                why = error.strerror or str(error)
            raise BundlerError("cannot use this path", where=where, why=why, code=ExitCode.INPUT) from error


def _descend(parent: int, part: str, *, make: bool) -> int:
    """Open a folder below `parent`, and close `parent` once that has worked."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=parent)
    child = os.open(part, _FOLDER, dir_fd=parent)
    os.close(parent)
    return child


def _pour(chunks: Iterable[bytes], out: BinaryIO) -> None:
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            view = view[out.write(view) :]
