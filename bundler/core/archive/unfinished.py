"""Files and folders that are still being written, beside the place that they are for.

Their names are hidden and their own, `.NAME.<16 hex digits>.part`, and whoever writes one holds a lock on it
(flock(2)). The lock goes with its process, so what kill -9 has left is known by being free.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from glob import escape
from pathlib import Path
from typing import Final

_DIGITS: Final = 16  # unlike those of a download that will go on, which have 12


def hidden_name(target: Path) -> Path:
    """A new name beside `target`."""
    return target.parent / f".{target.name}.{secrets.token_hex(_DIGITS // 2)}.part"


def hold(fd: int) -> None:
    """Mark an open file or folder as in use until it is closed."""
    with contextlib.suppress(OSError):  # a file system without locks: then nothing of it is swept either
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(target: Path) -> None:
    """Remove what processes that were killed have left on its way to `target`."""
    with contextlib.suppress(OSError):
        for path in target.absolute().parent.glob(f".{escape(target.name)}.{'[0-9a-f]' * _DIGITS}.part"):
            with contextlib.suppress(OSError):  # in use, or another user's
                _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(fd)
