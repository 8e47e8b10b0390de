"""Names of container images, as Docker, containerd and the Kubernetes manifests write them.

The grammar is that of the distribution project: an optional registry host with port, a repository path in
lower case, a tag, a digest. What Docker leaves out is filled in on parsing, so two spellings of one image
are equal: `nginx`, `docker.io/nginx` and `index.docker.io/library/nginx:latest` are the same `Reference`.
"""

import re
from dataclasses import dataclass
from typing import NoReturn, Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
MAX_NAME = 255  # characters of registry and repository together, a limit of the distribution project

_HOST_PART = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = re.compile(rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_PATH_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_BARE_DIGEST = re.compile(r"[0-9a-f]{64}")
_OTHER_NAMES_OF_DEFAULT = frozenset({"index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A complete image name; at least one of `tag` and `digest` is set.

    registry: host, with port where one was given: `docker.io`, `localhost:5000`.
    repository: the path in the registry: `library/nginx`.
    Where both are set, the digest decides what is fetched and the tag is only part of the name.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        if self.tag is None and self.digest is None:
            object.__setattr__(self, "tag", DEFAULT_TAG)
        _check(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name as people write it.

        Raises BundlerError (INPUT) that says what is wrong and what would be right.
        """
        rest, at, digest_text = text.partition("@")
        digest = _parse_digest(text, digest_text) if at else None
        name, tag = _split_tag(rest)
        if not name:
            _refuse(text, "the name is empty", "write [REGISTRY/]REPOSITORY[:TAG], for example quay.io/a/b:1")
        if _BARE_DIGEST.fullmatch(name):
            _refuse(text, "64 hex digits alone are an image id", "name the repository: REPOSITORY@sha256:…")
        registry, repository = _split_registry(name)
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest if there is one, else the tag."""
        return str(self.digest) if self.digest is not None else self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def _split_tag(text: str) -> tuple[str, str | None]:
    """`a:5000/b:1` → (`a:5000/b`, `1`): only a colon behind the last slash starts a tag."""
    head, slash, last = text.rpartition("/")
    base, colon, tag = last.partition(":")
    return head + slash + base, tag if colon else None


def _split_registry(name: str) -> tuple[str, str]:
    """A first part with a dot, a colon or capitals, or `localhost`, is a registry, as it is for Docker."""
    first, slash, rest = name.partition("/")
    looks_like_host = any(mark in first for mark in ".:[") or first == "localhost" or first != first.lower()
    registry, repository = (first, rest) if slash and looks_like_host else (DEFAULT_REGISTRY, name)
    if registry in _OTHER_NAMES_OF_DEFAULT:
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _parse_digest(text: str, digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except BundlerError:
        _refuse(text, f"{digest[:80]!r} is not a digest that is supported", "write @sha256:<64 hex digits>")


def _check(ref: Reference) -> None:
    text = str(ref)
    registry = _REGISTRY.fullmatch(ref.registry)
    if registry is None or int(registry["port"] or 0) > 65535:
        why = f"{ref.registry[:80]!r} is not a registry host"
        _refuse(text, why, "write HOST or HOST:PORT, without http://")
    for part in ref.repository.split("/"):
        _check_path_part(text, part)
    if len(ref.name) > MAX_NAME:
        _refuse(text, f"the name is longer than {MAX_NAME} characters", "shorten the repository's path")
    if ref.tag is not None and not _TAG.fullmatch(ref.tag):
        fix = "a tag is at most 128 letters, digits, `_`, `.` and `-`; the first is no `.` and no `-`"
        _refuse(text, f"{ref.tag[:140]!r} is not a tag", fix)


def _check_path_part(text: str, part: str) -> None:
    if _PATH_PART.fullmatch(part):
        return
    if not part:
        _refuse(text, "a part of the path is empty", "leave no slash too many")
    if _PATH_PART.fullmatch(part.lower()):
        why = f"{part[:80]!r} has capital letters, repositories have none"
        _refuse(text, why, f"write {part.lower()[:80]}")
    fix = "a path part is lower-case letters and digits, joined by `.`, `_`, `__` or `-`"
    _refuse(text, f"{part[:80]!r} can't stand in a repository's path", fix)


def _refuse(text: str, why: str, fix: str) -> NoReturn:
    raise BundlerError(f"not an image name: {text[:300]!r}", why=why, fix=fix, code=ExitCode.INPUT)
