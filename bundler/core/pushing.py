"""Writing to a registry: what is asked, and what the answers mean (OCI distribution specification 1.1). Pure.

Both programs push, bundles or images. Each sends requests in its own way, with its own logins and patience;
what they say, which answers are fine, where content goes, and what is told of a refusal stands here once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MANIFEST_TYPES, OCI_INDEX

BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # it may be another answer a moment later
THERE: Final = frozenset({200, 307})  # some keep blobs elsewhere and point there
UNLIKED: Final = frozenset({400, 404, 422})  # a manifest that the registry doesn't take as it is
MAX_MESSAGE: Final = 64 << 10  # bytes of an error's body that are read


@dataclass(frozen=True, slots=True)
class Request:
    """Something to ask. accepted: statuses that are fine. headers: all but the login's."""

    method: str
    url: str
    accepted: frozenset[int]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What counts of an answer, "" where it doesn't say. subject: OCI-Subject, where it keeps referrers."""

    status: int
    location: str = ""
    digest: str = ""
    subject: str = ""

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str]) -> "Said":
        """headers: with names in lower case, or with case of no meaning."""
        names = ("location", "docker-content-digest", "oci-subject")
        return cls(status, *(headers.get(name, "") for name in names))

    @property
    def is_there(self) -> bool:
        """Whether what a HEAD asked for is there."""
        return self.status in THERE


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a registry. base: scheme and host, `https://harbor.example`; name: its path."""

    base: str
    name: str

    def manifest(self, wanted: str) -> Request:
        """What does a tag, or a digest, mean?"""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        return Request("HEAD", self._url(f"manifests/{wanted}"), THERE | {404}, headers)

    def listing(self, wanted: str) -> Request:
        """The image index under a tag."""
        headers = {"Accept": OCI_INDEX}
        return Request("GET", self._url(f"manifests/{wanted}"), frozenset({200, 404}), headers)

    def referrers(self, subject: Digest) -> Request:
        """The image index of what refers to a manifest; not 200 where a registry knows no such address."""
        headers = {"Accept": OCI_INDEX}
        accepted = frozenset({200, 400, 404, 405, 501})
        return Request("GET", self._url(f"referrers/{subject}"), accepted, headers)

    def blob(self, digest: Digest) -> Request:
        """Is this blob there?"""
        return Request("HEAD", self._url(f"blobs/{digest}"), THERE | {404})

    def begin(self) -> Request:
        """Begin an upload; `content` says how it goes on."""
        return Request("POST", self._url("blobs/uploads/"), frozenset({202}), {"Content-Length": "0"})

    def mount(self, digest: Digest, source: str) -> Request:
        """Have a blob of another repository: 201 when that is done, 202 when an upload was begun instead."""
        query = urlencode({"mount": str(digest), "from": source})
        url = self._url(f"blobs/uploads/?{query}")
        return Request("POST", url, frozenset({201, 202}), {"Content-Length": "0"})

    def content(self, begun: Said, digest: Digest, size: int) -> Request:
        """The whole content of a blob, to where the answer to `begin` points.

        Raises BundlerError (NETWORK) where that is over another protocol than the registry was asked over.
        """
        place = urljoin(self._url("blobs/uploads/"), begun.location)
        if urlsplit(place).scheme != urlsplit(self.base).scheme:
            raise BundlerError(
                "the registry wants the upload over another protocol",
                where=self.where,
                why=f"it was asked over {urlsplit(self.base).scheme} and wants the content at {place[:200]}",
                code=ExitCode.NETWORK,
                fix="ask the registry's administrator to correct the address it advertises",
            )
        url = place + ("&" if urlsplit(place).query else "?") + f"digest={quote(str(digest))}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return Request("PUT", url, frozenset({201}), headers)

    def cancel(self, begun: Said) -> Request | None:
        """End an upload that was begun and isn't wanted; None where it lies with another server."""
        place = urljoin(self._url("blobs/uploads/"), begun.location)
        return Request("DELETE", place, frozenset(range(200, 600))) if self.is_own(place) else None

    def put(self, wanted: str, media_type: str, *, unliked: bool = False) -> Request:
        """Let a tag or a digest mean a manifest. unliked: the registry may say that it doesn't take it."""
        accepted = frozenset({201}) | (UNLIKED if unliked else frozenset())
        return Request("PUT", self._url(f"manifests/{wanted}"), accepted, {"Content-Type": media_type})

    def is_own(self, url: str) -> bool:
        """Whether an address is the registry's own: a login goes nowhere else."""
        return urlsplit(url)[:2] == urlsplit(self.base)[:2]

    @property
    def where(self) -> str:
        """For messages."""
        return f"{urlsplit(self.base).netloc}/{self.name}"

    def _url(self, rest: str) -> str:
        return f"{self.base}/v2/{self.name}/{rest}"


def check_kept(sent: bytes, said: Said, where: object) -> None:
    """See that a manifest was taken for what it is. Raises BundlerError (INTEGRITY)."""
    if said.digest not in {"", str(Digest.of(sent))}:
        raise BundlerError(
            "the registry took the manifest for another one",
            where=where,
            why=f"sent {Digest.of(sent)}, it has {said.digest[:100]}",
            code=ExitCode.INTEGRITY,
            fix="make sure that nothing else is pushing it, and that the tag can be overwritten",
        )


def refusal(request: Request, status: int, body: bytes, *, where: object, login: str) -> BundlerError:
    """What to tell of an answer that isn't fine. login: how one logs in, for 401 and 403."""
    why = f"HTTP {status} from {urlsplit(request.url).hostname}{own_words(body)}"
    if status in {401, 403}:
        return BundlerError(
            "the registry denies access",
            where=where,
            why=why,
            code=ExitCode.TRUST,
            id="BND-REGISTRY-LOGIN",
            fix=login,
        )
    return BundlerError(
        "the registry rejects it",
        where=where,
        why=why,
        code=ExitCode.NETWORK,
        fix="check that the project (the first part of the path) exists and accepts such artifacts",
    )


def own_words(body: bytes) -> str:
    """What a registry says for itself in an error, as text for one line; "" where that can't be read."""
    try:
        errors = json.loads(body)["errors"]
        said = "; ".join(f"{error['code']}: {error.get('message', '')}" for error in errors[:3])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return ", which says: " + "".join(char for char in said[:300] if char.isprintable())
