"""Tar headers that depend on nothing but what the member is: owner root, one fixed time.

GNU format, because GNU tar, busybox tar and bsdtar all read its long names and its sizes from 8 GiB on.
"""

import tarfile

BLOCK = 512


def header(path: str, *, size: int, mode: int, mtime: int) -> bytes:
    """The header block of a regular file, behind that of its long name where it has one.

    size in bytes, mtime in seconds since the epoch.
    """
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size, mode, mtime
    info.uname = info.gname = "root"
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """The zero bytes behind a content of `size` bytes, up to the next block."""
    return bytes(-size % BLOCK)


def end() -> bytes:
    """What closes an archive: two empty blocks."""
    return bytes(2 * BLOCK)
