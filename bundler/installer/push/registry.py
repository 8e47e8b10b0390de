"""One registry as pushing sees it: ask, mount, upload, with the login it wants and a few tries.

Follows the OCI distribution specification 1.1 and the distribution project's token specification.
"""

import base64
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import quote, urlencode, urljoin, urlsplit

from bundler.core.challenge import parse_challenge
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MANIFEST_TYPES
from bundler.installer.push.http import Answer, Client

TRIES: Final = 4
PAUSE: Final = 1.0  # seconds before the second try, twice that before the third, and so on
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_THERE: Final = frozenset({200, 307})  # some keep blobs elsewhere and point there


@dataclass(frozen=True, slots=True)
class Login:
    """User and password; shown by no repr."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Registry:
    """A registry to push to. `plain`: speak HTTP without TLS."""

    def __init__(self, host: str, client: Client, login: Login | None, *, plain: bool) -> None:
        self.host = host
        self._client = client
        self._login = login
        self._scheme = "http" if plain else "https"
        self._headers: dict[str, str] = {}
        self._lock = threading.Lock()

    def manifest_digest(self, repository: str, wanted: str) -> str:
        """The digest of what a tag or digest means there, "" where there is none or nothing is told."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        answer = self._ask("HEAD", f"/v2/{repository}/manifests/{wanted}", repository, headers)
        self._expect(answer, {200, 404}, f"{repository}:{wanted}")
        return answer.header("Docker-Content-Digest") if answer.status == 200 else ""

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether a repository has the blob."""
        answer = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", repository)
        self._expect(answer, {404, *_THERE}, f"{repository}@{digest}")
        return answer.status in _THERE

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        """Let a repository have the blob of another one; whether that worked."""
        query = urlencode({"mount": str(digest), "from": source})
        path = f"/v2/{repository}/blobs/uploads/?{query}"
        try:
            answer = self._ask("POST", path, repository, key=f"{repository} {source}")
        except BundlerError as error:
            if error.code is ExitCode.TRUST:  # no right to read the other one
                return False
            raise
        if answer.status == 202:  # an upload was begun in its place; without content it is nothing
            location = urljoin(f"{self._scheme}://{self.host}{path}", answer.header("Location"))
            if urlsplit(location).netloc == self.host:
                self._ask("DELETE", location, repository)
        return answer.status == 201

    def upload(self, repository: str, digest: Digest, size: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Upload a blob of `size` bytes; `read` gives its content, once for each try."""
        where = f"{self.host}/{repository}@{digest}"
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._upload(repository, digest, size, read)
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    _no_answer(where, error)
            else:
                if answer.status not in _BUSY or attempt == TRIES:
                    self._expect(answer, {201}, f"{repository}@{digest}")
                    return
            time.sleep(PAUSE * 2 ** (attempt - 1))

    def put_manifest(self, repository: str, wanted: str, data: bytes, media_type: str) -> bool:
        """Store a manifest under a tag or its digest; false when the registry refuses it as such."""
        path = f"/v2/{repository}/manifests/{wanted}"
        answer = self._ask("PUT", path, repository, {"Content-Type": media_type}, data)
        if answer.status in {400, 404, 422}:
            return False
        self._expect(answer, {201}, f"{repository}:{wanted}")
        told = answer.header("Docker-Content-Digest")
        if told and told != str(Digest.of(data)):
            raise BundlerError(
                "the registry took the manifest for another one",
                where=f"{self.host}/{repository}:{wanted}",
                why=f"sent {Digest.of(data)}, it has {told}",
                code=ExitCode.INTEGRITY,
            )
        return True

    def _upload(
        self, repository: str, digest: Digest, size: int, read: Callable[[], Iterable[bytes]]
    ) -> Answer:
        begin = f"{self._scheme}://{self.host}/v2/{repository}/blobs/uploads/"
        begun = self._once("POST", begin, repository, {"Content-Length": "0"})
        if begun.status != 202:
            return begun
        place = urljoin(begin, begun.header("Location"))
        if urlsplit(place).scheme != self._scheme:
            raise BundlerError(
                "the registry wants the upload over another protocol",
                where=self.host,
                why=f"it was asked over {self._scheme} and answers {place[:200]}",
                code=ExitCode.NETWORK,
            )
        place += ("&" if urlsplit(place).query else "?") + f"digest={quote(str(digest))}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        header = self._headers.get(repository, "")
        if header and urlsplit(place).netloc == self.host:
            headers["Authorization"] = header
        return self._client.send("PUT", place, headers, read())

    def _ask(
        self,
        method: str,
        path: str,
        repository: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        key: str = "",
    ) -> Answer:
        """A request that may be sent again."""
        url = urljoin(f"{self._scheme}://{self.host}", path)
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._once(method, url, key or repository, headers or {}, body)
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    _no_answer(self.host, error)
            else:
                if answer.status not in _BUSY or attempt == TRIES:
                    return answer
            time.sleep(PAUSE * 2 ** (attempt - 1))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, url: str, key: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """A request, and once more with the login that is asked for. `key`: what the login is for."""
        sent = self._headers.get(key, "")
        answer = self._client.send(method, url, _with(headers, sent), body)
        if answer.status != 401:
            return answer
        self._renew(key, sent, answer)
        answer = self._client.send(method, url, _with(headers, self._headers[key]), body)
        if answer.status == 401:
            self._refused("it does not accept the login")
        return answer

    def _renew(self, key: str, refused: str, answer: Answer) -> None:
        challenge = parse_challenge(answer.header("WWW-Authenticate"))
        with self._lock:
            if self._headers.get(key, "") != refused:
                return  # another thread was quicker
            if challenge.scheme == "basic":
                if self._login is None or refused == self._login.basic():
                    self._refused("it asks for a user and password" if self._login is None else "wrong login")
                self._headers[key] = self._login.basic()
            elif challenge.scheme == "bearer":
                rights = [f"repository:{key.partition(' ')[0]}:pull,push"]
                rights += [f"repository:{source}:pull" for source in key.split(" ")[1:]]
                token = self._token(challenge.realm, challenge.service, rights)
                self._headers[key] = f"Bearer {token}"
            else:
                self._refused(f"it asks for a login that isn't known: {challenge.scheme[:40]!r}")

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
        token: object = None
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            document = json.loads(answer.body)
            token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            self._refused("its token server gives no token")
        return token

    def _expect(self, answer: Answer, statuses: Iterable[int], what: str) -> None:
        if answer.status in statuses:
            return
        if answer.status in {401, 403}:
            self._refused(f"{what}: HTTP {answer.status}{_told(answer)}")
        raise BundlerError(
            f"the registry answers {answer.status}",
            where=f"{self.host}/{what}",
            why=_told(answer).removeprefix(": "),
            code=ExitCode.NETWORK,
            fix="see that the project (the first part of the path) is there and takes images",
        )

    def _refused(self, why: str) -> NoReturn:
        raise BundlerError(
            "the registry lets us not in",
            where=self.host,
            why=why,
            code=ExitCode.TRUST,
            fix="give --username, and the password in --password-file or BUNDLER_REGISTRY_PASSWORD",
        )


def _with(headers: Mapping[str, str], authorization: str) -> dict[str, str]:
    return {**headers, "Authorization": authorization} if authorization else dict(headers)


def _told(answer: Answer) -> str:
    """The messages of a registry's error, as far as a terminal may show them."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        errors = json.loads(answer.body)["errors"]
        text = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors[:5])
        return ": " + "".join(char for char in text if char.isprintable())[:400]
    return ""


def _no_answer(where: str, error: Exception) -> NoReturn:
    raise BundlerError(
        "the registry does not answer",
        where=where,
        why=str(error) or type(error).__name__,
        code=ExitCode.NETWORK,
        fix="see that it runs and can be reached from here; for one without TLS add --insecure-registry",
    ) from error
