"""Writing to one repository of a registry, as the OCI distribution specification 1.1 has it.

HTTPS always, but for registries that the user named as insecure. A login goes to the registry itself only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from bundler.builder.http import Answer, Client, explained, make_client, raise_busy, retrying
from bundler.builder.images.registry import RegistryOptions, own_words
from bundler.builder.images.tokens import Tokens
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MANIFEST_TYPES, OCI_MANIFEST
from bundler.core.reference import DEFAULT_REGISTRY, Reference

_API_OF_DEFAULT: Final = "registry-1.docker.io"  # where docker.io answers
_LOGINS: Final = 3  # answers with 401 to one request before it counts as refused
_THERE: Final = frozenset({200, 307})  # some keep blobs elsewhere and point there

Body = bytes | Callable[[], Iterable[bytes]]  # the latter gives the content once for each try


@dataclass(frozen=True, slots=True)
class _Said:
    status: int
    location: str
    digest: str


class Uploader:
    """Asks and writes below one name; by several threads at once. To be closed after use."""

    def __init__(self, ref: Reference, options: RegistryOptions, client: Client | None = None) -> None:
        self.ref = ref
        self._client = client or make_client(connections=2 * options.at_once)
        self._tokens = Tokens(self._client, options.keychain)
        self._host = _API_OF_DEFAULT if ref.registry == DEFAULT_REGISTRY else ref.registry
        self._scheme = "http" if _plain(ref, options) else "https"

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def manifest_digest(self) -> str:
        """The digest of what the name means there, "" where it means nothing or nothing is told."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        said = self._ask("HEAD", self._url(f"manifests/{self.ref.wanted}"), {200, 404}, headers=headers)
        return said.digest if said.status == 200 else ""

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has the blob."""
        return self._ask("HEAD", self._url(f"blobs/{digest}"), {404, *_THERE}).status in _THERE

    def upload(self, digest: Digest, size: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Send a blob of `size` bytes; where that is cut, it is sent again.

        Raises BundlerError (NETWORK, TRUST), and what `read` raises.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with explained(self.ref, fix=self._fix()):
            for attempt in retrying():
                with attempt:
                    self._send("PUT", self._place(digest), {201}, headers, read)
                    return

    def put_manifest(self, raw: bytes) -> None:
        """Let the name mean this manifest. Raises BundlerError (NETWORK, TRUST, INTEGRITY)."""
        headers = {"Content-Type": OCI_MANIFEST}
        said = self._ask("PUT", self._url(f"manifests/{self.ref.wanted}"), {201}, headers=headers, body=raw)
        if said.digest not in {"", str(Digest.of(raw))}:
            raise BundlerError(
                "the registry took the manifest for another one",
                where=self.ref,
                why=f"sent {Digest.of(raw)}, it has {said.digest[:100]}",
                code=ExitCode.INTEGRITY,
            )

    def _place(self, digest: Digest) -> str:
        """Begin an upload; where its content goes."""
        begin = self._url("blobs/uploads/")
        said = self._send("POST", begin, {202}, {"Content-Length": "0"}, b"")
        place = urljoin(begin, said.location)
        if urlsplit(place).scheme != self._scheme:
            raise self._failed(f"it was asked over {self._scheme} and wants the content at {place[:200]}")
        return place + ("&" if urlsplit(place).query else "?") + f"digest={quote(str(digest))}"

    def _ask(
        self,
        method: str,
        url: str,
        accepted: set[int],
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
    ) -> _Said:
        """A request that may be sent again."""
        with explained(self.ref, fix=self._fix()):
            for attempt in retrying():
                with attempt:
                    return self._send(method, url, accepted, headers or {}, body)
        raise AssertionError("retrying ends by returning or raising")

    def _send(
        self, method: str, url: str, accepted: set[int], headers: Mapping[str, str], body: Body
    ) -> _Said:
        own = urlsplit(url).netloc == self._host
        for _ in range(_LOGINS):
            login = self._tokens.header(self.ref.registry, self.ref.repository) if own else ""
            sent = {**headers, "Authorization": login} if login else dict(headers)
            content = body if isinstance(body, bytes) else body()
            request = self._client.build_request(method, url, headers=sent, content=content)
            answer = self._client.send(request, stream=True)
            try:
                if answer.status_code == 401 and own:
                    self._tokens.renew(self.ref.registry, self.ref.repository, login, answer)
                    continue
                return self._accepted(answer, accepted)
            finally:
                answer.close()
        raise self._denied("it refuses the login that it asked for")

    def _accepted(self, answer: Answer, accepted: set[int]) -> _Said:
        raise_busy(answer)
        if answer.status_code in accepted:
            location, digest = (answer.headers.get(n, "") for n in ("Location", "Docker-Content-Digest"))
            return _Said(answer.status_code, location, digest)
        why = f"HTTP {answer.status_code} from {answer.request.url.host}{own_words(answer)}"
        if answer.status_code in {401, 403}:
            raise self._denied(why)
        raise self._failed(why)

    def _failed(self, why: str) -> BundlerError:
        return BundlerError(
            "the registry doesn't take it",
            where=self.ref,
            why=why,
            code=ExitCode.NETWORK,
            fix="see that the project (the first part of the path) is there and takes OCI artifacts",
        )

    def _denied(self, why: str) -> BundlerError:
        registry = self.ref.registry
        return BundlerError(
            "the registry denies access",
            where=self.ref,
            why=why,
            code=ExitCode.TRUST,
            fix=f"log in with `skopeo login {registry}` or `docker login {registry}` as one who may push",
        )

    def _fix(self) -> str:
        if self._scheme == "http":
            return ""
        return (
            f"check the name; where the registry speaks plain HTTP: --insecure-registry {self.ref.registry}"
        )

    def _url(self, rest: str) -> str:
        return f"{self._scheme}://{self._host}/v2/{self.ref.repository}/{rest}"


def _plain(ref: Reference, options: RegistryOptions) -> bool:
    """Whether the user, or registries.conf, lets this registry be spoken to over plain HTTP."""
    places = options.mirrors.places(ref)
    return ref.registry in options.insecure or any(p.insecure and p.name == ref.name for p in places)
