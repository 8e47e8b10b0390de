"""`bundler split` and `bundler join`: a .run to parts and back, with no second copy on the disk.

Both go step by step: what a part got is on the disk before the file it came from is cut or removed. When
one is interrupted, `join` makes the whole out of what is there.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bundler.core.archive import Bundle, sums
from bundler.core.archive.newfile import NewFile
from bundler.core.archive.newparts import NewParts
from bundler.core.archive.parts import MAX_PARTS, Parts, claimed_size, part_path, part_size
from bundler.core.archive.seal import ALIGN
from bundler.core.digest import CHUNK, read_chunks
from bundler.core.errors import BundlerError, ExitCode

Tell = Callable[[Path], None]  # a part is done


def split(
    path: Path, limit: int, output: Path | None = None, tell: Tell = lambda _part: None
) -> tuple[Path, ...]:
    """Cut a .run into parts of less than `limit` bytes: in place, or at `output` with `path` left as it is.

    In place the disk holds the file and one part more at most. Gives the parts.
    Raises BundlerError: NOT_FOUND, INTEGRITY when it is damaged, INPUT when it is parts already, USAGE,
    SPACE.
    """
    each = part_size(limit)
    with Bundle.open(path) as bundle:
        if len(bundle.paths) > 1:
            raise BundlerError(
                "it is split already", where=path, code=ExitCode.INPUT, fix="bundler join it first"
            )
        bundle.check()  # a damaged file must not be carried
        size = bundle.seal.file_size
    count = -(-size // each)
    if count > MAX_PARTS:
        raise BundlerError(
            f"there would be {count} parts, more than {MAX_PARTS}",
            code=ExitCode.USAGE,
            fix="give larger ones",
        )
    if output is not None and output.absolute() != path.absolute():
        _copy_out(path, output, limit)
    elif count > 1:
        _cut(path, each, count, tell)
    with Parts.open(output or path) as parts:
        return parts.paths


def join(path: Path, output: Path | None = None) -> Path:
    """Put the parts together again: in place, or at `output` with the parts left. Verifies every byte.

    In place the disk holds the whole and one part more at most. Gives where the whole file is.
    Raises BundlerError: NOT_FOUND for a missing part, INTEGRITY for a damaged one, SPACE, USAGE.
    """
    target = output or path
    in_place = output is None or output.absolute() == path.absolute()
    if in_place and _was_interrupted(path):
        _append(path)
    elif in_place:
        if not _is_right(path):  # before it is touched: a damaged part can still be copied again
            _append(path)
    else:
        _is_right(path)
        with Parts.open(path) as parts, NewFile(target) as out:
            for chunk in _chunks(parts):
                out.write(chunk)
            out.commit(0o777)
    _is_right(target)
    return target


def _was_interrupted(path: Path) -> bool:
    """Whether the files that are there are neither a whole nor all its parts. Raises BundlerError."""
    if not path.is_file():
        raise BundlerError("there is no such file", where=path, code=ExitCode.NOT_FOUND)
    try:
        with Parts.open(path) as parts, path.open("rb") as file:
            return len(parts.paths) == 1 and parts.size != claimed_size(file.fileno())
    except BundlerError:
        return True


def _is_right(path: Path) -> bool:
    """Verify every byte; whether it is one file already. Raises BundlerError (NOT_FOUND, INTEGRITY)."""
    with Bundle.open(path) as bundle:
        bundle.check()
        return len(bundle.paths) == 1


def _copy_out(path: Path, output: Path, limit: int) -> None:
    with Parts.open(path) as whole, NewParts(output, limit) as out:
        for chunk in _chunks(whole):
            out.write(chunk)
        out.commit(0o777)


def _cut(path: Path, each: int, count: int, tell: Tell) -> None:
    """Move one part after another off the file's end."""
    taken = [part for number in range(1, count + 1) if os.path.lexists(part := part_path(path, number))]
    if taken:
        raise BundlerError(
            "there is a file already that would be taken for a part",
            where=taken[0],
            code=ExitCode.USAGE,
            fix="remove it, or split to another folder with -o",
        )
    hexes: dict[int, str] = {}
    with _telling(path), path.open("r+b", buffering=0) as file:
        for number in range(count - 1, 0, -1):
            part = part_path(path, number)
            hexes[number] = _move_off(file.fileno(), number * each, part)
            tell(part)
    hexes[0] = sums.of_file(path)
    sums.write(path, [(part_path(path, number), hexes[number]) for number in range(count)])


def _move_off(fd: int, start: int, part: Path) -> str:
    """Make what is behind `start` a file of its own, and give its sha256."""
    hasher = hashlib.sha256()
    with NewFile(part) as out:
        for chunk in _from(fd, start):
            out.write(chunk)
            hasher.update(chunk)
        out.commit(0o666)
    os.ftruncate(fd, start)
    os.fsync(fd)
    return hasher.hexdigest()


def _append(path: Path) -> None:
    """Move one part after another to the file's end, going on where a split or a join was interrupted."""
    parts = tuple(part for number in range(1, MAX_PARTS) if (part := part_path(path, number)).is_file())
    with _telling(path), path.open("r+b", buffering=0) as file:
        fd = file.fileno()
        end = _joint(path, fd, parts)
        os.ftruncate(fd, end)  # an interrupted join has appended some of a part that is still there
        for part in parts:
            end = _move_on(fd, end, part)
    sums.sums_path(path).unlink(missing_ok=True)


def _joint(path: Path, fd: int, parts: tuple[Path, ...]) -> int:
    """Where in the file the parts belong. Raises BundlerError where they are not all the rest of it."""
    total, size = claimed_size(fd), os.fstat(fd).st_size
    if total is None:
        raise BundlerError("this is not the first part of a .run", where=path, code=ExitCode.INTEGRITY)
    first = int(parts[0].suffix[1:]) if parts else 1
    gaps = [number for number in range(first, first + len(parts)) if part_path(path, number) not in parts]
    end = total - sum(part.stat().st_size for part in parts)
    if not gaps and ALIGN <= end <= size:
        return end
    Parts.open(path).close()  # says which part is missing, or has the wrong size
    raise BundlerError(
        "the parts do not make up a whole",
        where=path,
        why=f"{max(0, end - size)} bytes of {total} are missing",
        code=ExitCode.INTEGRITY,
        fix="copy all parts again",
    )


def _move_on(fd: int, end: int, part: Path) -> int:
    """Append a part and remove it; gives the new end."""
    with part.open("rb") as source:
        for chunk in read_chunks(source):
            view = memoryview(chunk)
            while view:
                done = os.pwrite(fd, view, end)
                view, end = view[done:], end + done
    os.fsync(fd)
    part.unlink()
    return end


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise BundlerError(
            "the disk is full" if full else "the file can't be changed",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.SPACE if full else ExitCode.USAGE,
            fix="free space, then run `bundler join` again: it continues"
            if full
            else "or name another with -o",
        ) from error


def _from(fd: int, offset: int) -> Iterator[bytes]:
    while chunk := os.pread(fd, CHUNK, offset):
        yield chunk
        offset += len(chunk)


def _chunks(parts: Parts) -> Iterator[bytes]:
    offset = 0
    while chunk := parts.pread(CHUNK, offset):
        yield chunk
        offset += len(chunk)
