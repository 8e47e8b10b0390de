"""The files behind `trust`: trust folders, --trust, and which key signed a product before.

`FOLDER/trust.d/*.pub` are trusted keys, `*.revoked` those that are refused, by key or fingerprint; FOLDER
is /etc/bundler, and
~/.config/bundler for one user. `~/.config/bundler/known-products` has a line `NAME SHA256:…` for each product
that was used; the last one of a name counts.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import FINGERPRINT, AllowedSigner, parse_revoked, parse_signers
from bundler.core.trustwords import Named, read_keys, unreadable
from bundler.installer.trust.trust import Keys

MACHINE: Final = Path("/etc/bundler")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The folders that are looked into, and the file that remembers; None where there is no place for it."""

    folders: tuple[Path, ...]
    known: Path | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Keyring":
        """The machine's and the user's."""
        home = environment.get("HOME", "")
        config = environment.get("XDG_CONFIG_HOME", "") or (f"{home}/.config" if home else "")
        own = Path(config) / "bundler" if config.startswith("/") else None
        folders = (MACHINE / "trust.d", *((own / "trust.d",) if own else ()))
        return cls(folders, own / "known-products" if own else None)

    def keys(self, product: str, named: Iterable[str]) -> Keys:
        """All that counts for this product. named: --trust, each a file, a key or a fingerprint.

        Raises BundlerError: TRUST for a file or folder that others may write to, NOT_FOUND, and Problems.
        """
        words = Named.parse(named)
        files = [path for folder in self.folders for path in _files(folder)]
        here = [signer for path in files if path.suffix == ".pub" for signer in _signers(path)]
        revoked = [_revoked(path) for path in files if path.name.endswith(".revoked")]
        trusted = Named(words.fingerprints, (*words.signers, *here))
        return Keys(trusted, frozenset().union(*revoked), self._known(product))

    def remember(self, product: str, fingerprint: str) -> str:
        """Note that this key has signed the product; "" or why it could not be noted."""
        if self.known is None:
            return "there is no home folder"
        try:
            if self._known(product) == fingerprint:
                return ""
            self.known.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.known, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(f"{product} {fingerprint}\n".encode())
        except OSError as error:
            return f"{self.known}: {error.strerror or error}"
        return ""

    def _known(self, product: str) -> str:
        if self.known is None:
            return ""
        try:
            text = _read(self.known)
        except BundlerError as error:
            if error.code is ExitCode.NOT_FOUND:
                return ""
            raise
        found = (line.split() for line in text.splitlines())
        keys = [words[1] for words in found if len(words) == 2 and words[0] == product]
        return next((key for key in reversed(keys) if FINGERPRINT.fullmatch(key)), "")


def _files(folder: Path) -> list[Path]:
    """What lies in a trust folder; nothing where there is none.

    Raises BundlerError (TRUST) where others may put files there, and where it can't be read: it may hold
    revocations.
    """
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _closed(folder, error) from error
    try:
        for each in (folder.parent, folder):
            _check_owner(each, each.stat())
        return sorted(folder.iterdir())
    except OSError as error:
        raise _closed(folder, error) from error


def _closed(folder: Path, error: OSError) -> BundlerError:
    return BundlerError(
        "the trust folder can't be read, so no key is trusted",
        where=folder,
        why=error.strerror or str(error),
        code=ExitCode.TRUST,
        id="BND-TRUST-FOLDER",
        fix="put the folder right, or remove it",
    )


def _signers(path: Path) -> tuple[AllowedSigner, ...]:
    return parse_signers(_read(path), str(path))


def _revoked(path: Path) -> frozenset[str]:
    """The keys that a file refuses. What can't be read whole is an error, never an empty list."""
    try:
        return parse_revoked(_read(path), str(path))
    except BundlerError as error:
        if error.code is ExitCode.TRUST:
            raise
        raise BundlerError(
            "the list of revoked keys can't be read, so no key is trusted",
            where=path,
            why=error.why or error.what,
            code=ExitCode.TRUST,
            id="BND-TRUST-FOLDER",
            fix="put the file right, or remove it",
        ) from error


def _read(path: Path) -> str:
    """A file's text. Raises BundlerError: NOT_FOUND, INPUT, TRUST when others may write to it."""
    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            return read_keys(path, file)
    except OSError as error:
        raise unreadable(path, error) from error


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Write access decides what is trusted: only root and the user may have it."""
    if status.st_uid in {0, os.geteuid()} and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    raise BundlerError(
        "users other than you and root can write to it, so its keys are not trusted",
        where=path,
        code=ExitCode.TRUST,
        id="BND-TRUST-FOLDER",
        fix=f"chmod go-w {path}; chown root {path}",
    )
