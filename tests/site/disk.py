"""A machine's own disk: an ext4 in a sparse file, loop-mounted. The host spends only what it holds.

So a machine that fills its disk takes no room from the others or from the host, and a kubelet judges the
space of its own machine, not that of a host which others use, too.
"""

import contextlib
import errno
import os
import time
from pathlib import Path

from tests.site.commands import run

_FILLER = "filled"  # at the disk's top, where the machine doesn't see it
_RELEASE_LIMIT = 3.0  # seconds for dead machines to let go of their disks


def attach(folder: Path, gib: int) -> None:
    """Make the disk's file beside `folder` and mount it there.

    Without a journal: machines are powered off, the kernel that writes their disks is not.
    """
    image = folder.with_suffix(".img")
    folder.mkdir(parents=True)
    with image.open("xb") as file:
        file.truncate(gib << 30)
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", image)
    # The loop device goes with its last user; `discard` gives the host back what the machine deletes.
    run("mount", "-o", "loop,noatime,discard", image, folder)


def held(root: Path) -> tuple[str, ...]:
    """Which files below `root` are still behind a loop device, once none or a few seconds have passed.

    A dead machine lets go a moment after its end, and a stranger's copy of the mounts goes with the folder. A
    process that has opened a file there keeps its disk.
    """
    deadline = time.monotonic() + _RELEASE_LIMIT
    while found := tuple(each for each in loops() if Path(each).is_relative_to(root)):
        if time.monotonic() > deadline:
            return found
        time.sleep(0.02)
    return ()


def loops() -> tuple[str, ...]:
    """The files behind this host's loop devices."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):  # released meanwhile
            found.append(backing.read_text().strip().removesuffix(" (deleted)"))
    return tuple(sorted(found))


def fill(folder: Path, leave: int = 0) -> None:
    """Take all of the disk's free space but `leave` bytes; costs the host nothing."""
    filler = os.open(folder / _FILLER, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for step in (1 << 30, 1 << 24, 1 << 20, 1 << 12):
            while _free(folder) - step >= leave and _grow(filler, step):
                pass
    finally:
        os.close(filler)


def free(folder: Path) -> None:
    """Give back what `fill` took."""
    (folder / _FILLER).unlink(missing_ok=True)


def is_filled(folder: Path) -> bool:
    """Whether `fill` took of the disk."""
    return (folder / _FILLER).exists()


def size(folder: Path) -> int:
    """Bytes of the disk."""
    about = os.statvfs(folder)
    return about.f_blocks * about.f_frsize


def _free(folder: Path) -> int:
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def _grow(filler: int, step: int) -> bool:
    """Allocate `step` more bytes; False when the disk hasn't got them."""
    try:
        os.posix_fallocate(filler, os.fstat(filler).st_size, step)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return False
        raise
    return True
