"""One registry as pushing sees it: the installer's requests, login and patience around `core.pushing`.

Logins follow the distribution project's token specification.
"""

import base64
import http.client
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import urlencode, urlsplit

from bundler.core.challenge import parse_challenge, read_token
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.pushing import BUSY, Repository, Request, Said, check_kept, refusal
from bundler.installer.push.http import Answer, Client

TRIES: Final = 4
PAUSE: Final = 1.0  # seconds before the second try, twice that before the third, and so on
_LOGIN: Final = "give --username, and the password in --password-file or BUNDLER_REGISTRY_PASSWORD"


@dataclass(frozen=True, slots=True)
class Login:
    """User and password; shown by no repr."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class RegistryClient:
    """A registry to push to. `plain`: speak HTTP without TLS."""

    def __init__(self, host: str, client: Client, login: Login | None, *, plain: bool) -> None:
        self.host = host
        self._client = client
        self._login = login
        self._scheme = "http" if plain else "https"
        self._headers: dict[str, str] = {}
        self._lock = threading.Lock()

    def manifest_digest(self, repository: str, wanted: str) -> str:
        """The digest of what a tag or digest means there, "" where there is none."""
        there = self._at(repository)
        said, _ = self._ask(there, there.manifest(wanted))
        return said.digest if said.is_there else ""

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether a repository has the blob."""
        there = self._at(repository)
        return self._ask(there, there.blob(digest))[0].is_there

    def referrers(self, repository: str, subject: Digest) -> bytes | None:
        """The index of what refers to a manifest; None where the registry keeps none itself."""
        there = self._at(repository)
        said, body = self._ask(there, there.referrers(subject))
        return body if said.status == 200 else None

    def listing(self, repository: str, tag: str) -> bytes | None:
        """The index under a tag, None where there is none."""
        there = self._at(repository)
        said, body = self._ask(there, there.listing(tag))
        return body if said.status == 200 else None

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        """Let a repository have the blob of another one; whether that worked."""
        there = self._at(repository)
        try:
            said, _ = self._ask(there, there.mount(digest, source), key=f"{repository} {source}")
        except BundlerError as error:
            if error.code is ExitCode.TRUST:  # no right to read the other one
                return False
            raise
        if said.status == 202 and (cancel := there.cancel(said)):  # without content it is nothing
            self._ask(there, cancel)
        return said.status == 201

    def upload(self, repository: str, digest: Digest, size: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Upload a blob of `size` bytes; `read` gives its content, once for each try."""
        there = self._at(repository)

        def once() -> tuple[Request, Answer]:
            request = there.begin()
            begun = self._once(request, repository, b"")
            if begun.status not in request.accepted:
                return request, begun
            request = there.content(_said(begun), digest, size)
            login = self._headers.get(repository, "") if there.is_own(request.url) else ""
            return request, self._client.send("PUT", request.url, _with(request.headers, login), read())

        self._expect(there, *self._patiently(once, there.where))

    def put_manifest(self, repository: str, wanted: str, data: bytes, media_type: str) -> Said | None:
        """Store a manifest under a tag or its digest; None when the registry refuses it as such."""
        there = self._at(repository)
        said, _ = self._ask(there, there.put(wanted, media_type, unliked=True), data)
        if said.status != 201:
            return None
        check_kept(data, said, f"{there.where}:{wanted}")
        return said

    def _at(self, repository: str) -> Repository:
        return Repository(f"{self._scheme}://{self.host}", repository)

    def _ask(
        self, there: Repository, request: Request, body: bytes = b"", *, key: str = ""
    ) -> tuple[Said, bytes]:
        """A request that may be sent again. key: what the login is for, where not this repository alone."""
        asked = self._patiently(lambda: (request, self._once(request, key or there.name, body)), there.where)
        return self._expect(there, *asked), asked[1].body

    def _patiently(self, once: Callable[[], tuple[Request, Answer]], where: str) -> tuple[Request, Answer]:
        """The last request and its answer, after a few tries where there is none or the registry is busy."""
        for attempt in range(1, TRIES + 1):
            try:
                request, answer = once()
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    _no_answer(where, error)
            else:
                if answer.status not in BUSY or attempt == TRIES:
                    return request, answer
            time.sleep(PAUSE * 2 ** (attempt - 1))
        raise AssertionError("the last try returns or raises")

    def _once(self, request: Request, key: str, body: bytes) -> Answer:
        """A request, and once more with the login that is asked for. `key`: what the login is for."""
        sent = self._headers.get(key, "")
        answer = self._client.send(request.method, request.url, _with(request.headers, sent), body)
        if answer.status != 401:
            return answer
        self._renew(key, sent, answer)
        headers = _with(request.headers, self._headers[key])
        answer = self._client.send(request.method, request.url, headers, body)
        if answer.status == 401:
            self._refused("it does not accept the login")
        return answer

    def _expect(self, there: Repository, request: Request, answer: Answer) -> Said:
        if answer.status not in request.accepted:
            raise refusal(request, answer.status, answer.body, where=there.where, login=_LOGIN)
        return _said(answer)

    def _renew(self, key: str, refused: str, answer: Answer) -> None:
        challenge = parse_challenge(answer.header("WWW-Authenticate"))
        with self._lock:
            if self._headers.get(key, "") != refused:
                return  # another thread was quicker
            if challenge.scheme == "basic":
                if self._login is None or refused == self._login.basic():
                    self._refused(
                        "it requires a user name and password" if self._login is None else "wrong login"
                    )
                self._headers[key] = self._login.basic()
            elif challenge.scheme == "bearer":
                rights = [f"repository:{key.partition(' ')[0]}:pull,push"]
                rights += [f"repository:{source}:pull" for source in key.split(" ")[1:]]
                token = self._token(challenge.realm, challenge.service, rights)
                self._headers[key] = f"Bearer {token}"
            else:
                self._refused(f"it requires an unknown kind of login: {challenge.scheme[:40]!r}")

    def _token(self, realm: str, service: str, rights: list[str]) -> str:
        parts = urlsplit(realm)
        if parts.scheme not in {"https", self._scheme} or not parts.netloc:
            self._refused(f"its token server is not reached over https: {realm[:200]!r}")
        pairs = [("service", service)] if service else []
        query = urlencode([*pairs, *(("scope", right) for right in rights)])
        join = "&" if parts.query else "?"
        headers = {"Authorization": self._login.basic()} if self._login else {}
        answer = self._client.send("GET", f"{realm}{join}{query}", headers)
        if answer.status != 200:
            self._refused(f"its token server answers {answer.status}")
        if not (token := read_token(answer.body)):
            self._refused("its token server gives no token")
        return token

    def _refused(self, why: str) -> NoReturn:
        raise BundlerError(
            "the registry denies access",
            where=self.host,
            why=why,
            code=ExitCode.TRUST,
            id="BND-REGISTRY-LOGIN",
            fix=_LOGIN,
        )


def _with(headers: Mapping[str, str], authorization: str) -> dict[str, str]:
    return {**headers, "Authorization": authorization} if authorization else dict(headers)


def _said(answer: Answer) -> Said:
    return Said.of(answer.status, answer.headers)


def _no_answer(where: str, error: Exception) -> NoReturn:
    raise BundlerError(
        "the registry does not answer",
        where=where,
        why=str(error) or type(error).__name__,
        code=ExitCode.NETWORK,
        fix="check that it is running and reachable from here; for one without TLS add --insecure-registry",
    ) from error
