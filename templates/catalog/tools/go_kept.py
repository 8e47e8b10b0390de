"""The programs that were compiled before, in the builder's cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEEP = 60 * 86400  # seconds until a program that nobody asks for is removed


@dataclass(frozen=True, slots=True)
class Kept:
    """The programs compiled before, each in a folder named by its key, with its digest beside it."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Kept:
        """In a folder that is made if it isn't there; what nobody asked for in a long time goes from it."""
        root.mkdir(parents=True, exist_ok=True)
        for entry in root.iterdir():
            with contextlib.suppress(OSError):
                if entry.stat().st_mtime < time.time() - KEEP:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return cls(root)

    def find(self, digest: str, name: str) -> Path | None:
        """A kept program, unless there is none or it was damaged, as after a power cut."""
        path = self.root / digest / name
        with contextlib.suppress(OSError):
            if sha256_of(path) == path.with_suffix(".sha256").read_text():
                os.utime(path.parent)  # someone asked for it
                return path
        return None

    def keep(self, digest: str, name: str, compiled: Path) -> Path:
        """Take a finished program over; it appears whole or not at all."""
        folder = compiled.parent
        (folder / name).with_suffix(".sha256").write_text(sha256_of(compiled))
        target = self.root / digest
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
        return target / name

    @contextlib.contextmanager
    def alone(self, digest: str) -> Iterator[None]:
        """While this lasts, no other build compiles the same program: it would do the same work."""
        with (self.root / f".lock-{digest}").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another build compiles the same program; its result is waited for")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
