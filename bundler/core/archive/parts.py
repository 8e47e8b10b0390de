"""A .run as one file, or as parts that are its consecutive bytes (docs/format.md, "Parts").

Nothing in the bytes says that there are parts: the first is shorter than the size that stands in its stub,
and all but the last are as long as the first. So a file can be cut and joined without touching its signature.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bundler.core.archive.seal import ALIGN
from bundler.core.errors import BundlerError, ExitCode

MAX_PARTS: Final = 1000  # the first, and .001 to .999

_CLAIM: Final = re.compile(rb"^seal_offset=\d{1,18} file_size=(?P<size>[1-9]\d{0,17})$", re.MULTILINE)
_SIZE: Final = re.compile(r"(?P<number>[1-9]\d{0,17})(?P<unit>[kKMGT]?)(?P<binary>i?)B?", re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Bytes: `4GiB` in powers of 1024, `4000M` or `4GB` of 1000, bare digits as they are.

    Raises BundlerError (USAGE) for anything else, and below 128 KiB.
    """
    match = _SIZE.fullmatch(text)
    if match is None or (match["binary"] and not match["unit"]):
        raise BundlerError(
            f"{text!r} is no size", code=ExitCode.USAGE, fix="write it as 4GiB, 4000M or in bytes"
        )
    base: int = 1024 if match["binary"] else 1000
    size = int(match["number"])
    for _ in range(_POWERS[match["unit"]]):
        size *= base
    if size < 2 * ALIGN:
        raise BundlerError(
            f"parts of {size} bytes are too small", code=ExitCode.USAGE, fix="give at least 128KiB"
        )
    return size


def part_size(limit: int) -> int:
    """Bytes of each part but the last: the largest multiple of 65536 below `limit`.

    Below, because FAT32 holds files of one byte less than 4 GiB.
    """
    return max(1, (limit - 1) // ALIGN) * ALIGN


def part_path(path: Path, number: int) -> Path:
    """`product.run`, `product.run.001`, `product.run.002`, ..."""
    return path.with_name(f"{path.name}.{number:03}") if number else path


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one of the open files: for pread(2) and sendfile(2)."""

    fd: int
    offset: int
    length: int


class Parts:
    """The open file or files of a .run, read by position; may be used by several threads at once.

    size: bytes of the whole. each: bytes of every part but the last.
    """

    def __init__(self, path: Path, fds: list[int], size: int, each: int) -> None:
        self.path = path
        self.size = size
        self.each = each
        self._fds = fds

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open all there are.

        Raises BundlerError: NOT_FOUND where a part is missing, INTEGRITY where one has the wrong size; each
        names all such parts.
        """
        fds = [_open(path)]
        try:
            size = os.fstat(fds[0]).st_size
            total = _claimed(fds[0], size)
            if total is None:
                return cls(path, fds, size, max(size, 1))
            _open_others(path, fds, size, total)
            return cls(path, fds, total, size)
        except BaseException:
            _close(fds)
            raise

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the parts lie, in order."""
        return tuple(part_path(self.path, number) for number in range(len(self._fds)))

    def close(self) -> None:
        """Let go of the files; no method may be running or be called after."""
        _close(self._fds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spans(self, offset: int, length: int) -> Iterator[Span]:
        """The stretches that these bytes of the whole are, in order; what is behind the end is left out."""
        stop = min(offset + length, self.size)
        while offset < stop:
            number, start = divmod(offset, self.each)
            count = min(stop - offset, self.each - start)
            yield Span(self._fds[number], start, count)
            offset += count

    def pread(self, length: int, offset: int) -> bytes:
        """Like os.pread, on the whole; may give less than asked for, but not nothing before the end."""
        number, start = divmod(offset, self.each)
        if start + length <= self.each and offset + length <= self.size:  # nearly always: be quick
            return os.pread(self._fds[number], length, start)
        pieces = [os.pread(span.fd, span.length, span.offset) for span in self.spans(offset, length)]
        return pieces[0] if len(pieces) == 1 else b"".join(_unbroken(pieces, self.spans(offset, length)))

    def touched(self, offset: int, length: int) -> tuple[Path, ...]:
        """The parts that hold any of these bytes."""
        last = max(offset, offset + length - 1)
        return self.paths[offset // self.each : last // self.each + 1]

    def place(self, offset: int) -> tuple[Path, int]:
        """The part that holds this byte, and where in it."""
        number, start = divmod(offset, self.each)
        return part_path(self.path, number), start


def claimed_size(fd: int) -> int | None:
    """The whole's size as the stub of an open file claims it, None where there is no claim; not trusted."""
    match = _CLAIM.search(os.pread(fd, ALIGN, 0))
    return int(match["size"]) if match else None


def _claimed(fd: int, size: int) -> int | None:
    """The whole's size where this can be the first of several parts, else None."""
    if size % ALIGN or not size:  # a whole file ends with its seal, off the alignment
        return None
    total = claimed_size(fd)
    return total if total is not None and size < total <= size * MAX_PARTS else None


def _open_others(path: Path, fds: list[int], each: int, total: int) -> None:
    missing, wrong = [], []
    for number in range(1, -(-total // each)):
        part, expected = part_path(path, number), min(each, total - number * each)
        try:
            fds.append(os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        except FileNotFoundError:
            missing.append(part.name)
            continue
        except OSError as error:
            raise _unreadable(part, error) from error
        if (found := os.fstat(fds[-1]).st_size) != expected:
            wrong.append(f"{part.name} has {found} bytes and should have {expected}")
    if missing:
        raise BundlerError(
            f"missing: {', '.join(missing)}",
            where=path,
            why=f"this is the first {each} bytes of {total}: it was cut, or its parts are elsewhere",
            code=ExitCode.NOT_FOUND,
            fix="put all parts into one folder, under the names that they were made with",
        )
    if wrong:
        raise BundlerError(
            f"damaged: {'; '.join(wrong)}", where=path, code=ExitCode.INTEGRITY, fix="copy it again"
        )


def _unbroken(pieces: list[bytes], spans: Iterator[Span]) -> Iterator[bytes]:
    """The pieces up to the first that came short: what is behind it stands elsewhere."""
    for piece, span in zip(pieces, spans, strict=True):
        yield piece
        if len(piece) < span.length:
            return


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> BundlerError:
    return BundlerError(
        "the file can't be opened",
        where=path,
        why=error.strerror or str(error),
        code=ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.INPUT,
    )


def _close(fds: list[int]) -> None:
    while fds:
        with suppress(OSError):
            os.close(fds.pop())
