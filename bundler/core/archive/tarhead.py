"""Tar headers that depend on nothing but what the member is: owner root, one fixed time.

GNU format, because GNU tar, busybox tar and bsdtar all read its long names and its sizes from 8 GiB on.
"""

import tarfile

BLOCK = 512

_NAME = 100  # bytes of a name that its field holds
_OCTAL = 8**11  # sizes and times below this stand in their fields as digits
_REST = (
    b"0" + bytes(100) + b"ustar  \0" + b"root".ljust(32, b"\0") * 2 + bytes(183)
)  # a file; behind the checksum
_REST_SUM = sum(_REST) + 8 * ord(" ")  # a header's checksum is made with blanks in its own place


def header(path: str, *, size: int, mode: int, mtime: int) -> bytes:
    """The header block of a regular file, behind that of its long name where it has one.

    size in bytes, mtime in seconds since the epoch.
    """
    name = path.encode("utf-8", "strict")
    if len(name) > _NAME or not (0 <= size < _OCTAL and 0 <= mode < 0o10000 and 0 <= mtime < _OCTAL):
        return _by_tarfile(path, size, mode, mtime)
    # The same bytes, six times as quick: a reader holds every header of a bundle against its index.
    front = b"%b%07o\0%b%011o\0%011o\0" % (name.ljust(_NAME, b"\0"), mode, b"0000000\0" * 2, size, mtime)
    checksum = sum(front) + _REST_SUM
    return b"%b%06o\0 %b" % (front, checksum, _REST)


def _by_tarfile(path: str, size: int, mode: int, mtime: int) -> bytes:
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
