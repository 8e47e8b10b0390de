"""Taking files out of a .run, into a folder that nothing in the file can lead us out of.

Every file is hashed while it is written and removed again when it isn't right; should anything fail, so is
everything that was written before. Sizes are the index's: what unpacks to more is refused at that byte.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.rooted import Root, RootedPath

THREADS: Final = min(4, os.cpu_count() or 1)  # hashing and unpacking let go of the interpreter's lock

Progress = Callable[[int], None]  # bytes that were just written


@dataclass(frozen=True, slots=True)
class Taken:
    """A member and where it goes below the target."""

    member: Member
    path: RootedPath


def select(index: Index, patterns: Iterable[str]) -> tuple[Taken, ...]:
    """The members that any pattern names, under their own paths: a path, a folder, or a glob.

    A glob is fnmatch's, whose `*` passes over `/` too. Raises BundlerError (NOT_FOUND) for a pattern that
    matches nothing.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        found = {member.path for member in index.members if _matches(member.path, pattern)}
        if not found:
            raise BundlerError(
                f"nothing in the bundle is named {pattern!r}",
                code=ExitCode.NOT_FOUND,
                fix="--list shows what there is; put globs in quotes",
            )
        chosen |= found
    return tuple(Taken(m, RootedPath.parse(m.path)) for m in index.members if m.path in chosen)


def below(index: Index, folder: str) -> tuple[Taken, ...]:
    """The members below a folder, under their paths in that folder."""
    start = f"{folder}/"
    return tuple(
        Taken(member, RootedPath.parse(member.path.removeprefix(start)))
        for member in index.members
        if member.path.startswith(start)
    )


def _matches(path: str, pattern: str) -> bool:
    plain = pattern.rstrip("/")
    return path == pattern or path.startswith(f"{plain}/") or fnmatchcase(path, pattern)


def extract(
    bundle: Bundle,
    files: Sequence[Taken],
    target: Path,
    *,
    umask: int = 0o022,
    progress: Progress = lambda _count: None,
) -> None:
    """Write the files below `target`, which is made if it isn't there; nothing that exists is replaced.

    Raises BundlerError: INPUT when a file is there already or a link stands in the way, INTEGRITY, SPACE.
    """
    with new_folder(target) as root:
        _make_room(target, sum(taken.member.size for taken in files))
        work = _Work(bundle, root, umask, progress)
        try:
            work.run(files)
        except BaseException:
            for path in work.written:
                root.remove(path)
            for path in work.begun:
                root.prune(path)
            raise


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Root]:
    """The folder, which is made if it isn't there; one that was made goes again when the body fails.

    Raises BundlerError (INPUT) when it can't be made or opened.
    """
    made = False
    try:
        with contextlib.suppress(FileExistsError):
            target.mkdir()
            made = True
        root = Root(target)
    except OSError as error:
        raise BundlerError(
            "the folder can't be used",
            where=target,
            why=error.strerror or str(error),
            code=ExitCode.INPUT,
            fix="name a folder that is there, or a new one in such a folder",
        ) from error
    with root:
        try:
            yield root
        except BaseException:
            if made:
                with contextlib.suppress(OSError):
                    target.rmdir()
            raise


def _make_room(target: Path, size: int) -> None:
    status = os.statvfs(target)
    free = status.f_bavail * status.f_frsize
    if free < size:
        raise BundlerError(
            f"{size} bytes are needed, {free} are free",
            where=target,
            code=ExitCode.SPACE,
            fix="free space there, or name another folder",
        )


class _Work:
    """Files on their way out, some at once; the first failure ends the others."""

    def __init__(self, bundle: Bundle, root: Root, umask: int, progress: Progress) -> None:
        self.begun: list[RootedPath] = []
        self.written: list[RootedPath] = []
        self._bundle = bundle
        self._root = root
        self._umask = umask
        self._progress = progress
        self._ended = threading.Event()

    def run(self, files: Sequence[Taken]) -> None:
        left = iter(files)
        lock = threading.Lock()

        def work() -> None:
            while not self._ended.is_set():
                with lock:
                    taken = next(left, None)
                if taken is None:
                    return
                self._write(taken)

        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(work) for _ in range(THREADS)]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            finally:
                self._ended.set()

    def _write(self, taken: Taken) -> None:
        member = taken.member
        self.begun.append(taken.path)
        self._root.write(
            taken.path,
            self._counted(self._bundle.chunks(member)),
            mode=member.mode & ~self._umask,  # `chunks` verifies
        )
        self.written.append(taken.path)

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._ended.is_set():
                raise BundlerError("ended", code=ExitCode.INTERRUPTED)
            yield chunk
            self._progress(len(chunk))
