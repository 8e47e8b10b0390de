"""The files behind `trust`: trust folders, --trust, and which key signed a product before.

`FOLDER/trust.d/*.pub` are trusted keys, `*.revoked` those that are refused; FOLDER is /etc/bundler, and
~/.config/bundler for one user. `~/.config/bundler/known-products` has a line `NAME SHA256:…` for each product
that was used; the last one of a name counts.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import FINGERPRINT, AllowedSigner, parse_signers
from bundler.core.trustwords import MAX_FILE, Named, unreadable
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
        here = [signer for folder in self.folders for signer in _signers(folder, ".pub")]
        revoked = {each.key.fingerprint for folder in self.folders for each in _signers(folder, ".revoked")}
        trusted = Named(words.fingerprints, (*words.signers, *here))
        return Keys(trusted, frozenset(revoked), self._known(product))

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


def _signers(folder: Path, suffix: str) -> list[AllowedSigner]:
    try:
        _check_owner(folder, folder.stat())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from error
    return [signer for path in _files(folder, suffix) for signer in parse_signers(_read(path), str(path))]


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error
    return (path for path in names if path.suffix == suffix)


def _read(path: Path) -> str:
    """A file's text. Raises BundlerError: NOT_FOUND, INPUT, TRUST when others may write to it."""
    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            return file.read(MAX_FILE).decode(errors="replace")
    except OSError as error:
        raise unreadable(path, error) from error


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Whoever may write to it decides what is trusted: that may only be root and the user."""
    if status.st_uid in {0, os.geteuid()} and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    raise BundlerError(
        "others than root and you may write to it, so it vouches for no key",
        where=path,
        code=ExitCode.TRUST,
        fix=f"chmod go-w {path}; chown root {path}",
    )
