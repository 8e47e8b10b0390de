"""The age v1 file format, streamed: to X25519 recipients or to a pass phrase.

Read and written by `age` and every implementation of it. The primitives are those of `cryptography`, which is
part of the installer anyway; docs/adr/0022-snapshots-are-age-files.md says why nothing else is.
"""

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.snapshot import bech32

CHUNK: Final = 64 << 10
_TAG: Final = 16
_VERSION: Final = b"age-encryption.org/v1\n"
_X25519: Final = b"age-encryption.org/v1/X25519"
_SCRYPT: Final = b"age-encryption.org/v1/scrypt"
_WORK: Final = 18  # 2^18 rounds: about a second, as age itself takes
_MOST_WORK: Final = 20
_NONCE: Final = bytes(12)
_LONGEST: Final = 4096  # bytes of a header's line
_MOST_STANZAS: Final = 128


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key: `age1…`. Only the holder of its identity can read."""

    key: bytes

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Raises BundlerError (INPUT)."""
        return cls(_key(text, "age", "age1…, as age-keygen prints it"))

    def __str__(self) -> str:
        return bech32.encode("age", self.key)


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key: `AGE-SECRET-KEY-1…`."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Raises BundlerError (INPUT)."""
        return cls(_key(text, "age-secret-key-", "AGE-SECRET-KEY-1…, as age-keygen writes it"))

    @property
    def recipient(self) -> Recipient:
        """Its public half."""
        return Recipient(X25519PrivateKey.from_private_bytes(self.key).public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class PassPhrase:
    """What a person remembers, or a file keeps. work: what one guess costs, 2^work rounds of scrypt."""

    text: bytes = field(repr=False)
    work: int = _WORK


@dataclass(frozen=True, slots=True)
class _Stanza:
    """One way to the file's key."""

    words: tuple[str, ...]
    body: bytes


def identities(text: str) -> tuple[Identity, ...]:
    """Of a file as age-keygen writes it: comments and blank lines are passed over. Raises BundlerError."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(Identity.parse(line) for line in lines if line and not line.startswith("#"))


def encrypt(chunks: Iterable[bytes], to: Sequence[Recipient] | PassPhrase) -> Iterator[bytes]:
    """The file, piece by piece; no more than a chunk is held."""
    key = os.urandom(16)
    stanzas = [_with_phrase(key, to)] if isinstance(to, PassPhrase) else [_to(key, each) for each in to]
    if not stanzas:
        raise BundlerError("a file without a recipient could never be read", code=ExitCode.USAGE)
    head = _VERSION + b"".join(map(_text, stanzas)) + b"---"
    yield head + b" " + _base64(_mac(key, head)) + b"\n"
    nonce = os.urandom(16)
    yield nonce
    cipher = ChaCha20Poly1305(_derived(key, nonce, b"payload"))
    for number, (chunk, last) in enumerate(_whole_chunks(chunks)):
        yield cipher.encrypt(_counted(number, last=last), chunk, None)


def decrypt(stream: BinaryIO, by: Sequence[Identity] | PassPhrase, name: str) -> Iterator[bytes]:
    """What was encrypted, chunk by chunk; each is known to be right before it is given out.

    name: of the file, for errors. Raises BundlerError: TRUST where the key is another one, INTEGRITY for a
    file that was changed or cut, INPUT for what is no age file.
    """
    stanzas, head, mac = _header(stream, name)
    key = _file_key(stanzas, by, name)
    if not hmac.compare_digest(_mac(key, head), mac):
        raise _altered(name, "its header has been changed")
    nonce = stream.read(16)
    if len(nonce) != 16:
        raise _altered(name, "it is cut short")
    cipher = ChaCha20Poly1305(_derived(key, nonce, b"payload"))
    number, chunk = 0, stream.read(CHUNK + _TAG)
    while True:
        following = stream.read(CHUNK + _TAG)
        last = not following
        if len(chunk) < _TAG or (last and number and len(chunk) == _TAG):
            raise _altered(name, "it is cut short")
        try:
            yield cipher.decrypt(_counted(number, last=last), chunk, None)
        except InvalidTag:
            raise _altered(name, f"bytes after the first {number * CHUNK:,} have been changed") from None
        if last:
            return
        number, chunk = number + 1, following


def _whole_chunks(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Of CHUNK bytes each, but the last; that one is empty only where all is."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) > CHUNK:
            yield bytes(held[:CHUNK]), False
            del held[:CHUNK]
    yield bytes(held), True


def _counted(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(_derived(key, b"", b"header"), head, sha256)


def _to(key: bytes, recipient: Recipient) -> _Stanza:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient.key))
    wrapping = _derived(shared, share + recipient.key, _X25519)
    return _Stanza(("X25519", _base64(share).decode()), ChaCha20Poly1305(wrapping).encrypt(_NONCE, key, None))


def _with_phrase(key: bytes, phrase: PassPhrase) -> _Stanza:
    salt = os.urandom(16)
    wrapping = _stretched(phrase, salt, phrase.work)
    body = ChaCha20Poly1305(wrapping).encrypt(_NONCE, key, None)
    return _Stanza(("scrypt", _base64(salt).decode(), str(phrase.work)), body)


def _stretched(phrase: PassPhrase, salt: bytes, work: int) -> bytes:
    return Scrypt(_SCRYPT + salt, 32, n=1 << work, r=8, p=1).derive(phrase.text)


def _file_key(stanzas: Sequence[_Stanza], by: Sequence[Identity] | PassPhrase, name: str) -> bytes:
    kinds = {stanza.words[0] for stanza in stanzas if stanza.words}
    phrased = "scrypt" in kinds
    if phrased and len(stanzas) != 1:
        raise _altered(name, "a pass phrase is combined with other recipients")
    if phrased != isinstance(by, PassPhrase):
        fix = "give its pass phrase: --passphrase-file FILE" if phrased else "give the key: --identity FILE"
        what = "is encrypted with a pass phrase" if phrased else "is encrypted to a key"
        raise BundlerError(f"the file {what}", where=name, code=ExitCode.TRUST, fix=fix)
    for stanza in stanzas:
        for key in _tried(stanza, by):
            return key
    who = "the pass phrase is another one" if phrased else "it was encrypted to other keys"
    raise BundlerError("the file can't be opened", where=name, why=who, code=ExitCode.TRUST)


def _tried(stanza: _Stanza, by: Sequence[Identity] | PassPhrase) -> Iterator[bytes]:
    """The key, if this is the way to it."""
    try:
        match stanza.words, by:
            case ("scrypt", salt, work), PassPhrase() if work.isascii() and work.isdigit():
                if int(work) <= _MOST_WORK and len(stanza.body) == 32:
                    wrapping = _stretched(by, _unbase64(salt), int(work))
                    yield ChaCha20Poly1305(wrapping).decrypt(_NONCE, stanza.body, None)
            case ("X25519", share), [*keys] if len(stanza.body) == 32:
                for key in keys:
                    yield from _opened(_unbase64(share), stanza.body, key)
            case _:
                return
    except (InvalidTag, ValueError):
        return


def _opened(share: bytes, body: bytes, identity: Identity) -> Iterator[bytes]:
    try:
        shared = X25519PrivateKey.from_private_bytes(identity.key).exchange(
            X25519PublicKey.from_public_bytes(share)
        )
        wrapping = _derived(shared, share + identity.recipient.key, _X25519)
        yield ChaCha20Poly1305(wrapping).decrypt(_NONCE, body, None)
    except (InvalidTag, ValueError):
        return


def _text(stanza: _Stanza) -> bytes:
    body = _base64(stanza.body)
    lines = [body[start : start + 64] for start in range(0, len(body) + 1, 64)]
    return b"-> " + " ".join(stanza.words).encode() + b"\n" + b"".join(line + b"\n" for line in lines)


def _header(stream: BinaryIO, name: str) -> tuple[list[_Stanza], bytes, bytes]:
    """Stanzas, the text that the MAC is over, and the MAC."""
    if stream.readline(_LONGEST) != _VERSION:
        raise BundlerError(
            "the file is no snapshot", where=name, why="it is no age file", code=ExitCode.INPUT
        )
    text, stanzas = bytearray(_VERSION), list[_Stanza]()
    try:
        while True:
            line = stream.readline(_LONGEST)
            if line.startswith(b"--- ") and line.endswith(b"\n"):
                return stanzas, bytes(text) + b"---", _unbase64(line[4:-1].decode())
            if not line.startswith(b"-> ") or not line.endswith(b"\n") or len(stanzas) >= _MOST_STANZAS:
                raise _altered(name, "its header has been changed")
            text += line
            body, read = _body(stream)
            text += read
            stanzas.append(_Stanza(tuple(line[3:-1].decode().split(" ")), body))
    except ValueError:
        raise _altered(name, "its header has been changed") from None


def _body(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Up to its first short line. Raises ValueError."""
    read, text = bytearray(), ""
    while len(read) < _LONGEST:
        line = stream.readline(_LONGEST)
        if not line.endswith(b"\n") or len(line) > 65:
            raise ValueError(line)
        read += line
        text += line[:-1].decode()
        if len(line) < 65:
            return _unbase64(text), bytes(read)
    raise ValueError(text)


def _base64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _unbase64(text: str) -> bytes:
    """Raises ValueError for anything but the one text that these bytes have."""
    data = b64decode(text + "=" * (-len(text) % 4), validate=True)
    if _base64(data).decode() != text:
        raise ValueError(text)
    return data


def _key(text: str, prefix: str, what: str) -> bytes:
    try:
        found, key = bech32.decode(text.strip())
    except ValueError as error:
        raise BundlerError(f"this is no key: {what}", why=str(error), code=ExitCode.INPUT) from None
    if found != prefix or len(key) != 32:
        raise BundlerError(f"this is no key: {what}", code=ExitCode.INPUT)
    return key


def _altered(name: str, why: str) -> BundlerError:
    return BundlerError(
        "the snapshot was altered or damaged",
        where=name,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="nothing was changed; take another copy of it, or another snapshot",
    )
