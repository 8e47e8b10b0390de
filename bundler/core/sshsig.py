"""Signatures that `ssh-keygen -Y sign` makes and `ssh-keygen -Y verify` checks (PROTOCOL.sshsig of OpenSSH).

Ed25519 only. What is written here is what ssh-keygen writes, byte for byte.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from bundler.core import sshwire
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import SK_ED25519, PublicKey

NAMESPACE: Final = "bundler-run"  # what the signature is for: one made for mail or git is not one for a .run

_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = {"sha512": hashlib.sha512, "sha256": hashlib.sha256}
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_MAX_ARMOR = 1 << 14
_SIGNATURE_SIZE = 64
_USER_PRESENT = 1

Sign = Callable[[bytes], bytes]  # data -> signature in SSH's wire form (RFC 8709), by an agent or a key


@dataclass(frozen=True, slots=True)
class Signature:
    """A detached signature. wire: the key's own signature in SSH's wire form."""

    key: PublicKey
    namespace: str
    hash_name: str
    wire: bytes

    @classmethod
    def make(cls, key: PublicKey, message: bytes, sign: Sign, namespace: str = NAMESPACE) -> Self:
        """Sign a message; `sign` gets the bytes that the key has to sign."""
        return cls(key, namespace, "sha512", sign(_covered(message, namespace, "sha512")))

    @classmethod
    def dearmor(cls, text: bytes) -> Self:
        """Read an armor; line breaks may be anywhere in it, and newlines may follow it.

        Raises BundlerError: INTEGRITY for what is no signature, UNSUPPORTED for keys other than Ed25519.
        """
        match = re.fullmatch(rb"\s*" + _BEGIN + rb"([A-Za-z0-9+/=\r\n]*)" + _END.strip() + rb"\s*", text)
        if match is None or len(text.strip()) > _MAX_ARMOR:
            _refuse("there is no armor of an SSH signature")
        try:
            return cls._read(sshwire.Reader(base64.b64decode(b"".join(match[1].split()), validate=True)))
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            _refuse(str(error))

    @classmethod
    def _read(cls, reader: sshwire.Reader) -> Self:
        if reader.take(len(_MAGIC)) != _MAGIC or reader.uint32() != _VERSION:
            raise ValueError("it is of another kind or version")
        key = _key(reader.string())
        namespace = reader.text()
        reader.string()  # reserved; whatever it holds is not for us (and is signed as empty)
        hash_name, wire = reader.text(), reader.string()
        reader.end()
        if hash_name not in _HASHES:
            raise ValueError(f"its hash is {hash_name[:20]!r}")
        return cls(key, namespace, hash_name, wire)

    def armor(self) -> bytes:
        """The one form in which ssh-keygen writes it."""
        parts = (self.key.blob, self.namespace.encode(), b"", self.hash_name.encode(), self.wire)
        data = _MAGIC + _VERSION.to_bytes(4, "big") + b"".join(map(sshwire.string, parts))
        text = base64.b64encode(data)
        lines = (text[at : at + _COLUMNS] + b"\n" for at in range(0, len(text), _COLUMNS))
        return _BEGIN + b"".join(lines) + _END

    def verify(self, message: bytes, namespace: str = NAMESPACE) -> None:
        """That `key` signed this message for this namespace; whether the key is trusted is another question.

        Raises BundlerError (TRUST).
        """
        if self.namespace != namespace:
            _distrust(f"it was made for {self.namespace[:60]!r}, not for {namespace!r}")
        try:
            data, raw = self._signed_data(message)
        except ValueError as error:
            _distrust(str(error))
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (60 ms that readers do without)
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415  (as above)
            Ed25519PublicKey,
        )

        try:
            Ed25519PublicKey.from_public_bytes(self.key.raw).verify(raw, data)
        except InvalidSignature:
            _distrust("it was made for other content, or by another key")

    def _signed_data(self, message: bytes) -> tuple[bytes, bytes]:
        """What the key has signed, and the 64 bytes of its signature."""
        reader = sshwire.Reader(self.wire)
        if not hmac.compare_digest(reader.string(), self.key.kind.encode()):
            raise ValueError("its kind is not that of its key")
        raw = reader.string()
        data = _covered(message, self.namespace, self.hash_name)
        if self.key.kind == SK_ED25519:
            data = self._token_data(reader, data)
        reader.end()
        if len(raw) != _SIGNATURE_SIZE:
            raise ValueError(f"it has {len(raw)} bytes instead of {_SIGNATURE_SIZE}")
        return data, raw

    def _token_data(self, reader: sshwire.Reader, data: bytes) -> bytes:
        """A FIDO token signs hashes, with its flags and its counter between them (PROTOCOL.u2f)."""
        flags, counter = reader.byte(), reader.take(4)
        if not flags & _USER_PRESENT:
            raise ValueError("the token was not touched when it was made")
        application = hashlib.sha256(self.key.application.encode()).digest()
        return application + bytes((flags,)) + counter + hashlib.sha256(data).digest()


def _covered(message: bytes, namespace: str, hash_name: str) -> bytes:
    """The bytes that the key signs."""
    parts = (namespace.encode(), b"", hash_name.encode(), _HASHES[hash_name](message).digest())
    return _MAGIC + b"".join(map(sshwire.string, parts))


def _key(blob: bytes) -> PublicKey:
    """The signer's key. Raises ValueError, or BundlerError (UNSUPPORTED)."""
    try:
        return PublicKey.from_blob(blob)
    except BundlerError as error:
        if error.code is ExitCode.UNSUPPORTED:
            raise
        raise ValueError(f"{error.what}: {error.why}") from None


def _refuse(why: str) -> NoReturn:
    raise BundlerError(
        "the signature can't be read",
        why=why,
        code=ExitCode.INTEGRITY,
        fix="get the file again from where it came from",
    )


def _distrust(why: str) -> NoReturn:
    raise BundlerError(
        "the signature is wrong",
        why=why,
        code=ExitCode.TRUST,
        id="BND-SIGNATURE",
        fix="don't use the file; get it again from its vendor, and report this",
    )
