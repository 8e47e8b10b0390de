"""A .tar.gz that never grows beyond its limit: every file is a gzip member of its own, so its size is known.

Several members one behind the other are one gzip file (RFC 1952); tar, zcat and Python read them as one.
"""

import contextlib
import gzip
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from bundler.core.errors import BundlerError, ExitCode

LIMIT: Final = 100 << 20
RESERVE: Final = 4 << 20  # for the index, which comes last and tells of the others
_LEVEL: Final = 6
_BLOCK: Final = 512


@dataclass(slots=True)
class Pack:
    """An archive that is being written beside its place; a context manager that puts it there at the end."""

    path: Path
    folder: str
    moment: float
    limit: int = LIMIT
    size: int = 0
    _stream: IO[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        try:
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        self._stream = os.fdopen(handle, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None:
                if kind is None:
                    self._write(gzip.compress(bytes(2 * _BLOCK), _LEVEL, mtime=0))
                self._stream.close()
            if kind is None:
                self._part.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def add(self, name: str, data: bytes, *, reserved: bool = False) -> bool:
        """Add a file, if there is room for it. reserved: it may take what is kept for the index."""
        info = tarfile.TarInfo(f"{self.folder}/{name}")
        info.size, info.mode, info.mtime = len(data), 0o600, int(self.moment)
        padding = bytes(-len(data) % _BLOCK)
        raw = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + data + padding
        packed = gzip.compress(raw, _LEVEL, mtime=0)
        if self.size + len(packed) > self.limit - (0 if reserved else RESERVE):
            return False
        self._write(packed)
        return True

    @property
    def _part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    def _write(self, data: bytes) -> None:
        if self._stream is None:
            raise BundlerError("the archive is not open", code=ExitCode.BUG)
        try:
            self._stream.write(data)
        except OSError as error:
            raise self._unwritable(error) from None
        self.size += len(data)

    def _unwritable(self, error: OSError) -> BundlerError:
        return BundlerError(
            "the archive can't be written",
            where=self.path,
            why=error.strerror or str(error),
            code=ExitCode.SPACE if error.errno == 28 else ExitCode.INPUT,
            fix="name another place: -o FILE",
        )
