"""The manifest of a .run in a registry: an OCI image manifest (image specification 1.1) with an artifactType.

Its config is the empty one, its layers are the file's parts in order. The annotations tell the product's
name, version and platform, and the sha256 of the whole file with its signature. The .runs of several
platforms have one name by an image index that lists their manifests.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, Self

from bundler.core.archive.platforms import platforms_of
from bundler.core.archive.seal import Seal
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical
from bundler.core.oci import (
    MAX_BLOB,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    ManifestIndex,
    Platform,
    parse_artifact,
)

ARTIFACT: Final = "application/vnd.bundler.run.v1"
PART: Final = "application/vnd.bundler.run.part.v1"
EMPTY: Final = b"{}"
EMPTY_CONFIG: Final = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(EMPTY), len(EMPTY))

_TITLE: Final = "org.opencontainers.image.title"
_VERSION: Final = "org.opencontainers.image.version"
_PLATFORM: Final = "vnd.bundler.run.platform"
_DIGEST: Final = "vnd.bundler.run.digest"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_WORD: Final = re.compile(r"[!-~]{1,200}")


class PartSizes(Protocol):
    """Where the content of parts comes from."""

    def chunks(self, part: Descriptor) -> Iterator[bytes]:
        """A part's content, verified. Raises BundlerError (INTEGRITY, NOT_FOUND)."""


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """A .run in parts.

    raw: the manifest. platform: `linux/amd64`, several with commas. digest: of the file that the parts make,
    one behind another.
    """

    raw: bytes
    name: str
    version: str
    platform: str
    digest: Digest
    parts: tuple[Descriptor, ...]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return sum(part.size for part in self.parts)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The parts, each once."""
        return tuple({part.digest: part for part in self.parts}.values())

    @property
    def descriptor(self) -> Descriptor:
        """What points to the manifest."""
        return Descriptor(OCI_MANIFEST, Digest.of(self.raw), len(self.raw))

    @classmethod
    def of(cls, seal: Seal, digest: Digest, parts: tuple[Descriptor, ...]) -> Self:
        """The artifact of a file; the same file always has the same manifest."""
        platforms = ",".join(platforms_of(seal))
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": ARTIFACT,
            "config": EMPTY_CONFIG.to_json(),
            "layers": [part.to_json() for part in parts],
            "annotations": {
                _TITLE: seal.name,
                _VERSION: seal.version,
                _PLATFORM: platforms,
                _DIGEST: str(digest),
            },
        }
        return cls(canonical(document), seal.name, seal.version, platforms, digest, parts)

    @classmethod
    def parse(cls, raw: bytes, media_type: str, where: object) -> Self:
        """Read a manifest that a stranger gave; `where` stands in messages.

        Raises BundlerError: UNSUPPORTED for what is no bundle, INTEGRITY for what is no well-formed one.
        """
        if len(raw) > MAX_MANIFEST:
            _refuse(where, f"its manifest has more than {MAX_MANIFEST} bytes")
        found = parse_artifact(raw, media_type, where)
        if found.kind != ARTIFACT:
            raise BundlerError(
                "there is something else than a bundle under this name",
                where=where,
                why=f"it is {found.kind[:120]!r}, not {ARTIFACT!r}",
                code=ExitCode.UNSUPPORTED,
                fix="check the name; images are for `docker pull`, and for `IMAGE` in a Kubefile",
            )
        notes = dict(found.annotations)
        try:
            digest = Digest.parse(notes.get(_DIGEST, ""))
        except BundlerError:
            _refuse(where, f"it has no annotation {_DIGEST} with the file's sha256")
        if sum(part.size for part in found.layers) > MAX_BLOB:
            _refuse(where, "it would be larger than any file")
        name, version, platform = (notes.get(key, "") for key in (_TITLE, _VERSION, _PLATFORM))
        if not _NAME.fullmatch(name) or not all(_WORD.fullmatch(word) for word in (version, platform)):
            _refuse(where, "its name, version or platform is malformed")
        return cls(raw, name, version, platform, digest, found.layers)


def index_of(artifacts: Iterable[RunArtifact]) -> bytes:
    """The image index of bundles for several platforms; the same bundles give the same bytes.

    Raises BundlerError (USAGE) where two are for one platform.
    """
    entries: dict[Platform, dict[str, Any]] = {}
    told = ((word, artifact) for artifact in artifacts for word in artifact.platform.split(","))
    for word, artifact in told:
        platform = Platform.parse(word)
        if platform in entries:
            raise BundlerError(
                f"two of the bundles are for {platform}",
                code=ExitCode.USAGE,
                fix="give them different names, or leave one out",
            )
        words = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        about = {key: value for key, value in words.items() if value}
        entries[platform] = {**artifact.descriptor.to_json(), "artifactType": ARTIFACT, "platform": about}
    listed = [entries[platform] for platform in sorted(entries)]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "artifactType": ARTIFACT, "manifests": listed}
    return canonical(document)


def chosen(index: ManifestIndex, platform: Platform | None, where: object) -> Descriptor:
    """The entry of an index for a platform; None: its only one. Raises BundlerError (NOT_FOUND, USAGE)."""
    offered = ", ".join(map(str, index.platforms)) or "nothing that names its platform"
    if platform is not None:
        if (found := index.choose(platform)) is None:
            raise BundlerError(
                f"there is no bundle for {platform}",
                where=where,
                why=f"it is offered for {offered}",
                code=ExitCode.NOT_FOUND,
                fix="name another --platform, or push one for this platform",
            )
        return found
    if len(index.manifests) != 1:
        raise BundlerError(
            "it isn't clear for which platform",
            where=where,
            why=f"it is offered for {offered}",
            code=ExitCode.USAGE,
            fix="add --platform OS/ARCH",
        )
    return index.manifests[0]


def _refuse(where: object, why: str) -> NoReturn:
    raise BundlerError(
        "this is not a whole bundle",
        where=where,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="push it again from the .run that it was made of",
    )
