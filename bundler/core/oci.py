"""Container image manifests: descriptors, media types, platforms, and a strict reader.

Follows the OCI image specification 1.1 and Docker's image manifest version 2, schema 2, which differ in media
types only. A manifest's raw bytes are kept beside what was read from them: its digest is over the bytes, so
they are never written anew. Everything read here comes from strangers and is checked and bounded.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

MANIFEST_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)  # what a registry is asked for
_INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
_IMAGE_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})
_SCHEMA_1 = re.compile(r"application/vnd\.docker\.distribution\.manifest\.v1(\+|$)")
_LAYER = re.compile(
    r"application/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?"
    r"|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)"
)
_WORD = re.compile(r"[A-Za-z0-9_.+-]{0,100}")  # of a platform; they are shown to people
_ELSEWHERE = re.compile(r"nondistributable|foreign")

MAX_MANIFEST = 4 << 20  # bytes; registries need not take more
MAX_CONFIG = 16 << 20  # bytes; real ones are some tens of KiB
MAX_LAYERS = 4096
MAX_PLATFORMS = 4096
MAX_BLOB = 1 << 44  # bytes, 16 TiB: a larger size is a lie

_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_USUAL_VARIANT = {"arm64": "v8", "arm": "v7", "amd64": "v1"}  # meant where none is written


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """What an image runs on, in the words of the Go tool chain: `linux`, `arm`, `v7`."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `linux/amd64` or `linux/arm/v7`. Raises BundlerError (USAGE)."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(re.fullmatch(r"[a-z0-9_.-]+", part) for part in parts):
            raise BundlerError(
                f"not a platform: {text[:80]!r}",
                code=ExitCode.USAGE,
                fix="write OS/ARCHITECTURE, for example linux/amd64 or linux/arm64",
            )
        return cls(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), *parts[2:])

    def runs(self, image: "Platform") -> bool:
        """Whether an image for `image` is one for this platform; a variant left out is the usual one."""
        return self.usual == image.usual

    @property
    def usual(self) -> "Platform":
        """The same platform with its variant written out."""
        return replace(self, variant=self.variant or _USUAL_VARIANT.get(self.architecture, ""))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


AMD64: Final = Platform("linux", "amd64")
ARM64: Final = Platform("linux", "arm64")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points to content: what it is, its digest, its size in bytes. `platform` is set in indexes only."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()

    def annotation(self, key: str) -> str:
        """The annotation's value, "" where there is none."""
        return dict(self.annotations).get(key, "")

    def to_json(self) -> dict[str, Any]:
        """The form it has in manifests, without platform."""
        plain = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        return {**plain, "annotations": dict(self.annotations)} if self.annotations else plain


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image for one platform; `layers` from the lowest up."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def descriptor(self) -> Descriptor:
        """What points to this manifest."""
        return Descriptor(self.media_type, Digest.of(self.raw), len(self.raw))


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something in a registry that is no container image: a chart, a signature, an SBOM.

    kind: its artifactType, or the media type of its config where it has none. subject: what it is about.
    """

    raw: bytes
    media_type: str
    kind: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def descriptor(self) -> Descriptor:
        """What points to this manifest."""
        return Descriptor(self.media_type, Digest.of(self.raw), len(self.raw))


@dataclass(frozen=True, slots=True)
class ManifestIndex:
    """A list of manifests, one or several for each platform (an image index, or Docker's manifest list)."""

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]

    @property
    def descriptor(self) -> Descriptor:
        """What points to this index."""
        return Descriptor(self.media_type, Digest.of(self.raw), len(self.raw))

    def choose(self, platform: Platform) -> Descriptor | None:
        """The first manifest for the platform; attestations, which are for none, never."""
        return next((d for d in self.manifests if d.platform is not None and platform.runs(d.platform)), None)

    @property
    def inner(self) -> tuple[Descriptor, ...]:
        """Further indexes in this one."""
        return tuple(one for one in self.manifests if one.media_type in _INDEX_TYPES)

    @property
    def unlabelled(self) -> tuple[Descriptor, ...]:
        """Manifests of images of which it doesn't say for which platform they are."""
        return tuple(one for one in self.manifests if one.platform is None and one.media_type in _IMAGE_TYPES)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What there is to choose from, for messages."""
        known = {d.platform for d in self.manifests if d.platform is not None}
        return tuple(sorted(p for p in known if p.os != "unknown"))


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The part of an image's config that matters here; `diff_ids` are the digests of the unpacked layers."""

    platform: Platform
    diff_ids: tuple[Digest, ...]


def parse_manifest(raw: bytes, media_type: str, where: object) -> Manifest | ManifestIndex:
    """Read a manifest or index of either family.

    media_type: what the server or the descriptor says it is, "" where nobody says. where: stands in messages.
    Raises BundlerError: (UNSUPPORTED) for Docker's schema 1, foreign layers and things that aren't container
    images, (INTEGRITY) for what isn't a well-formed manifest or contradicts itself.
    """
    document = _load(raw, where)
    kind = _kind(document, media_type.partition(";")[0].strip(), where)
    if kind in _INDEX_TYPES:
        return _index(raw, kind, document, where)
    config = _descriptor(document.get("config"), where)
    if config.media_type == HELM_CONFIG:
        fix = f"bring it as an app: APP NAME oci://{where}"
        _unsupported(where, "it is a Helm chart, no container image", fix)
    if config.media_type not in _CONFIG_TYPES:
        _unsupported(where, f"it is no container image, but {config.media_type[:120]!r}")
    layers = tuple(_descriptor(e, where) for e in _entries(document, "layers", MAX_LAYERS, where))
    for layer in layers:
        _check_layer(layer, where)
    return Manifest(raw, kind, config, layers)


def parse_artifact(raw: bytes, media_type: str, where: object) -> Artifact:
    """Read the manifest of something that needn't be a container image; its layers may be of any type.

    Arguments and errors are those of `parse_manifest`; an index is UNSUPPORTED.
    """
    found = parse_any(raw, media_type, where)
    if isinstance(found, ManifestIndex):
        _unsupported(where, "it is an index, where one artifact was expected")
    return found


def parse_any(raw: bytes, media_type: str, where: object) -> Artifact | ManifestIndex:
    """Read an index, or the manifest of whatever it is. Arguments and errors as those of `parse_manifest`."""
    document = _load(raw, where)
    kind = _kind(document, media_type.partition(";")[0].strip(), where)
    if kind in _INDEX_TYPES:
        return _index(raw, kind, document, where)
    config = _descriptor(document.get("config"), where)
    layers = tuple(_descriptor(e, where) for e in _entries(document, "layers", MAX_LAYERS, where))
    told, subject = document.get("artifactType"), document.get("subject")
    return Artifact(
        raw=raw,
        media_type=kind,
        kind=told if isinstance(told, str) and told else config.media_type,
        config=config,
        layers=layers,
        subject=None if subject is None else _descriptor(subject, where),
        annotations=_annotations(document.get("annotations"), where),
    )


def parse_config(raw: bytes, where: object) -> ImageConfig:
    """Read an image's config. Raises BundlerError (INTEGRITY)."""
    document = _load(raw, where)
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) > MAX_LAYERS:
        _broken(where, "its config has no well-formed list of layers (rootfs.diff_ids)")
    return ImageConfig(_platform(document, where), tuple(_digest(d, where) for d in diff_ids))


def _index(raw: bytes, kind: str, document: Mapping[str, Any], where: object) -> ManifestIndex:
    entries = _entries(document, "manifests", MAX_PLATFORMS, where)
    return ManifestIndex(raw, kind, tuple(_descriptor(entry, where) for entry in entries))


def _load(raw: bytes, where: object) -> dict[str, Any]:
    try:
        document = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        _broken(where, f"it is not JSON: {error}")
    if not isinstance(document, dict):
        _broken(where, "it is no JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could see two different images where a key occurs twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _kind(document: Mapping[str, Any], told: str, where: object) -> str:
    """The media type; what the document says of itself may not contradict what was told, or its own shape."""
    own = document.get("mediaType", "")
    if document.get("schemaVersion") == 1 or _SCHEMA_1.match(told):
        _unsupported(where, "it is in Docker's manifest format schema 1, which nothing writes any more")
    if document.get("schemaVersion") != 2 or not isinstance(own, str):
        _broken(where, "it is no manifest: schemaVersion is not 2")
    known = _INDEX_TYPES | _IMAGE_TYPES
    if own and told in known and own != told:
        _broken(where, f"it was announced as {told}, but says it is {own[:120]!r}")
    kind = told if told in known else own or _guess(document)
    if kind not in known:
        _unsupported(where, f"its media type is {kind[:120]!r}")
    odd = {"layers", "config"} if kind in _INDEX_TYPES else {"manifests"}
    if both := odd & document.keys():
        _broken(where, f"it is of type {kind}, but has {' and '.join(sorted(both))}")
    return kind


def _guess(document: Mapping[str, Any]) -> str:
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _entries(document: Mapping[str, Any], key: str, limit: int, where: object) -> Sequence[Any]:
    entries = document.get(key)
    if not isinstance(entries, list):
        _broken(where, f"it has no list of {key}")
    if len(entries) > limit:
        _broken(where, f"it has {len(entries)} {key}, more than the {limit} that are allowed")
    return entries


def _descriptor(entry: object, where: object) -> Descriptor:
    if not isinstance(entry, dict):
        _broken(where, "a descriptor is no JSON object")
    media_type, size = entry.get("mediaType"), entry.get("size")
    if not isinstance(media_type, str):
        _broken(where, "a descriptor has no mediaType")
    if type(size) is not int or not 0 <= size <= MAX_BLOB:
        _broken(where, f"a descriptor's size is {str(size)[:40]}")
    digest = _digest(entry.get("digest"), where)
    platform = _entry_platform(entry.get("platform"), where)
    return Descriptor(media_type, digest, size, platform, _annotations(entry.get("annotations"), where))


def _entry_platform(value: object, where: object) -> Platform | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        _broken(where, "a descriptor's platform is no JSON object")
    return _platform(value, where)


def _platform(fields: Mapping[str, Any], where: object) -> Platform:
    system, architecture, variant = (fields.get(key, "") for key in ("os", "architecture", "variant"))
    if not all(isinstance(text, str) and _WORD.fullmatch(text) for text in (system, architecture, variant)):
        _broken(where, "its platform is not well-formed")
    return Platform(system, _ARCHITECTURES.get(architecture, architecture), variant)


def _annotations(value: object, where: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        _broken(where, "its annotations, or those of a descriptor, are malformed")
    return tuple(sorted(value.items()))


def _digest(value: object, where: object) -> Digest:
    try:
        return Digest.parse(value if isinstance(value, str) else "")
    except BundlerError:
        _broken(where, f"{str(value)[:80]!r} is not a sha256 digest")


def _check_layer(layer: Descriptor, where: object) -> None:
    if _ELSEWHERE.search(layer.media_type):
        _unsupported(
            where, f"layer {layer.digest} may not be passed on by registries ({layer.media_type[:120]!r})"
        )
    if not _LAYER.fullmatch(layer.media_type):
        _unsupported(where, f"layer {layer.digest} is of type {layer.media_type[:120]!r}")


def _broken(where: object, why: str) -> NoReturn:
    fix = "the registry or the archive is damaged or not trustworthy; fetch the image again from its origin"
    raise BundlerError("not a valid image", where=where, why=why, fix=fix, code=ExitCode.INTEGRITY)


def _unsupported(
    where: object,
    why: str,
    fix: str = "use an image that is built for Linux with OCI or Docker schema 2 manifests",
) -> NoReturn:
    raise BundlerError(
        "the image is of a kind that can't be bundled",
        where=where,
        why=why,
        fix=fix,
        code=ExitCode.UNSUPPORTED,
    )
