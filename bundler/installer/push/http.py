"""A small HTTP client over the standard library: what pushing needs, and no more.

Each thread has its own connections. No proxy is used, no redirect is followed, certificates are always
checked where TLS is spoken, and TLS is always spoken unless the caller asked for plain HTTP.
"""

import contextlib
import http.client
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bundler.core.errors import BundlerError, ExitCode

TIMEOUT: Final = 60.0  # seconds without a byte
MAX_ANSWER: Final = 4 << 20  # bytes of an answer that are read

Body = bytes | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing."""
        return self.headers.get(name.lower(), "")


def _joined(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """A header that came several times is one with commas between (RFC 9110, 5.3): WWW-Authenticate does."""
    names: dict[str, str] = {}
    for name, value in pairs:
        before = names.get(name.lower())
        names[name.lower()] = value if before is None else f"{before}, {value}"
    return names


class Client:
    """Requests to any server, by several threads at once. `authority`: a CA's certificate to trust too."""

    def __init__(self, *, authority: Path | None = None) -> None:
        self._context = _context(authority)
        self._local = threading.local()
        self._all: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body = b"") -> Answer:
        """One request. Raises OSError or HTTPException when there is no answer, BundlerError (TRUST)."""
        parts = urlsplit(url)
        connection = self._connection(parts.scheme, parts.netloc)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, target, body=body or None, headers=dict(headers))
            with connection.getresponse() as response:
                data = response.read(MAX_ANSWER)
                if not response.isclosed():
                    connection.close()  # more than we read: the rest would be taken for the next answer
                return Answer(response.status, _joined(response.getheaders()), data)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise BundlerError(
                "the server's certificate isn't trusted",
                where=parts.netloc,
                why=error.verify_message,
                code=ExitCode.TRUST,
                id="BND-TLS",
                fix="give the CA's certificate with --ca FILE",
            ) from error
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            for connection in self._all:
                with contextlib.suppress(OSError):
                    connection.close()

    def _connection(self, scheme: str, server: str) -> http.client.HTTPConnection:
        known: dict[str, http.client.HTTPConnection] = self._local.__dict__
        name = f"{scheme}://{server}"
        if name not in known:
            made = (
                http.client.HTTPSConnection(server, timeout=TIMEOUT, context=self._context)
                if scheme == "https"
                else http.client.HTTPConnection(server, timeout=TIMEOUT)
            )
            known[name] = made
            with self._lock:
                self._all.append(made)
        return known[name]


def _context(authority: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise BundlerError(
                "the CA's certificate can't be read",
                where=authority,
                why=str(error),
                code=ExitCode.INPUT,
                fix="give a PEM file",
            ) from error
    return context
