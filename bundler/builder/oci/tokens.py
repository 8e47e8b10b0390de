"""How a registry lets us in: the challenge it sends, and the token or password we answer it with.

Follows the distribution project's token specification (Bearer) and RFC 7617 (Basic). A login only goes to a
token server over HTTPS, unless the registry itself was allowed plain HTTP.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from bundler.builder.net.http import display, explained, opened, raise_for_status, retrying
from bundler.core.challenge import Challenge, parse_challenge, read_token
from bundler.core.errors import BundlerError, ExitCode

if TYPE_CHECKING:
    from bundler.builder.net.http import Answer, Client
    from bundler.builder.net.registry_logins import Credentials, Keychain

MAX_TOKEN = 1 << 20  # bytes of a token server's answer
_CLIENT_ID = "bundler"


class Tokens:
    """The Authorization headers of this run, one for each repository, renewed when a registry asks again."""

    def __init__(self, client: Client, keychain: Keychain) -> None:
        self._client = client
        self._keychain = keychain
        self._headers: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def header(self, registry: str, repository: str) -> str:
        """What to send, "" before a registry has asked for anything."""
        return self._headers.get((registry, repository), "")

    def renew(self, registry: str, repository: str, refused: str, answer: Answer) -> None:
        """React to a 401 that came for the header `refused`; threads that ask at once get one token.

        Raises BundlerError (TRUST) when there is no login or it is refused too, (NETWORK) when the token
        server can't be reached.
        """
        challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
        plain = answer.request.url.scheme == "http"
        with self._lock:
            if self.header(registry, repository) != refused:
                return
            credentials = self._keychain.find(registry, repository)
            if challenge.scheme == "basic":
                header = _basic(registry, credentials, refused)
            elif challenge.scheme == "bearer":
                scope = challenge.scope or f"repository:{repository}:pull"
                asked = Challenge("bearer", challenge.realm, challenge.service, scope)
                header = "Bearer " + self._token(registry, asked, credentials, plain=plain)
            else:
                _refused(registry, f"it requires an unknown kind of login: {challenge.scheme[:40]!r}")
            self._headers[registry, repository] = header

    def _token(self, registry: str, asked: Challenge, login: Credentials | None, *, plain: bool) -> str:
        if urlsplit(asked.realm).scheme not in ({"https", "http"} if plain else {"https"}):
            _refused(registry, f"its token server is not reached over https: {display(asked.realm)[:200]!r}")
        where = f"{registry} (token server {urlsplit(asked.realm).hostname})"
        fields = {"service": asked.service, "scope": asked.scope}
        fields = {key: value for key, value in fields.items() if value}
        if login is not None and login.identity_token:
            extra = {
                "grant_type": "refresh_token",
                "refresh_token": login.identity_token,
                "client_id": _CLIENT_ID,
            }
            request = self._client.build_request("POST", asked.realm, data=fields | extra)
        else:
            headers = {"Authorization": login.basic()} if login is not None else {}
            request = self._client.build_request("GET", asked.realm, params=fields, headers=headers)
        with explained(where):
            for attempt in retrying():
                with attempt, opened(self._client, request) as answer:
                    return _read_token(answer, registry, known=login is not None)
        raise AssertionError("retrying ends by returning or raising")


def _basic(registry: str, login: Credentials | None, refused: str) -> str:
    if login is None or not login.username:
        _refused(registry, "it requires a user name and password, and there is no login for it")
    header = login.basic()
    if header == refused:
        _refused(registry, f"it doesn't accept the password of user {login.username!r}")
    return header


def _read_token(answer: Answer, registry: str, *, known: bool) -> str:
    if answer.status_code in {400, 401, 403}:
        whose = "the login it was given" if known else "to give a token without a login"
        _refused(registry, f"its token server refuses {whose}: HTTP {answer.status_code}")
    raise_for_status(answer)
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MAX_TOKEN:
            _refused(registry, "its token server's answer is endless")
    if not (token := read_token(body)):
        _refused(registry, "its token server's answer holds no token")
    return token


def _refused(registry: str, why: str) -> NoReturn:
    fix = f"log in with `skopeo login {registry}` or `docker login {registry}`, and check the image's name"
    raise BundlerError(
        "the registry denies access",
        where=registry,
        why=why,
        fix=fix,
        code=ExitCode.TRUST,
        id="BND-REGISTRY-LOGIN",
    )
