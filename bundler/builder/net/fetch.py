"""Files by URL into the store: `https`, `http` and `file`, verified, resumed, and not fetched twice.

With a checksum the store itself is the cache: what it holds under that digest is what was asked for, and
no server is asked. Without one, a server is asked each time whether what came last time is still the
current version (ETag, Last-Modified); where it can't say so, the file is fetched anew. A build that must
not ask anybody needs checksums.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self
from urllib.parse import unquote, urlsplit

from bundler.builder.cache.disk import space_told, write_all
from bundler.builder.cache.store import Blob, Partial, Store
from bundler.builder.lib.progress import Progress, Silent, Transfer, transferring
from bundler.builder.net.http import Validators, display, download, make_client
from bundler.builder.net.logins import Logins
from bundler.builder.net.mirrors import Mirrors
from bundler.core.digest import Digest, read_chunks
from bundler.core.errors import BundlerError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundler.builder.net.http import Answer, Client
    from bundler.builder.net.registry_logins import Credentials

_KIND = "fetch"


class Fetcher:
    """Fetches files into a store. Thread-safe; the connections are kept until `close`."""

    def __init__(
        self,
        store: Store,
        *,
        mirrors: Mirrors | None = None,
        progress: Progress | None = None,
        offline: bool = False,
        logins: Logins | None = None,
    ) -> None:
        self._store = store
        self._mirrors = mirrors or Mirrors()
        self._progress = progress or Silent()
        self._offline = offline
        self.logins = logins or Logins()
        self._guard = threading.Lock()
        self._client: Client | None = None

    def fetch(
        self,
        url: str,
        checksum: Digest | None = None,
        *,
        size: int | None = None,
        login: Credentials | None = None,
    ) -> Blob:
        """The file at `url`; `size` in bytes and `checksum` are verified where they are given.

        login: for this URL, not for a mirror; without, that of netrc.

        Raises BundlerError: INPUT for a URL we can't read, NOT_FOUND, NETWORK, TRUST, INTEGRITY, SPACE.
        """
        if (
            checksum is not None
            and (found := self._store.size(checksum)) is not None
            and size in {None, found}
        ):
            self._progress.log(f"in the cache: {display(url)}")
            return Blob(checksum, found)
        source = self._mirrors.url(url)
        match urlsplit(source).scheme:
            case "file":
                return self._local(source, checksum, size)
            case "https" | "http":
                if self._offline:
                    return self._last(url)
                own = login if source == url and login is not None else self.logins.file(source)
                return self._remote(url, _From(source, own), checksum, size)
            case scheme:
                raise BundlerError(
                    f"can't fetch from {scheme or 'an address without a scheme'}",
                    where=display(url),
                    code=ExitCode.INPUT,
                    fix="use https://, http:// or file://",
                )

    def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _local(self, url: str, checksum: Digest | None, size: int | None) -> Blob:
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if parts.netloc not in {"", "localhost"} or not path.is_file():
            raise BundlerError(
                "there is no such file",
                where=url,
                code=ExitCode.NOT_FOUND,
                fix="write file:///full/path/to/file",
            )
        with path.open("rb") as stream:
            return self._store.add(read_chunks(stream), digest=checksum, size=size, name=url)

    def _remote(self, url: str, source: _From, checksum: Digest | None, size: int | None) -> Blob:
        self._progress.log(f"fetching {display(url)}")
        with transferring(self._progress, _short(url), size) as transfer:
            if checksum is not None:
                return self._known(url, source, checksum, size, transfer)
            return self._unknown(url, source, size, transfer)

    def _known(self, url: str, source: _From, digest: Digest, size: int | None, transfer: Transfer) -> Blob:
        with self._store.partial(digest) as partial:
            resumed = partial.size > 0
            transfer.advance(partial.size)
            self._stream(source, partial, size, transfer)
            try:
                return partial.commit(size, name=display(url))
            except BundlerError:
                if not resumed:
                    raise
            self._progress.log(
                f"what an earlier run had fetched of {display(url)} is unusable; starting over"
            )
            self._stream(source, partial, size, transfer)
            return partial.commit(size, name=display(url))

    def _stream(self, source: _From, partial: Partial, size: int | None, transfer: Transfer) -> None:
        download(
            self._http(),
            source.url,
            partial,
            size=size,
            headers=source.headers,
            on_bytes=transfer.advance,
            on_status=source.refused,
        )

    def _unknown(self, url: str, source: _From, size: int | None, transfer: Transfer) -> Blob:
        known = self._remembered(url)
        headers = (
            _conditions(known[1]) if known else {}
        )  # none, where the server gave us nothing to recognise
        with self._store.scratch() as folder, _growing(folder / "part") as part:
            validators = download(
                self._http(),
                source.url,
                part,
                size=size,
                headers=source.headers | headers,
                on_bytes=transfer.advance,
                on_status=source.refused,
            )
            if validators is None and known is not None:
                self._progress.log(f"unchanged since the last build: {display(url)}")
                return known[0]
            blob = self._store.add(
                read_chunks(part.rewound()), digest=part.digest(), size=part.size, name=display(url)
            )
        self._remember(url, blob, validators or Validators())
        return blob

    def _remembered(self, url: str) -> tuple[Blob, Validators] | None:
        """What was fetched from there last time, if it is still in the store."""
        if (text := self._store.recall(_KIND, url)) is None:
            return None
        record = json.loads(text)
        blob = Blob(Digest(record["sha256"]), record["size"])
        if self._store.find(blob.digest, blob.size) is None:
            return None
        return blob, Validators(record["etag"], record["last_modified"])

    def _remember(self, url: str, blob: Blob, validators: Validators) -> None:
        record = {
            "sha256": blob.digest.hex,
            "size": blob.size,
            "etag": validators.etag,
            "last_modified": validators.last_modified,
        }
        self._store.remember(_KIND, url, json.dumps(record).encode())

    def _http(self) -> Client:
        with self._guard:
            if self._client is None:
                self._client = make_client()
            return self._client

    def _last(self, url: str) -> Blob:
        """What the last build fetched from there; all there is without a network."""
        if (known := self._remembered(url)) is None:
            raise BundlerError(
                "this file is not in the cache, and the network must not be used",
                where=display(url),
                code=ExitCode.NOT_FOUND,
                id="BND-OFFLINE",
                fix="build once without --offline",
            )
        self._progress.log(f"in the cache, not asked whether it is still the same: {display(url)}")
        return known[0]


@dataclass(frozen=True, slots=True)
class _From:
    """Where a file is really asked for, and as whom."""

    url: str
    login: Credentials | None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.login.basic()} if self.login is not None else {}

    def refused(self, answer: Answer) -> None:
        """Explain how to log in after a 401; that of another host, behind a redirect, is shown as it is."""
        if answer.status_code != 401:
            return
        host = answer.request.url.host
        own = self.login if host == urlsplit(self.url).hostname else None
        told = f"it refuses the password of {own.username!r}" if own else "there is no login for it"
        raise BundlerError(
            "the server requires a login",
            where=display(answer.request.url),
            why=f"HTTP 401; {told}",
            code=ExitCode.TRUST,
            fix=f"write `machine {host} login … password …` into ~/.netrc, or for a chart repository "
            "`helm repo add --username`; logins go over https only",
        )


class _Growing:
    """A download of unknown digest: a file that is hashed as it grows."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hasher = hashlib.sha256()
        self.size = 0

    def append(self, chunk: bytes) -> None:
        with space_told(Path(self._stream.name), "a download", None):
            write_all(self._stream.fileno(), chunk)
        self._hasher.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._hasher, self.size = hashlib.sha256(), 0

    def digest(self) -> Digest:
        return Digest(self._hasher.hexdigest())

    def rewound(self) -> BinaryIO:
        self._stream.seek(0)
        return self._stream


@contextmanager
def _growing(path: Path) -> Iterator[_Growing]:
    with path.open("w+b", buffering=0) as stream:
        yield _Growing(stream)


def _conditions(validators: Validators) -> dict[str, str]:
    headers = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in headers.items() if value}


def _short(url: str) -> str:
    """What a progress bar calls it."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or display(url)
