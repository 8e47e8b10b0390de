"""Writing to one repository of a registry: the builder's requests, logins and patience around `core.pushing`.

HTTPS always, but for registries that the user named as insecure. A login goes to the registry itself only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bundler.builder.net.http import explained, make_client, raise_busy, retrying
from bundler.builder.oci.client import RegistryOptions, told_body
from bundler.builder.oci.tokens import Tokens
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import OCI_MANIFEST
from bundler.core.pushing import Repository, Request, Said, check_kept, refusal
from bundler.core.reference import DEFAULT_REGISTRY, Reference

if TYPE_CHECKING:
    from bundler.builder.net.http import Client
    from bundler.core.digest import Digest

_API_OF_DEFAULT = "registry-1.docker.io"  # where docker.io answers
_LOGINS = 3  # answers with 401 to one request before it counts as refused

Body = bytes | Callable[[], Iterable[bytes]]  # the latter gives the content once for each try


class Uploader:
    """Asks and writes below one name; by several threads at once. To be closed after use."""

    def __init__(self, ref: Reference, options: RegistryOptions, client: Client | None = None) -> None:
        self.ref = ref
        self._client = client or make_client(connections=2 * options.at_once)
        self._tokens = Tokens(self._client, options.keychain)
        host = _API_OF_DEFAULT if ref.registry == DEFAULT_REGISTRY else ref.registry
        self._plain = _plain(ref, options)
        self._there = Repository(f"{'http' if self._plain else 'https'}://{host}", ref.repository)

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def manifest_digest(self, wanted: str = "") -> str:
        """The digest of what the name (or `wanted`) means; "" where there is none."""
        said = self._ask(self._there.manifest(wanted or self.ref.wanted))
        return said.digest if said.is_there else ""

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has the blob."""
        return self._ask(self._there.blob(digest)).is_there

    def upload(self, digest: Digest, size: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Send a blob of `size` bytes; where that is cut, it is sent again.

        Raises BundlerError (NETWORK, TRUST), and what `read` raises.
        """
        with explained(self.ref, fix=self._fix()):
            for attempt in retrying():
                with attempt:
                    begun = self._send(self._there.begin(), b"")
                    self._send(self._there.content(begun, digest, size), read)
                    return

    def put_manifest(self, raw: bytes, *, wanted: str = "", media_type: str = OCI_MANIFEST) -> None:
        """Let the name, or another tag or digest, mean this manifest.

        Raises BundlerError (NETWORK, TRUST, INTEGRITY).
        """
        said = self._ask(self._there.put(wanted or self.ref.wanted, media_type), raw)
        check_kept(raw, said, self.ref)

    def _ask(self, request: Request, body: bytes = b"") -> Said:
        """A request that may be sent again."""
        with explained(self.ref, fix=self._fix()):
            for attempt in retrying():
                with attempt:
                    return self._send(request, body)
        raise AssertionError("retrying ends by returning or raising")

    def _send(self, request: Request, body: Body) -> Said:
        own = self._there.is_own(request.url)
        for _ in range(_LOGINS):
            login = self._tokens.header(self.ref.registry, self.ref.repository) if own else ""
            headers = {**request.headers, "Authorization": login} if login else dict(request.headers)
            content = body if isinstance(body, bytes) else body()
            sent = self._client.build_request(request.method, request.url, headers=headers, content=content)
            answer = self._client.send(sent, stream=True)
            try:
                if answer.status_code == 401 and own:
                    self._tokens.renew(self.ref.registry, self.ref.repository, login, answer)
                    continue
                raise_busy(answer)
                if answer.status_code in request.accepted:
                    return Said.of(answer.status_code, answer.headers)
                told, fix = told_body(answer), self._how_to_log_in()
                raise refusal(request, answer.status_code, told, where=self.ref, login=fix)
            finally:
                answer.close()
        raise BundlerError(
            "the registry denies access",
            where=self.ref,
            why="it rejects the login",
            code=ExitCode.TRUST,
            id="BND-REGISTRY-LOGIN",
            fix=self._how_to_log_in(),
        )

    def _how_to_log_in(self) -> str:
        registry = self.ref.registry
        return f"log in with `skopeo login {registry}` or `docker login {registry}` as one who may push"

    def _fix(self) -> str:
        if self._plain:
            return ""
        return (
            f"check the name; where the registry speaks plain HTTP: --insecure-registry {self.ref.registry}"
        )


def _plain(ref: Reference, options: RegistryOptions) -> bool:
    """Whether the user, or registries.conf, lets this registry be spoken to over plain HTTP."""
    places = options.mirrors.places(ref)
    return ref.registry in options.insecure or any(p.insecure and p.name == ref.name for p in places)
