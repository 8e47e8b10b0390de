"""`bundler keygen`: a pair of Ed25519 keys as OpenSSH has them."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import ED25519, PublicKey


def keygen(path: Path, passphrase: bytes, comment: str) -> PublicKey:
    """Make `path` (mode 0600, encrypted unless the passphrase is empty) and `path`.pub; the public key.

    Nothing that is there is replaced. Raises BundlerError (USAGE).
    """
    private = Ed25519PrivateKey.generate()
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    public = PublicKey(ED25519, private.public_key().public_bytes_raw())
    public_path = path.with_name(f"{path.name}.pub")
    words = " ".join(comment.split())
    if public_path.exists():
        raise _key_file_error(public_path, "it is there already")
    _write(path, private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption), 0o600)
    try:
        _write(public_path, f"{public} {words}".rstrip().encode() + b"\n", 0o644)
    except BundlerError:
        path.unlink()
        raise
    return public


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(data)
    except FileExistsError:
        raise _key_file_error(path, "it is there already") from None
    except OSError as error:
        raise _key_file_error(path, error.strerror or str(error)) from error


def _key_file_error(path: Path, why: str) -> BundlerError:
    return BundlerError(
        "the key can't be written", where=path, why=why, code=ExitCode.USAGE, fix="choose another name"
    )
