"""What `--trust` takes: a file of public keys, a key, or its fingerprint."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import FINGERPRINT, AllowedSigner, PublicKey, parse_signers

MAX_FILE: Final = 1 << 20  # bytes of a file of keys


@dataclass(frozen=True, slots=True)
class Named:
    """Keys that a person has named: some in full, some by their fingerprints."""

    fingerprints: frozenset[str] = frozenset()
    signers: tuple[AllowedSigner, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> "Named":
        """Read the words. Raises BundlerError (NOT_FOUND, INPUT, UNSUPPORTED) and Problems."""
        fingerprints: set[str] = set()
        signers: list[AllowedSigner] = []
        for word in words:
            if FINGERPRINT.fullmatch(word):
                fingerprints.add(word)
            elif word.startswith(("ssh-", "sk-ssh-", "ecdsa-")) and " " in word:
                signers.append(AllowedSigner(PublicKey.parse(word), ""))
            else:
                signers += parse_signers(_read(Path(word)), word)
        return cls(frozenset(fingerprints), tuple(signers))

    def who(self, key: PublicKey, namespace: str, now: float) -> str | None:
        """Whose key it is, for people; None where it isn't named, or not for this namespace and time."""
        entries = [signer for signer in self.signers if signer.key == key]
        for signer in entries:
            if signer.allows(namespace, now):
                return signer.who or key.fingerprint
        return key.fingerprint if key.fingerprint in self.fingerprints else None


def unreadable(path: Path, error: OSError) -> BundlerError:
    """What to tell about a file or folder of keys: NOT_FOUND or INPUT."""
    absent = isinstance(error, FileNotFoundError | NotADirectoryError)
    return BundlerError(
        "the trusted keys can't be read",
        where=path,
        why=error.strerror or str(error),
        code=ExitCode.NOT_FOUND if absent else ExitCode.INPUT,
        fix="--trust takes a .pub file, an allowed_signers file, a key or its fingerprint SHA256:…",
    )


def read_keys(path: Path, file: BinaryIO) -> str:
    """All of an open file of keys. Raises BundlerError (TRUST) where it is too long: half a list is none."""
    data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise BundlerError(
            "the file is too long for a list of keys",
            where=path,
            why=f"it has more than {MAX_FILE} bytes",
            code=ExitCode.TRUST,
            fix="divide it into several files",
        )
    return data.decode(errors="replace")


def _read(path: Path) -> str:
    """A file that a person named, who answers for it: it may be on a stick that has no owners."""
    try:
        with path.open("rb") as file:
            return read_keys(path, file)
    except OSError as error:
        raise unreadable(path, error) from error
