"""A .run on its way in: every part is written where it stays, so that the disk holds each byte once.

The file has a hidden name until it is whole. What it has of each part is written down nowhere: the file
system tells holes from what was written (lseek(2), SEEK_DATA and SEEK_HOLE), and a part counts only once its
digest was found right. So after kill -9 the next run goes on where this one stopped, and after a power cut it
fetches again what was torn.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from glob import escape
from pathlib import Path
from typing import Final, Self

from bundler.builder.artifact.model import RunArtifact
from bundler.builder.cache.partial import open_alone
from bundler.core.archive.newfile import not_written, settle
from bundler.core.digest import CHUNK, Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Descriptor

_ENDING: Final = ".part"


class PartialDownload:
    """The file at `path`, which one process at a time may hold; a context manager.

    What has arrived stays for the next run, until `commit` or `discard`. Several threads may fill it, each a
    part of its own. Raises BundlerError (USAGE) where another process is at it, or the file is another
    user's.
    """

    def __init__(self, path: Path, artifact: RunArtifact) -> None:
        self.path = path
        self.artifact = artifact
        self.there: set[Digest] = set()  # parts that were found right
        self._places: dict[Digest, list[int]] = {}
        offset = 0
        for part in artifact.parts:
            self._places.setdefault(part.digest, []).append(offset)
            offset += part.size
        with self._write_errors():
            self.fd = self._open()

    @classmethod
    def beside(cls, target: Path, artifact: RunArtifact) -> Self:
        """The one that will be `target`; what was left of another bundle on its way there is removed."""
        name = f".{target.name}.{artifact.descriptor.digest.hex[:12]}{_ENDING}"
        for other in target.parent.glob(f".{escape(target.name)}.{'[0-9a-f]' * 12}{_ENDING}"):
            if other.name != name:
                _remove_unused(other)
        return cls(target.parent / name, artifact)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        fd, self.fd = self.fd, -1  # a thread that comes late must find no other file under this number
        os.close(fd)

    def slot(self, part: Descriptor) -> "Slot":
        """The place of a part, with what has arrived of it."""
        slot = Slot(self, part, self._places[part.digest])
        with self._write_errors():
            if not self.fresh:
                slot.resume()
        return slot

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        """Bytes of the file as they stand."""
        end = offset + size
        while offset < end and (chunk := os.pread(self.fd, min(CHUNK, end - offset), offset)):
            offset += len(chunk)
            yield chunk

    def write_at(self, offset: int, chunk: bytes) -> None:
        """Write all of it. Raises BundlerError (SPACE, USAGE)."""
        view = memoryview(chunk)
        with self._write_errors():
            while view:
                done = os.pwrite(self.fd, view, offset)
                view, offset = view[done:], offset + done

    def written(self, offset: int, size: int) -> int:
        """How many bytes from `offset` on, `size` at most, are no hole: rounded up to the disk's blocks."""
        try:
            if os.lseek(self.fd, offset, os.SEEK_DATA) != offset:
                return 0
            return min(os.lseek(self.fd, offset, os.SEEK_HOLE) - offset, size)
        except OSError:  # there is nothing but a hole up to the end
            return 0

    def commit(self, target: Path) -> None:
        """Give the file its name, in place of what had it."""
        with self._write_errors():
            settle(self.fd, self.path, target, 0o777)

    def discard(self) -> None:
        """Remove the file: it has served."""
        self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        fd = open_alone(self.path)
        if fd is None:
            raise BundlerError(
                "another process is writing this bundle",
                where=self.path,
                code=ExitCode.USAGE,
                fix="wait until it has ended, or write to another place",
            )
        try:
            found = os.fstat(fd)
            self._check_owner(found)
            self.fresh = found.st_size != self.artifact.size
            if self.fresh:
                os.ftruncate(fd, 0)
                os.ftruncate(fd, self.artifact.size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check_owner(self, found: os.stat_result) -> None:
        if found.st_uid != os.geteuid() or found.st_nlink != 1:  # whose it is could change it later
            raise BundlerError(
                "a file that isn't ours stands in the way",
                where=self.path,
                code=ExitCode.USAGE,
                fix="remove it, or write to a folder where nobody else may",
            )

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise not_written(self.path, error) from error


class Slot:
    """Where one part goes: a `Sink` of a download. `size`: bytes of it that are there."""

    def __init__(self, file: PartialDownload, part: Descriptor, places: list[int]) -> None:
        self.size = 0
        self.resumed = False
        self._file = file
        self._part = part
        self._offset, *self._others = places
        self._hasher = hashlib.sha256()

    @property
    def whole(self) -> bool:
        """Whether all of it is there and right."""
        return self.size == self._part.size and self._hasher.hexdigest() == self._part.digest.hex

    def resume(self) -> None:
        """Take what an earlier run has written. Raises OSError."""
        self._take(self._file.written(self._offset, self._part.size))
        if self.whole:
            return
        count = self._up_to_zeros(self.size)  # a block's rest is zero bytes, which were never sent
        self.restart()
        self._take(count)
        self.resumed = self.size > 0

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end. Raises BundlerError (SPACE, USAGE)."""
        self._file.write_at(self._offset + self.size, chunk)
        self._hasher.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Begin again: what has arrived is wrong, or the server can't go on in the middle."""
        self.size, self.resumed = 0, False
        self._hasher = hashlib.sha256()

    def fill(self, chunks: Iterable[bytes]) -> None:
        """Take the whole content from elsewhere."""
        self.restart()
        for chunk in chunks:
            self.append(chunk)

    def settle(self, name: str) -> None:
        """See that all is there, and put it wherever else the file has the same bytes.

        Raises BundlerError (INTEGRITY).
        """
        if not self.whole:
            raise BundlerError(
                "the content is not what its digest says",
                where=name,
                why=f"expected {self._part.size} bytes with {self._part.digest}, "
                f"got {self.size} bytes with sha256:{self._hasher.hexdigest()}",
                code=ExitCode.INTEGRITY,
                fix="fetch it again; if it persists, the source is damaged or not trustworthy",
            )
        for other in self._others:
            copied = 0
            for chunk in self._file.chunks(self._offset, self.size):
                self._file.write_at(other + copied, chunk)
                copied += len(chunk)
        self._file.there.add(self._part.digest)

    def _take(self, count: int) -> None:
        for chunk in self._file.chunks(self._offset, count):
            self._hasher.update(chunk)
            self.size += len(chunk)

    def _up_to_zeros(self, count: int) -> int:
        """How many of the first `count` bytes there are without the zero bytes at their end."""
        while count:
            start = max(0, count - CHUNK)
            left = len(b"".join(self._file.chunks(self._offset + start, count - start)).rstrip(b"\0"))
            if left:
                return start + left
            count = start
        return 0


def _remove_unused(path: Path) -> None:
    """Remove what no process holds any more."""
    with contextlib.suppress(OSError):
        if (fd := open_alone(path)) is not None:
            os.close(fd)
            path.unlink()
