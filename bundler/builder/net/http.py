"""The HTTP that files, packages and registries share: a careful client, patience, resumed downloads."""

from __future__ import annotations

import contextlib
import email.utils
import functools
import os
import re
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bundler.builder.net.proxies import through_proxy, usable_proxies
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.pushing import BUSY

if TYPE_CHECKING:  # many a build needs no network; the library takes a tenth of its time to load
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import httpx2
    import stamina

    Answer = httpx2.Response
    Client = httpx2.Client

CONNECT_TIMEOUT = 15.0  # seconds
READ_TIMEOUT = 60.0  # seconds without a byte
REDIRECTS = 10
ATTEMPTS = 5  # in a row that bring nothing new
LONGEST_WAIT = 120.0  # seconds: what we grant a server's Retry-After; longer waits are not honoured
MOST_ATTEMPTS = 1000  # of one download, however little each brings

_SECONDS = re.compile(r"[0-9]{1,9}")
_LONGEST_DATE = 64  # characters
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class BusyError(Exception):
    """A server asked us to come again; `wait` in seconds, or None where it didn't say when."""

    def __init__(self, status: int, reason: str, wait: float | None) -> None:
        asked = f", and asks to come again in {wait:.0f} s" if wait else ""
        super().__init__(f"HTTP {status} {reason}{asked}")
        self.status = status
        self.wait = wait


class Sink(Protocol):
    """Where a download goes: it knows how much it has, and can begin again."""

    size: int

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end."""

    def restart(self) -> None:
        """Throw away all bytes."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server says to recognise this version of a file by; "" where it says nothing."""

    etag: str = ""
    last_modified: str = ""


def make_client(*, connections: int = 8, headers: Mapping[str, str] | None = None) -> Client:
    """A client that checks certificates against the system's authorities (or SSL_CERT_FILE, SSL_CERT_DIR).

    Proxies come from the usual environment variables. Redirects are followed by `opened`, not by the client.
    """
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    with usable_proxies():
        return httpx2.Client(
            verify=_authorities(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            timeout=httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"User-Agent": "bundler", **(headers or {})},
            follow_redirects=False,
        )


@functools.lru_cache(maxsize=4)
def _authorities(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The system's authorities, or those that the two variables name; reading them takes a while."""
    return ssl.create_default_context()


@contextlib.contextmanager
def opened(client: Client, request: httpx2.Request) -> Iterator[Answer]:
    """Send a request and follow its redirects; the body is for the caller to stream.

    Redirects never go from https to http, and their bodies are not read. Credentials stay with the host
    they were meant for. Raises BundlerError (NETWORK) for a redirect that is refused, and
    httpx2.HTTPError.
    """
    current = request
    for _ in range(REDIRECTS + 1):
        answer = client.send(current, stream=True)
        if answer.next_request is None:
            try:
                yield answer
            finally:
                answer.close()
            return
        answer.close()
        if current.url.scheme == "https" and answer.next_request.url.scheme != "https":
            raise _network(request.url, "the server redirects from https to plain http, which is refused")
        current = answer.next_request
    raise _network(request.url, f"more than {REDIRECTS} redirects")


def retrying(*, patience: Callable[[], bool] | None = None) -> Iterable[stamina.Attempt]:
    """Attempts at a piece of work.

    To be used as `for attempt in retrying(): with attempt: …`.
    Lost connections, time-outs and `BusyError` are tried again, with growing pauses or after the pause
    that the server asked for; everything else is raised at once. patience: asked after each failure
    whether to go on, in place of the usual limit of ATTEMPTS.
    """
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)
    import stamina  # noqa: PLC0415  (loaded by who uses the network)

    go_on = patience or _at_most(ATTEMPTS)

    def hook(error: Exception) -> bool | float:
        if not isinstance(error, (httpx2.TransportError, BusyError)) or _settled(error) or not go_on():
            return False
        if isinstance(error, BusyError) and error.wait is not None:
            return False if error.wait > LONGEST_WAIT else error.wait
        return True

    return stamina.retry_context(on=hook, attempts=None, timeout=None, wait_initial=0.2, wait_max=10.0)


def _settled(error: Exception) -> bool:
    """A certificate that isn't trusted, or a port that doesn't speak TLS, is no better a moment later."""
    return any(sign in str(error) for sign in ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER"))


def raise_busy(answer: Answer) -> None:
    """Raise BusyError for a status that will likely be another one later."""
    if answer.status_code in BUSY:
        wait = retry_after(answer.headers.get("Retry-After", ""), now=time.time())
        raise BusyError(answer.status_code, answer.reason_phrase, wait)


def retry_after(value: str, *, now: float) -> float | None:
    """Seconds that a Retry-After header (RFC 9110, 10.2.3) asks for; None where it has no sense.

    now: seconds since the epoch, for the form that names a date.
    """
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value[:_LONGEST_DATE]).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


@contextlib.contextmanager
def explained(where: object, *, fix: str = "") -> Iterator[None]:
    """Turn what the HTTP library raises into a BundlerError (NETWORK) about `where`."""
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    try:
        yield
    except BusyError as error:
        if error.wait is not None and error.wait > LONGEST_WAIT:
            fix = (
                fix
                or f"run it again in {error.wait:.0f} s: what has arrived is kept; a login may lift the limit"
            )
            raise _network(where, f"the server answers {error}", fix) from error
        raise _network(where, f"the server answers {error} again and again", fix) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _network(where, _cause(error) + through_proxy(error), fix) from error


def download(
    client: Client,
    url: str,
    sink: Sink,
    *,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
    on_status: Callable[[Answer], None] | None = None,
) -> Validators | None:
    """Stream `url` into the sink, going on by Range after every cut as long as something still arrives.

    size: bytes that are expected, where known; more are refused. on_bytes: told how many have just
    arrived, a negative number when the sink had to begin again. on_status: called with every answer that
    isn't 200, 206 or 304; raises the error that fits, else a general one follows.
    Returns how the server recognises this version, or None for "304 Not Modified".
    Raises BundlerError (NETWORK, NOT_FOUND, INTEGRITY) and what the sink raises.
    """
    transfer = _Transfer(sink, size, on_bytes, on_status or raise_for_status)
    with explained(display(url)):
        for attempt in retrying(patience=_while_growing(sink)):
            with attempt:
                request = client.build_request("GET", url, headers=transfer.headers(headers or {}))
                with opened(client, request) as answer:
                    return transfer.take(answer)
    raise AssertionError("retrying ends by returning or raising")


class _Transfer:
    """One download across its attempts."""

    def __init__(
        self,
        sink: Sink,
        size: int | None,
        on_bytes: Callable[[int], None],
        on_status: Callable[[Answer], None],
    ) -> None:
        self._sink = sink
        self._size = size
        self._on_bytes = on_bytes
        self._on_status = on_status
        self._validator = ""

    def headers(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """What to ask with: the rest of the file, if it is still the same file."""
        headers = {"Accept-Encoding": "identity", **wanted}
        if self._sink.size:
            headers["Range"] = f"bytes={self._sink.size}-"
            if self._validator:
                headers["If-Range"] = self._validator
        return headers

    def take(self, answer: Answer) -> Validators | None:
        """Stream an answer's body into the sink."""
        match answer.status_code:
            case 304:
                return None
            case 206 if _begins_at(answer) == self._sink.size:
                pass
            case 200:
                self._restart()
            case 206 | 416:  # the part we have doesn't fit what the server has
                self._restart()
                raise BusyError(answer.status_code, "not the part that was asked for", 0.0)
            case _:
                self._on_status(answer)
                raise_for_status(answer)
        etag = answer.headers.get("ETag", "")
        self._validator = "" if etag.startswith("W/") else etag  # RFC 9110, 13.1.5: strong ones only
        for chunk in answer.iter_raw():
            self._append(chunk, answer)
        if self._size is not None and self._sink.size < self._size:
            import httpx2  # noqa: PLC0415  (loaded by who uses the network)

            raise httpx2.RemoteProtocolError(f"{self._sink.size} of {self._size} bytes arrived")
        return Validators(etag, answer.headers.get("Last-Modified", ""))

    def _append(self, chunk: bytes, answer: Answer) -> None:
        if self._size is not None and self._sink.size + len(chunk) > self._size:
            self._restart()
            raise BundlerError(
                "the server sends more than it should",
                where=display(answer.request.url),
                why=f"{self._size} bytes were expected",
                code=ExitCode.INTEGRITY,
                fix="the file has changed or the server is not trustworthy; check its digest and size",
            )
        self._sink.append(chunk)
        self._on_bytes(len(chunk))

    def _restart(self) -> None:
        if self._sink.size:
            self._on_bytes(-self._sink.size)
            self._sink.restart()


def raise_for_status(answer: Answer) -> None:
    """Raise what fits a status that is no success: BusyError, or BundlerError (NOT_FOUND, NETWORK)."""
    if answer.is_success:
        return
    raise_busy(answer)
    where = display(answer.request.url)
    status = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    if answer.status_code in {404, 410}:
        raise BundlerError(
            "there is nothing at this address",
            where=where,
            why=status,
            code=ExitCode.NOT_FOUND,
            fix="check the address",
        )
    raise _network(where, f"the server answers {status}")


def display(url: str | httpx2.URL) -> str:
    """A URL for messages and logs: without the user and password, query and fragment that may be secrets."""
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return re.sub(r"//[^/@]*@", "//", str(url)).partition("?")[0]
    return str(parsed.copy_with(username=None, password=None, query=None, fragment=None))


def _begins_at(answer: Answer) -> int:
    found = _RANGE.match(answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _at_most(attempts: int) -> Callable[[], bool]:
    left = iter(range(attempts - 1))
    return lambda: next(left, None) is not None


def _while_growing(sink: Sink) -> Callable[[], bool]:
    """Go on as long as there is something new at least every ATTEMPTS attempts."""
    seen = sink.size
    fruitless = total = 0

    def go_on() -> bool:
        nonlocal seen, fruitless, total
        fruitless = 0 if sink.size > seen else fruitless + 1
        total += 1
        seen = sink.size
        return fruitless < ATTEMPTS and total < MOST_ATTEMPTS

    return go_on


def _cause(error: Exception) -> str:
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    text = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return f"no answer in time ({type(error).__name__})"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"its TLS certificate is not trusted: {text}"
    return text


def _network(where: object, why: str, fix: str = "") -> BundlerError:
    untrusted = "certificate" in why
    return BundlerError(
        "the server's identity can't be verified" if untrusted else "can't fetch it",
        where=where if isinstance(where, str) else display(str(where)),
        why=why,
        code=ExitCode.TRUST if untrusted else ExitCode.NETWORK,
        id="BND-TLS" if untrusted else "",
        fix=fix
        or (
            "add its authority to the system's certificates, or point SSL_CERT_FILE to it"
            if untrusted
            else "check the address and the network, then run it again: what has arrived is kept"
        ),
    )
