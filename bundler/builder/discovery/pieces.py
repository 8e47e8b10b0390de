"""Names that stand in pieces: registry, repository, tag and digest under keys of their own. Pure.

The last words of a key say which piece it is (`DB_REPO_URL`, `trivy.repository`, `proxyImage`), those before
them whose: pieces with the same beginning belong together.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bundler.builder.discovery.names import called_image, is_bare, is_full

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_REGISTRY, _REPOSITORY, _IMAGE, _TAG, _VERSION, _DIGEST = (
    "registry",
    "repository",
    "image",
    "tag",
    "version",
    "digest",
)
_ROLES = {  # the last words of a key; more words count more
    ("registry",): _REGISTRY,
    ("hub",): _REGISTRY,
    ("image", "hub"): _REGISTRY,
    ("image", "registry"): _REGISTRY,
    ("registry", "url"): _REGISTRY,
    ("repo", "url"): _REGISTRY,
    ("repository",): _REPOSITORY,
    ("repo",): _REPOSITORY,
    ("image", "repository"): _REPOSITORY,
    ("image", "repo"): _REPOSITORY,
    ("image",): _IMAGE,
    ("image", "name"): _IMAGE,
    ("base", "image"): _IMAGE,
    ("tag",): _TAG,
    ("image", "tag"): _TAG,
    ("version",): _VERSION,
    ("image", "version"): _VERSION,
    ("digest",): _DIGEST,
    ("sha",): _DIGEST,
    ("image", "sha"): _DIGEST,
    ("image", "digest"): _DIGEST,
}
_PATH = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+(?=/))?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAGGED = re.compile(r"[a-z0-9._/-]+(?::[0-9]+/[a-z0-9._/-]+)?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TAG_TEXT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST_TEXT = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Piece:
    """A name put together; key: where its main part stands. sure: it surely is an image."""

    key: str
    name: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Above:
    """What a mapping further up says for all below it: Istio's `hub` and `tag`, a common registry."""

    registry: str = ""
    tag: str = ""

    def with_those_of(self, values: Mapping[str, str]) -> "Above":
        """With what this mapping says itself."""
        registry = next((values[key] for key in ("hub", "registry", "imageRegistry") if values.get(key)), "")
        return Above(registry or self.registry, values.get("tag") or (self.tag if not registry else ""))


@dataclass(slots=True)
class _Group:
    """The pieces with one beginning, by role: key and text."""

    parts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def text(self, role: str) -> str:
        return self.parts.get(role, ("", ""))[1]

    def key(self, *roles: str) -> str:
        return next((self.parts[role][0] for role in roles if role in self.parts), "")


_NOTHING_ABOVE = Above()


def pieces_in(values: Mapping[str, str], parent: str = "", above: Above = _NOTHING_ABOVE) -> Iterator[Piece]:
    """The names that the texts of one mapping make; parent: the key that it lies under."""
    called = called_image(parent)
    for group in _groups(values, named=called).values():
        if piece := _joined(group, above, called=called):
            yield piece
        if other := _other_reading(group, above):
            yield other


def _groups(values: Mapping[str, str], *, named: bool) -> dict[tuple[str, ...], _Group]:
    groups: dict[tuple[str, ...], _Group] = {}
    for key, text in values.items():
        role, beginning = _role(key)
        if not role and named and key == "name":
            role, beginning = _IMAGE, ()
        if role and text:
            groups.setdefault(beginning, _Group()).parts.setdefault(role, (key, text.strip()))
    return groups


def _role(key: str) -> tuple[str, tuple[str, ...]]:
    words = tuple(word.lower() for word in _WORD.findall(key))
    for count in (2, 1):
        role = _ROLES.get(words[-count:]) if len(words) >= count else None
        if role:
            return role, words[:-count]
    return "", ()


def _joined(group: _Group, above: Above, *, called: bool) -> Piece | None:
    key = group.key(_REPOSITORY, _IMAGE)
    base, whole = _base(group, above)
    if not key or not base:
        return None
    called = called or called_image(key)
    if whole:
        return Piece(key, base, sure=called) if is_full(base) else None
    tag = group.text(_TAG) or group.text(_VERSION)
    inherited = not tag and above.tag != "" and group.text(_REPOSITORY) == ""
    name = base + _end(tag or (above.tag if inherited else ""), group.text(_DIGEST))
    doubtful = group.text(_REPOSITORY) != "" and group.text(_IMAGE) != ""
    explicit = bool(group.text(_TAG) or group.text(_DIGEST)) and not doubtful
    if is_full(name):
        return Piece(key, name, sure=explicit)
    if name != base and "/" in base and (called or (group.text(_REPOSITORY) and group.text(_TAG))):
        return Piece(key, name, sure=called and explicit)
    alone = len(group.parts) == 1 and not called
    return Piece(key, name, sure=False) if name == base and is_bare(base) and not alone else None


def _other_reading(group: _Group, above: Above) -> Piece | None:
    """A repository and its tag beside an image that is whole itself: two names, not one in pieces."""
    if not _has_registry(group.text(_IMAGE)) or "/" not in group.text(_REPOSITORY) or not group.text(_TAG):
        return None
    alone = _Group({role: part for role, part in group.parts.items() if role != _IMAGE})
    found = _joined(alone, above, called=True)
    return Piece(found.key, found.name, sure=False) if found else None


def _base(group: _Group, above: Above) -> tuple[str, bool]:
    """The name without its end, and whether it has its end already."""
    repository, image = group.text(_REPOSITORY).rstrip("/"), group.text(_IMAGE)
    registry = group.text(_REGISTRY).rstrip("/")
    base = "/".join(part for part in (repository, image) if part)
    if repository and (image == repository or _has_registry(image)):
        base = image
    if _TAGGED.fullmatch(base) and not _has_registry(base) and registry:
        return f"{registry}/{base}", True
    if not _PATH.fullmatch(base):
        return "", False
    if _has_registry(base):
        return base, False
    prefix = registry or (above.registry.rstrip("/") if not repository or _is_host(above.registry) else "")
    return (f"{prefix}/{base}" if prefix and _PATH.fullmatch(prefix) else base), False


def is_piece(key: str) -> bool:
    """Whether a key names a piece of a name."""
    return _role(key)[0] != ""


def _is_host(text: str) -> bool:
    return "." in text and "/" not in text


def _has_registry(text: str) -> bool:
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _end(tag: str, digest: str) -> str:
    found = _DIGEST_TEXT.fullmatch(digest)
    end = f":{tag}" if _TAG_TEXT.fullmatch(tag) else ""
    return end + (f"@sha256:{found[1]}" if found else "")
