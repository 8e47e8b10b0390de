"""Unfinished files that are never reused: a folder for each process, marked as in use by a lock.

The kernel drops a lock when its process ends, however it ends. So a folder whose lock can be taken
belongs to nobody, and may be removed; no process id has to be compared, which would go wrong between
containers that share a cache.
"""

import contextlib
import fcntl
import os
import secrets
import tempfile
import threading
from pathlib import Path

from bundler.builder.cache.disk import remove_tree

_TRIES = 100


class Workspace:
    """Names for new files and folders below `root`, in a folder of this process. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._guard = threading.Lock()
        self._folder: Path | None = None
        self._fd = -1
        self._owner = 0

    def file(self) -> Path:
        """A path that doesn't exist yet, for a file."""
        return self._home() / secrets.token_hex(8)

    def folder(self) -> Path:
        """A new empty folder."""
        made = self._home() / secrets.token_hex(8)
        made.mkdir()
        return made

    def sweep(self) -> int:
        """Remove what processes that are gone have left; how many folders that were."""
        self._root.mkdir(parents=True, exist_ok=True)
        left = [entry for entry in self._root.iterdir() if entry != self._folder]
        return sum(_remove_if_unused(entry) for entry in left)

    def close(self) -> None:
        """Remove this process's folder with all that is unfinished in it."""
        with self._guard:
            if self._folder is None or self._owner != os.getpid():
                return
            remove_tree(self._folder)
            os.close(self._fd)
            self._folder, self._fd = None, -1

    def _home(self) -> Path:
        with self._guard:
            if self._folder is None or self._owner != os.getpid():  # a forked child makes its own
                self._folder, self._fd = _locked_folder(self._root)
                self._owner = os.getpid()
            return self._folder


def _locked_folder(root: Path) -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock.

    A sweeper may remove it between making and locking, so that is looked at again afterwards.
    """
    for _ in range(_TRIES):
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=root))
        with contextlib.suppress(OSError):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if folder.exists():
                return folder, fd
            os.close(fd)
    raise OSError(f"could not make a folder below {root}: something removes it at once")


def _remove_if_unused(folder: Path) -> bool:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False  # gone by now, or not ours to touch
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # in use
    else:
        with contextlib.suppress(OSError):  # a leftover that can't be removed is harmless
            remove_tree(folder)
        return True
    finally:
        os.close(fd)
