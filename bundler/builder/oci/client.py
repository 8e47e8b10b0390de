"""A small client of the OCI distribution API (v2): manifests and blobs are read, nothing is ever written.

HTTPS always, but for the registries that the user named as insecure. What arrives is verified against its
digest and bounded by its size before anyone relies on it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from bundler.builder.net.http import (
    Sink,
    download,
    explained,
    make_client,
    opened,
    raise_busy,
    retrying,
)
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.tokens import Tokens
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MANIFEST_TYPES, MAX_MANIFEST, OCI_INDEX, Descriptor
from bundler.core.pushing import MAX_MESSAGE, own_words
from bundler.core.reference import DEFAULT_REGISTRY, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundler.builder.cache.store import Blob, Store
    from bundler.builder.net.http import Answer, Client

T = TypeVar("T")

BLOBS_AT_ONCE = 4
_API_OF_DEFAULT = "registry-1.docker.io"  # where docker.io answers
_ELSEWHERE = frozenset({ExitCode.NOT_FOUND, ExitCode.NETWORK, ExitCode.TRUST})  # worth asking another place
_LOGINS = 3  # answers with 401 to one request before it counts as refused


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How registries are reached.

    insecure: `HOST:PORT` of registries that are spoken to over plain HTTP, because the user said so.
    keychain: where logins are looked up; where Podman, Skopeo and Docker do, if nothing else is said.
    at_once: blobs fetched at the same time.
    signatures: bring what registries keep beside each image, whether its request says so or not.
    offline: no request is made; a tag means what it meant when it was last resolved here.
    mirrors: which repositories are asked for in other places (a mirrors file, registries.conf); names and
    digests stay what they are, and logins and `insecure` are those of the mirror.
    """

    insecure: frozenset[str] = frozenset()
    keychain: Keychain = field(default_factory=lambda: Keychain.of(os.environ))
    at_once: int = BLOBS_AT_ONCE
    offline: bool = False
    mirrors: Mirrors = field(default_factory=Mirrors)
    signatures: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    """What is wanted, and where it is asked for: the same, but for a mirror; insecure: over plain HTTP."""

    ref: Reference
    at: Reference
    insecure: bool

    @property
    def host(self) -> str:
        """Where the API answers."""
        return _API_OF_DEFAULT if self.at.registry == DEFAULT_REGISTRY else self.at.registry

    def __str__(self) -> str:
        return str(self.ref) if self.at == self.ref else f"{self.ref} (asked for as {self.at})"


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
        self._dead: set[str] = set()  # mirrors that couldn't be reached, by host

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """Fetch a manifest or index by tag or digest, verified where the digest is known.

        Raises BundlerError: (NOT_FOUND) when the registry has none, (TRUST) when it wants another login,
        (NETWORK) when it can't be reached or fails, (INTEGRITY) when the bytes aren't those of the digest.
        """
        headers = {"Accept": ", ".join(MANIFEST_TYPES), "Accept-Encoding": "identity"}
        return self._somewhere(ref, lambda target, login: self._manifest(target, wanted, headers | login))

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """Fetch a config or layer into the store, going on after cuts, also those of earlier runs.

        on_bytes: told how many bytes just arrived, negative when they turned out to be useless.
        Raises BundlerError as `manifest` does, and (SPACE).
        """
        with store.partial(what.digest) as part:
            on_bytes(part.size)
            self.stream(ref, what, part, on_bytes)
            return part.commit(what.size, name=f"{ref} ({what.digest})")

    def stream(
        self, ref: Reference, what: Descriptor, sink: Sink, on_bytes: Callable[[int], None] = lambda _: None
    ) -> None:
        """Append to the sink what it lacks of a blob; whether that is right, the sink's owner looks.

        on_bytes and errors are those of `blob`.
        """
        self._somewhere(ref, lambda target, login: self._blob(target, what, sink, login, on_bytes))

    def referrers(self, ref: Reference, subject: Digest) -> bytes | None:
        """The image index of what refers to a manifest, None where the registry has no referrers API.

        Raises BundlerError as `manifest` does.
        """
        headers = {"Accept": OCI_INDEX, "Accept-Encoding": "identity"}
        try:
            return self._somewhere(ref, lambda target, login: self._listing(target, subject, headers | login))
        except BundlerError as error:
            if error.code is ExitCode.NOT_FOUND:
                return None
            raise

    def _listing(self, target: _Target, subject: Digest, headers: Mapping[str, str]) -> bytes:
        url = self._url(target, "referrers", str(subject))
        for attempt in retrying():
            with attempt:
                request = self._client.build_request("GET", url, headers=headers)
                with opened(self._client, request) as answer:
                    if answer.status_code != 200:
                        self._refused(target, "its referrers", answer, headers)
                    return _bounded(target, answer)
        raise AssertionError("retrying ends by returning or raising")

    def _somewhere(self, ref: Reference, work: Callable[[_Target, dict[str, str]], T]) -> T:
        """Do the work at the first mirror that can, else at the place itself."""
        *mirrors, own = self._targets(ref)
        failed: list[str] = []
        for target in mirrors:
            if target.host in self._dead:
                continue
            try:
                return self._authorised(target, partial(work, target))
            except BundlerError as error:
                if error.code not in _ELSEWHERE:
                    raise
                failed.append(f"{target.at.name}: {error.what}")
                if error.code is ExitCode.NETWORK:
                    self._dead.add(target.host)
        try:
            return self._authorised(own, partial(work, own))
        except BundlerError as error:
            if not failed:
                raise
            why = f"{error.why}; mirrors failed before: {'; '.join(failed)}"
            raise BundlerError(
                error.what, where=error.where, why=why, fix=error.fix, code=error.code
            ) from error

    def _targets(self, ref: Reference) -> tuple[_Target, ...]:
        targets = []
        for place in self._options.mirrors.places(ref):
            registry, _, repository = place.name.partition("/")
            at = replace(ref, registry=registry, repository=repository)
            targets.append(_Target(ref, at, place.insecure or registry in self._options.insecure))
        return tuple(targets)

    def _authorised(self, target: _Target, work: Callable[[dict[str, str]], T]) -> T:
        """Do the work with the login that the registry asks for; a token may run out on the way."""
        with _about(target):
            for _ in range(_LOGINS):
                login = self._tokens.header(target.at.registry, target.at.repository)
                try:
                    return work({"Authorization": login} if login else {})
                except _UnauthorisedError:
                    continue
        raise _denied(target, "it rejects the login")

    def _manifest(self, target: _Target, wanted: str, headers: Mapping[str, str]) -> RawManifest:
        url = self._url(target, "manifests", wanted)
        for attempt in retrying():
            with attempt:
                request = self._client.build_request("GET", url, headers=headers)
                with opened(self._client, request) as answer:
                    if answer.status_code != 200:
                        self._refused(target, "the image", answer, headers)
                    return _checked(target, wanted, answer)
        raise AssertionError("retrying ends by returning or raising")

    def _blob(
        self,
        target: _Target,
        what: Descriptor,
        sink: Sink,
        login: Mapping[str, str],
        on_bytes: Callable[[int], None],
    ) -> None:
        if sink.size == what.size:
            return  # an earlier run was stopped just before its end
        download(
            self._client,
            self._url(target, "blobs", str(what.digest)),
            sink,
            size=what.size,
            headers=login,
            on_bytes=on_bytes,
            on_status=lambda answer: self._refused(target, f"its blob {what.digest}", answer, login),
        )

    def _refused(self, target: _Target, what: str, answer: Answer, headers: Mapping[str, str]) -> NoReturn:
        """Raise what fits an answer that is no success."""
        own = answer.request.url.netloc.decode() == target.host
        if answer.status_code == 401 and own:  # behind a redirect, somebody else's challenge is not answered
            refused = headers.get("Authorization", "")
            self._tokens.renew(target.at.registry, target.at.repository, refused, answer)
            raise _UnauthorisedError
        raise_busy(answer)
        why = f"HTTP {answer.status_code} from {answer.request.url.host}{own_words(told_body(answer))}"
        if answer.status_code == 404:
            raise BundlerError(
                f"the registry doesn't have {what}",
                where=target,
                why=why,
                fix="check registry, repository and tag; log in if it is a private one",
                code=ExitCode.NOT_FOUND,
            )
        if answer.status_code in {401, 403}:
            raise _denied(target, why)
        raise BundlerError(
            f"the registry fails to give {what}",
            where=target,
            why=why,
            fix="try again; if it persists, ask the registry's administrator",
            code=ExitCode.NETWORK,
        )

    def _url(self, target: _Target, kind: str, wanted: str) -> str:
        scheme = "http" if target.insecure else "https"
        return f"{scheme}://{target.host}/v2/{target.at.repository}/{kind}/{wanted}"


@contextlib.contextmanager
def _about(target: _Target) -> Iterator[None]:
    """Let every error name the image; and nothing falls back to plain HTTP, so say how to ask for it."""
    try:
        with explained(target.host):
            yield
    except BundlerError as error:
        if error.where == target:
            raise
        fix = error.fix
        if error.code == ExitCode.NETWORK and "SSL" in error.why:
            fix = f"if this registry speaks plain HTTP only, say --insecure-registry {target.at.registry}"
        where = f"{target} ({error.where})"
        raise BundlerError(error.what, where=where, why=error.why, fix=fix, code=error.code) from error


def _checked(target: _Target, wanted: str, answer: Answer) -> RawManifest:
    """Read the body, bounded, and hold it against every digest that is known of it."""
    raw = _bounded(target, answer)
    found = Digest.of(raw)
    told = answer.headers.get("Docker-Content-Digest", "")
    for expected in (wanted if ":" in wanted else "", told if told.startswith("sha256:") else ""):
        if expected and expected != str(found):
            _wrong(target, f"expected {expected}, got {found}")
    return RawManifest(raw, found, answer.headers.get("Content-Type", ""))


def _bounded(target: _Target, answer: Answer) -> bytes:
    raw = b""
    for chunk in answer.iter_raw():
        raw += chunk
        if len(raw) > MAX_MANIFEST:
            _wrong(target, f"its manifest is larger than {MAX_MANIFEST} bytes")
    return raw


def told_body(answer: Answer) -> bytes:
    """The body of an error, or nothing where it is too long."""
    body = b""
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > MAX_MESSAGE:
            return b""
    return body


def _denied(target: _Target, why: str) -> BundlerError:
    return BundlerError(
        "the registry denies access",
        where=target,
        why=why,
        fix=f"log in with `skopeo login {target.at.registry}` or `docker login` as a user who may pull it",
        code=ExitCode.TRUST,
        id="BND-REGISTRY-LOGIN",
    )


def _wrong(target: _Target, why: str) -> NoReturn:
    raise BundlerError(
        "the registry's manifest is not what it should be",
        where=target,
        why=why,
        fix="the registry, or something on the way to it, is damaged or not trustworthy",
        code=ExitCode.INTEGRITY,
    )
