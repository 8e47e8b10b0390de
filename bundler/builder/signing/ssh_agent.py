"""ssh-agent: which keys it has, and signatures by them (draft-ietf-sshm-ssh-agent, sections 3.5 and 3.6)."""

import os
import socket
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from bundler.core import sshwire
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import PublicKey

_REQUEST_IDENTITIES: Final = 11
_IDENTITIES_ANSWER: Final = 12
_SIGN_REQUEST: Final = 13
_SIGN_RESPONSE: Final = 14
_MAX_MESSAGE: Final = 256 << 10
_TIMEOUT: Final = 120.0  # seconds; a person may have to confirm, or to touch a token


@dataclass(frozen=True, slots=True)
class Identity:
    """An Ed25519 key that the agent has."""

    key: PublicKey
    comment: str


class Agent:
    """A connection to the agent that SSH_AUTH_SOCK names; use it as a context manager.

    Every method raises BundlerError: NOT_FOUND when there is no agent, TRUST when it refuses.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path if path is not None else os.environ.get("SSH_AUTH_SOCK", "")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)

    def __enter__(self) -> Self:
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise BundlerError(
                "there is no ssh-agent",
                where=self._path or "SSH_AUTH_SOCK is not set",
                why=error.strerror or str(error),
                code=ExitCode.NOT_FOUND,
                fix="start one and add the key: eval $(ssh-agent); ssh-add KEY",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def identities(self) -> tuple[Identity, ...]:
        """Its Ed25519 keys, those in FIDO tokens too; others are passed over."""
        reader = self._ask(bytes((_REQUEST_IDENTITIES,)), _IDENTITIES_ANSWER)
        try:
            pairs = [(reader.string(), reader.string()) for _ in range(reader.uint32())]
        except ValueError as error:
            self._refuse(str(error))
        return tuple(
            Identity(key, comment.decode(errors="replace"))
            for blob, comment in pairs
            if (key := _ed25519(blob)) is not None
        )

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """The key's signature over `data`, in SSH's wire form."""
        body = bytes((_SIGN_REQUEST,)) + sshwire.string(key.blob) + sshwire.string(data) + bytes(4)
        reader = self._ask(body, _SIGN_RESPONSE)
        try:
            return reader.string()
        except ValueError as error:
            self._refuse(str(error))

    def _ask(self, body: bytes, wanted: int) -> sshwire.Reader:
        """Send a request; the answer behind its first byte."""
        try:
            self._socket.sendall(sshwire.string(body))
            size = int.from_bytes(self._receive(4), "big")
            if not 0 < size <= _MAX_MESSAGE:
                self._refuse(f"it gave an answer of {size} bytes")
            answer = self._receive(size)
        except OSError as error:
            self._refuse(error.strerror or str(error))
        if answer[0] != wanted:
            self._refuse("it refused")
        return sshwire.Reader(answer[1:])

    def _receive(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self._socket.recv(size - len(found))
            if not piece:
                raise ConnectionError("it closed the connection")
            found += piece
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise BundlerError(
            "ssh-agent did not do what it was asked",
            where=self._path,
            why=why,
            code=ExitCode.TRUST,
            fix="check that it is unlocked and has the key: ssh-add -l",
        )


def _ed25519(blob: bytes) -> PublicKey | None:
    try:
        return PublicKey.from_blob(blob)
    except BundlerError:  # a certificate, or a key of another kind
        return None
