"""A file that appears at its place whole, or not at all."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final, Self

from bundler.core.archive import unfinished
from bundler.core.errors import BundlerError, ExitCode

_EACH: Final = 32 << 20  # bytes after which the kernel has to write back


class NewFile:
    """Written without a name, so that even kill -9 leaves nothing; `commit` gives it its name.

    File systems that can't do that (NFS, FAT) get a hidden file beside the target, removed unless committed.
    What kill -9 left of such a one is removed when the same target is written next.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._temp = unfinished.hidden_name(target)
        self._named = False
        self.fd = -1
        self._size = self._sent = 0

    def __enter__(self) -> Self:
        unfinished.sweep(self.target)
        try:
            self.fd = self._create()
        except OSError as error:
            raise self._write_error(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
        if self._named:
            self._temp.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of it. Raises BundlerError (SPACE) when the disk is full."""
        view = memoryview(data)
        try:
            while view:
                done = os.write(self.fd, view)
                view, self._size = view[done:], self._size + done
        except OSError as error:
            raise self._write_error(error) from error
        self._send()

    def write_at(self, offset: int, data: bytes) -> None:
        """Put bytes at `offset`, without moving the end."""
        try:
            while data:
                done = os.pwrite(self.fd, data, offset)
                data, offset = data[done:], offset + done
        except OSError as error:
            raise self._write_error(error) from error

    def commit(self, mode: int) -> None:
        """Bring it to the disk and give it its name, in place of what had it; the umask takes from `mode`."""
        try:
            os.fsync(self.fd)  # the long part, while there is no name yet that kill -9 could leave
            if not self._named:
                unfinished.hold(self.fd)
                self._name()
            settle(self.fd, self._temp, self.target, mode)
            self._named = False
        except OSError as error:
            raise self._write_error(error) from error

    def _send(self) -> None:
        """Let the kernel begin to bring what was written to the disk, so that little is left for fsync."""
        if self._size - self._sent >= _EACH:
            with contextlib.suppress(OSError):  # advice only
                os.posix_fadvise(self.fd, self._sent, self._size - self._sent, os.POSIX_FADV_DONTNEED)
            self._sent = self._size

    def _create(self) -> int:
        with contextlib.suppress(OSError):
            return os.open(self.target.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fd = os.open(self._temp, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._named = True
        unfinished.hold(fd)
        return fd

    def _name(self) -> None:
        """Give the nameless file its hidden name; linkat(2) can't replace an existing one."""
        # Given a folder's descriptor, os.link calls linkat, which follows the link; link(2) never does.
        folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.link(str(self.fd), self._temp, src_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
        self._named = True

    def _write_error(self, error: OSError) -> BundlerError:
        return not_written(self.target, error)


def settle(fd: int, temp: Path, target: Path, mode: int) -> None:
    """Bring an open file that lies at `temp` to the disk, then to `target`. Raises OSError."""
    os.fchmod(fd, mode & ~_umask())
    os.fsync(fd)
    temp.replace(target)
    _sync_folder(target.parent)


def not_written(target: Path, error: OSError) -> BundlerError:
    """What to tell about a file that couldn't be written: SPACE or USAGE."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return BundlerError(
        "the file can't be written" if not full else "the disk is full",
        where=target,
        why=error.strerror or str(error),
        code=ExitCode.SPACE if full else ExitCode.USAGE,
        fix="free space there, or write it elsewhere with -o",
    )


def _umask() -> int:
    """The process's umask, read where reading doesn't change it for other threads."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
