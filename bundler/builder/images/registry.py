"""A small client of the OCI distribution API (v2): manifests and blobs are read, nothing is ever written.

HTTPS always, but for the registries that the user named as insecure. What arrives is verified against its
digest and bounded by its size before anyone relies on it.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeVar

from bundler.builder.http import (
    Answer,
    Client,
    download,
    explained,
    make_client,
    opened,
    raise_busy,
    retrying,
)
from bundler.builder.images.auth import Keychain
from bundler.builder.images.tokens import Tokens
from bundler.builder.mirrors import Mirrors
from bundler.builder.store import Blob, Partial, Store
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MANIFEST_TYPES, MAX_MANIFEST, Descriptor
from bundler.core.reference import DEFAULT_REGISTRY, Reference

T = TypeVar("T")

BLOBS_AT_ONCE = 4
_API_OF_DEFAULT = "registry-1.docker.io"  # where docker.io answers
_MAX_MESSAGE = 64 << 10  # bytes of an error's body that are read
_LOGINS = 3  # answers with 401 to one request before it counts as refused


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How registries are reached.

    insecure: `HOST:PORT` of registries that are spoken to over plain HTTP, because the user said so.
    keychain: where logins are looked up. at_once: blobs fetched at the same time.
    offline: no request is made; a tag means what it meant when it was last resolved here.
    mirrors: which repositories are asked for in other places; names and digests stay what they are.
    """

    insecure: frozenset[str] = frozenset()
    keychain: Keychain = field(default_factory=Keychain)
    at_once: int = BLOBS_AT_ONCE
    offline: bool = False
    mirrors: Mirrors = field(default_factory=Mirrors)


@dataclass(frozen=True, slots=True)
class RawManifest:
    """A manifest as it came: bytes that match `digest`, and what the registry says they are."""

    raw: bytes
    digest: Digest
    media_type: str


class _UnauthorisedError(Exception):
    """The registry wants a (new) login; `tokens` has it when this is raised."""


class RegistryClient:
    """Reads from registries; safe to use from several threads. To be closed after use."""

    def __init__(self, options: RegistryOptions, client: Client | None = None) -> None:
        self._options = options
        self._client = client or make_client(connections=2 * options.at_once)
        self._tokens = Tokens(self._client, options.keychain)

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """Fetch a manifest or index by tag or digest, verified where the digest is known.

        Raises BundlerError: (NOT_FOUND) when the registry has none, (TRUST) when it wants another login,
        (NETWORK) when it can't be reached or fails, (INTEGRITY) when the bytes aren't those of the digest.
        """
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        at = self._place(ref)
        return self._authorised(at, lambda login: self._manifest(at, wanted, headers | login))

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """Fetch a config or layer into the store, going on after cuts, also those of earlier runs.

        on_bytes: told how many bytes just arrived, negative when they turned out to be useless.
        Raises BundlerError as `manifest` does, and (SPACE).
        """
        with store.partial(what.digest) as part:
            on_bytes(part.size)
            at = self._place(ref)
            self._authorised(at, lambda login: self._blob(at, what, part, login, on_bytes))
            return part.commit(what.size, name=f"{ref} ({what.digest})")

    def _place(self, ref: Reference) -> Reference:
        """Where the image is really asked for; messages tell this name, which leads to the mirror rule."""
        registry, _, repository = self._options.mirrors.image(ref.name).partition("/")
        return replace(ref, registry=registry, repository=repository)

    def _authorised(self, ref: Reference, work: Callable[[dict[str, str]], T]) -> T:
        """Do the work with the login that the registry asks for; a token may run out on the way."""
        with _about(ref):
            for _ in range(_LOGINS):
                login = self._tokens.header(ref.registry, ref.repository)
                try:
                    return work({"Authorization": login} if login else {})
                except _UnauthorisedError:
                    continue
        raise _denied(ref, "it refuses the login that it asked for")

    def _manifest(self, ref: Reference, wanted: str, headers: Mapping[str, str]) -> RawManifest:
        url = self._url(ref, "manifests", wanted)
        for attempt in retrying():
            with attempt:
                request = self._client.build_request(
                    "GET", url, headers={"Accept-Encoding": "identity", **headers}
                )
                with opened(self._client, request) as answer:
                    if answer.status_code != 200:
                        self._refused(ref, "the image", answer, headers)
                    return _checked(ref, wanted, answer)
        raise AssertionError("retrying ends by returning or raising")

    def _blob(
        self,
        ref: Reference,
        what: Descriptor,
        part: Partial,
        login: Mapping[str, str],
        on_bytes: Callable[[int], None],
    ) -> None:
        if part.size == what.size:
            return  # an earlier run was stopped just before its end
        download(
            self._client,
            self._url(ref, "blobs", str(what.digest)),
            part,
            size=what.size,
            headers=login,
            on_bytes=on_bytes,
            on_status=lambda answer: self._refused(ref, f"its blob {what.digest}", answer, login),
        )

    def _refused(self, ref: Reference, what: str, answer: Answer, headers: Mapping[str, str]) -> NoReturn:
        """Raise what fits an answer that is no success."""
        own = answer.request.url.netloc.decode() == _api_host(ref.registry)
        if answer.status_code == 401 and own:  # behind a redirect, somebody else's challenge is not answered
            self._tokens.renew(ref.registry, ref.repository, headers.get("Authorization", ""), answer)
            raise _UnauthorisedError
        raise_busy(answer)
        why = f"HTTP {answer.status_code} from {answer.request.url.host}{_message(answer)}"
        if answer.status_code == 404:
            raise BundlerError(
                f"the registry doesn't have {what}",
                where=ref,
                why=why,
                fix="check registry, repository and tag; log in if it is a private one",
                code=ExitCode.NOT_FOUND,
            )
        if answer.status_code in {401, 403}:
            raise _denied(ref, why)
        raise BundlerError(
            f"the registry fails to give {what}",
            where=ref,
            why=why,
            fix="try again; if it stays so, ask those who run the registry",
            code=ExitCode.NETWORK,
        )

    def _url(self, ref: Reference, kind: str, wanted: str) -> str:
        scheme = "http" if ref.registry in self._options.insecure else "https"
        return f"{scheme}://{_api_host(ref.registry)}/v2/{ref.repository}/{kind}/{wanted}"


def _api_host(registry: str) -> str:
    return _API_OF_DEFAULT if registry == DEFAULT_REGISTRY else registry


@contextlib.contextmanager
def _about(ref: Reference) -> Iterator[None]:
    """Let every error name the image; and nothing falls back to plain HTTP, so say how to ask for it."""
    try:
        with explained(_api_host(ref.registry)):
            yield
    except BundlerError as error:
        if error.where == ref:
            raise
        fix = error.fix
        if error.code == ExitCode.NETWORK and "SSL" in error.why:
            fix = f"if this registry speaks plain HTTP only, say --insecure-registry {ref.registry}"
        where = f"{ref} ({error.where})"
        raise BundlerError(error.what, where=where, why=error.why, fix=fix, code=error.code) from error


def _checked(ref: Reference, wanted: str, answer: Answer) -> RawManifest:
    """Read the body, bounded, and hold it against every digest that is known of it."""
    raw = b""
    for chunk in answer.iter_raw():
        raw += chunk
        if len(raw) > MAX_MANIFEST:
            _wrong(ref, f"its manifest is larger than {MAX_MANIFEST} bytes")
    found = Digest.of(raw)
    told = answer.headers.get("Docker-Content-Digest", "")
    for expected in (wanted if ":" in wanted else "", told if told.startswith("sha256:") else ""):
        if expected and expected != str(found):
            _wrong(ref, f"expected {expected}, got {found}")
    return RawManifest(raw, found, answer.headers.get("Content-Type", ""))


def _message(answer: Answer) -> str:
    """What the registry says for itself, as text for one line: the distribution API's errors, or nothing."""
    body = b""
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > _MAX_MESSAGE:
            return ""
    try:
        errors = json.loads(body)["errors"]
        said = "; ".join(f"{error['code']}: {error.get('message', '')}" for error in errors[:3])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return ", which says: " + "".join(char for char in said[:300] if char.isprintable())


def _denied(ref: Reference, why: str) -> BundlerError:
    return BundlerError(
        "the registry denies access",
        where=ref,
        why=why,
        fix=f"log in with `skopeo login {ref.registry}` or `docker login` as a user who may pull it",
        code=ExitCode.TRUST,
    )


def _wrong(ref: Reference, why: str) -> NoReturn:
    raise BundlerError(
        "the registry's manifest is not what it should be",
        where=ref,
        why=why,
        fix="the registry, or something on the way to it, is damaged or not to be trusted",
        code=ExitCode.INTEGRITY,
    )
