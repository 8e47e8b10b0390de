"""Small helpers around files of the cache: a full disk told in figures, whole writes, trees that go away."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import sized

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_ELSEWHERE = "free some space, or choose another disk with --cache or BUNDLER_CACHE"


def is_full(error: BaseException) -> bool:
    """Whether it says that a disk or a quota is used up."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextlib.contextmanager
def space_told(folder: Path, name: str, size: int | None) -> Iterator[None]:
    """Turn "no space left" into a BundlerError (SPACE) that says how much is free and how much was wanted.

    folder: any place on the disk that is written to; size: bytes that `name` needs, where known.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        need = f"; {name} needs {sized(size)}" if size is not None else ""
        quota = " (a quota is used up)" if error.errno == errno.EDQUOT else ""
        raise BundlerError(
            f"the disk is full while writing {name}",
            where=folder,
            why=f"{sized(_free(folder))} are free there{quota}{need}",
            code=ExitCode.SPACE,
            fix=_ELSEWHERE,
        ) from error


def need(folder: Path, name: str, size: int) -> None:
    """For what others write, who would tell a full disk in their own way.

    Raises BundlerError (SPACE) where fewer than `size` bytes are free.
    """
    if (free := _free(folder)) < size:
        raise BundlerError(
            f"there is not enough space for {name}",
            where=folder,
            why=f"{sized(free)} are free there; it needs {sized(size)}",
            code=ExitCode.SPACE,
            fix=_ELSEWHERE,
        )


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; a raw write may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all in it, also where it holds read-only folders; a missing one is fine."""
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    for parent, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):  # if it matters, rmtree tells
            Path(parent).chmod(0o700)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
