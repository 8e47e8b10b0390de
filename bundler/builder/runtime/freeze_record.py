"""What this machine remembers of the installers that it froze, kept apart from the cache.

A cache travels: CI systems restore it from elsewhere, several people may write to it. What is sealed under
the vendor's signature is only taken from it when this machine and this user have a record of its digest, in
`$XDG_STATE_HOME/bundler/installers` or `~/.local/state/bundler/installers`.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError

_MAX: Final = 1 << 20  # bytes of a record; one has about 100 KiB
_KEPT: Final = 16  # records; each change of the installer's sources makes a new one


@dataclass(frozen=True, slots=True)
class FreezeRecord:
    """A frozen installer: its archive, the files of this machine in it, and their `files_digest`."""

    digest: Digest
    size: int
    inputs: tuple[Path, ...]
    inputs_digest: Digest

    def to_json(self) -> bytes:
        """For the file."""
        paths = [str(path) for path in self.inputs]
        return json.dumps([str(self.digest), self.size, str(self.inputs_digest), paths]).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self | None:
        """What `to_json` gave; None for anything else."""
        try:
            digest, size, inputs_digest, paths = json.loads(text)
            return cls(
                Digest.parse(digest),
                int(size),
                tuple(Path(each) for each in paths),
                Digest.parse(inputs_digest),
            )
        except (ValueError, TypeError, AttributeError, BundlerError):
            return None


@dataclass(frozen=True, slots=True)
class FreezeRecords:
    """The records below one folder; None where this user has no place for any."""

    folder: Path | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """This user's; a home folder that doesn't exist is not made."""
        home = environment.get("HOME", "")
        home = home if Path(home).is_dir() else ""
        state = environment.get("XDG_STATE_HOME", "") or (f"{home}/.local/state" if home else "")
        return cls(Path(state) / "bundler" / "installers" if state.startswith("/") else None)

    def recall(self, key: str) -> FreezeRecord | None:
        """The record of this key, if there is one that no other user could have written."""
        if self.folder is None:
            return None
        try:
            if not _is_ours(self.folder.stat()):
                return None
            with (self.folder / key).open("rb") as file:
                return FreezeRecord.from_json(file.read(_MAX)) if _is_ours(os.fstat(file.fileno())) else None
        except OSError:
            return None

    def remember(self, key: str, record: FreezeRecord) -> str:
        """Keep a record, synced to disk; "" or why it could not be kept."""
        if self.folder is None:
            return "there is no home folder"
        new = self.folder / f".{key}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with new.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(record.to_json())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder / key)
            self._prune(self.folder)
        except OSError as error:
            return f"{self.folder}: {error.strerror or error}"
        return ""

    @staticmethod
    def _prune(folder: Path) -> None:
        newest_first = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[_KEPT:]:
            path.unlink(missing_ok=True)


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
