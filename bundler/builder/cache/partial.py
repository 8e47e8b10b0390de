"""A blob that is still arriving: kept across attempts, so that a cut download goes on where it stopped."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bundler.builder.cache.disk import space_told, write_all
from bundler.core.digest import CHUNK, Digest
from bundler.core.errors import BundlerError, ExitCode

_TRIES = 10
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, order=True)
class Blob:
    """Content that lies in the store; `size` in bytes."""

    digest: Digest
    size: int

    def to_json(self) -> bytes:
        """For a record of the store."""
        return json.dumps([self.digest.hex, self.size]).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What `to_json` gave."""
        hex_digest, size = json.loads(text)
        return cls(Digest(hex_digest), size)


class Partial:
    """What has arrived so far of the content with `digest`: `size` bytes, at `path`.

    shared: where attempts of all processes meet; private: gives a path to use while another process is at it.
    settle: puts the finished file at its place in the store.
    """

    def __init__(
        self,
        digest: Digest,
        *,
        shared: Path,
        private: Callable[[], Path],
        settle: Callable[[Path, Digest], None],
    ) -> None:
        self._digest = digest
        self._settle = settle
        fd = open_alone(shared)
        self._keep = fd is not None
        self.path = shared if fd is not None else private()
        self._fd = fd if fd is not None else os.open(self.path, _FLAGS | os.O_EXCL, 0o600)
        self._hasher = hashlib.sha256()
        self.size = 0
        while chunk := os.read(self._fd, CHUNK):
            self._hasher.update(chunk)
            self.size += len(chunk)

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end. Raises BundlerError (SPACE); what has arrived stays."""
        with space_told(self.path.parent, str(self._digest), None):
            write_all(self._fd, chunk)
        self._hasher.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Throw away what has arrived: it is wrong, or the server can't go on in the middle."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hasher, self.size = hashlib.sha256(), 0

    def commit(self, size: int | None = None, *, name: str = "") -> Blob:
        """Make it a blob of the store.

        size: what it should be in bytes, where known; name: for messages.
        Raises BundlerError (INTEGRITY) when it is too short, and then it stays for the next try; and when
        size or digest are wrong, and then it is thrown away, since more bytes can't mend it.
        """
        if size is not None and self.size < size:
            raise self._wrong(name, f"{self.size} of {size} bytes arrived")
        if self._hasher.hexdigest() != self._digest.hex or size not in {None, self.size}:
            got = f"{self.size} bytes with sha256:{self._hasher.hexdigest()}"
            expected = f"{size} bytes with {self._digest}" if size is not None else str(self._digest)
            self.restart()
            raise self._wrong(name, f"expected {expected}, got {got}")
        blob = Blob(self._digest, self.size)
        self._settle(self.path, self._digest)
        self._release()
        return blob

    def close(self) -> None:
        """Let go of it; what a next try can use stays."""
        if self._fd < 0:
            return
        if not self._keep or self.size == 0:
            self.path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def _wrong(self, name: str, why: str) -> BundlerError:
        return BundlerError(
            "the content is not what its digest says",
            where=name or str(self._digest),
            why=why,
            code=ExitCode.INTEGRITY,
            fix="fetch it again; if it persists, the source is damaged or not trustworthy",
        )


def open_alone(path: Path) -> int | None:
    """The file, made where there is none, and locked; None while another process, or another thread, has it.

    Its last user may have moved it to its place between our open and our lock; then what we hold is no
    longer the file at `path`, and we look again. Raises OSError, for a symbolic link too.
    """
    for _ in range(_TRIES):
        fd = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        if _same(fd, path):
            return fd
        os.close(fd)
    return None


def _same(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(fd)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
