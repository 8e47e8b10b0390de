"""Parts of a .run that are written one after another, as the stream goes."""

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

from bundler.core.archive import sums
from bundler.core.archive.newfile import NewFile
from bundler.core.archive.parts import MAX_PARTS, part_path, part_size
from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode


class Out(Protocol):
    """A file that appears at its place whole, or not at all: one, or several parts."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of it. Raises BundlerError (SPACE)."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Put bytes at `offset`, without moving the end."""

    def commit(self, mode: int) -> None:
        """Bring it to the disk and give it its name."""


def new_file(target: Path, split: int | None) -> Out:
    """One file, or parts of less than `split` bytes."""
    return NewFile(target) if split is None else NewParts(target, split)


class NewParts:
    """`target`, `target.001`, ...: a new part is begun when one is full. Nothing is written twice.

    Raises BundlerError (USAGE) from `write` when there would be more than a thousand.
    """

    def __init__(self, target: Path, limit: int) -> None:
        self._target = target
        self._each = part_size(limit)
        self._stack = ExitStack()
        self._files: list[NewFile] = []
        self._hashers: list[hashlib._Hash] = []
        self._left = 0

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of it, over as many parts as it takes. Raises BundlerError (SPACE, USAGE)."""
        view = memoryview(data)
        while view:
            if not self._left:
                self._begin()
            piece = view[: self._left]
            self._files[-1].write(piece)
            if len(self._files) > 1:  # the first one's stub comes last
                self._hashers[-1].update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]

    def write_at(self, offset: int, data: bytes) -> None:
        """Put bytes into the first part."""
        if offset + len(data) > self._each:
            raise ValueError("only the first part can be written to again")
        self._files[0].write_at(offset, data)

    def commit(self, mode: int) -> None:
        """Give the parts their names, the first one last: without it, nothing is taken for a .run.

        Where that is broken off, those that have their names go away again.
        """
        with ExitStack() as undo:
            for file in reversed(self._files[1:]):
                file.commit(mode & 0o666)
                undo.callback(file.target.unlink, missing_ok=True)
            if len(self._files) > 1:
                self._hash_first()
                hexes = (hasher.hexdigest() for hasher in self._hashers)
                sums.write(
                    self._target,
                    [(file.target, hex_) for file, hex_ in zip(self._files, hexes, strict=True)],
                )
                undo.callback(sums.sums_path(self._target).unlink, missing_ok=True)
            self._files[0].commit(mode)
            undo.pop_all()
        self._remove_surplus()

    def _begin(self) -> None:
        if len(self._files) == MAX_PARTS:
            raise BundlerError(
                f"there would be more than {MAX_PARTS} parts",
                where=self._target,
                code=ExitCode.USAGE,
                fix="give larger ones",
            )
        file = NewFile(part_path(self._target, len(self._files)))
        self._files.append(self._stack.enter_context(file))
        self._hashers.append(hashlib.sha256())
        self._left = self._each

    def _remove_surplus(self) -> None:
        """Take away what an earlier .run of this name had more: `cat NAME NAME.???` would join it to ours."""
        for number in range(len(self._files), MAX_PARTS):
            try:
                part_path(self._target, number).unlink()
            except FileNotFoundError:
                break
        if len(self._files) == 1:
            sums.sums_path(self._target).unlink(missing_ok=True)

    def _hash_first(self) -> None:
        offset = 0
        while chunk := os.pread(self._files[0].fd, CHUNK, offset):
            self._hashers[0].update(chunk)
            offset += len(chunk)
