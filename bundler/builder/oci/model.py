"""What is asked for and what comes of it: requests, sources and resolved images, plain data."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bundler.core.errors import BundlerError, ExitCode, Location
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference


class Transport(StrEnum):
    """Where a local image lies, in the words of containers-transports(5)."""

    DOCKER_ARCHIVE = "docker-archive"  # a tar as `docker save` writes it
    OCI_ARCHIVE = "oci-archive"  # an OCI layout in a tar
    OCI = "oci"  # an OCI layout in a folder
    DOCKER_DAEMON = "docker-daemon"  # the Docker on this machine


@dataclass(frozen=True, slots=True)
class LocalSource:
    """Images in a file or folder of this machine; `wanted` chooses one of them, "" takes all.

    For docker-daemon the path is empty and `wanted` the image.
    """

    transport: Transport
    path: Path
    wanted: str = ""

    def __str__(self) -> str:
        path = "" if self.path == Path() else str(self.path)
        return ":".join(part for part in (self.transport, path, self.wanted) if part)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One image, or the images of one archive, that the bundle needs.

    why: who asks, for a person: "Kubefile:12", "Deployment/web in chart shop". location: where, for messages.
    signatures: with what its registry keeps beside it (signatures, attestations, SBOMs).
    """

    source: Reference | LocalSource
    why: tuple[str, ...] = ()
    location: Location | None = None
    signatures: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is kept beside an image under a tag of its repository: a signature, an SBOM, a list of such.

    root: what the tag means; manifests: it and those that it lists; blobs: all of theirs, in the store.
    """

    tag: str
    root: Descriptor
    manifests: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """One image for one platform, all of whose parts lie in the store.

    root: what the name means: the manifest; or the index that it was pinned to by digest.
    manifests: all that the site's registry must serve, `root` first. blobs: the config, then the layers.
    top: digest of what the name led to, before a platform was chosen: of an index, mostly; "" where it has
    none of its own. local: it came out of a file, not from a registry. signatures: what its registry keeps
    beside it was asked for; attached: what there was.
    """

    reference: Reference
    root: Descriptor
    manifests: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]
    why: tuple[str, ...] = ()
    top: str = ""
    local: bool = False
    attached: tuple[Attachment, ...] = ()
    signatures: bool = False

    @property
    def name(self) -> str:
        """The full name that pods ask for."""
        return str(self.reference)

    @property
    def size(self) -> int:
        """Bytes of everything, what it shares with other images included."""
        return sum(part.size for part in (*self.manifests, *self.blobs))


class PullProgress(Protocol):
    """Told how transfers go, from several threads."""

    def expect(self, count: int, size: int) -> None:
        """That many more transfers with that many bytes in all will come."""

    def begin(self, name: str, size: int) -> None:
        """A transfer of `size` bytes starts."""

    def advance(self, name: str, count: int) -> None:
        """So many bytes came in; a negative number takes back."""

    def end(self, name: str) -> None:
        """The transfer is over, well or not."""


class Silent:
    """A Progress without listeners."""

    def expect(self, count: int, size: int) -> None:
        """Say nothing."""

    def begin(self, name: str, size: int) -> None:
        """Say nothing."""

    def advance(self, name: str, count: int) -> None:
        """Say nothing."""

    def end(self, name: str) -> None:
        """Say nothing."""


def parse_source(text: str, base: Path) -> Reference | LocalSource:
    """Read the argument of IMAGE: `nginx:1.27`, `docker://nginx:1.27` or `oci-archive:PATH[:REF]`.

    base: what relative paths are relative to. A path ends at its first colon, as it does for skopeo.
    Raises BundlerError (INPUT) for what is neither, (UNSUPPORTED) for skopeo's other transports.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == Transport.DOCKER_DAEMON and colon:
        return LocalSource(Transport.DOCKER_DAEMON, Path(), str(Reference.parse(rest)))
    if colon and scheme in {"containers-storage", "dir", "ostree", "tarball", "sif"}:
        raise BundlerError(
            f"images can't be taken from {scheme}: yet",
            where=text,
            fix=f"write an archive first: skopeo copy {text} oci-archive:image.tar:NAME",
            code=ExitCode.UNSUPPORTED,
        )
    if not colon or scheme not in {kind.value for kind in Transport}:
        return Reference.parse(text.removeprefix("docker://"))
    path, _, wanted = rest.partition(":")
    if not path:
        fix = f"write {scheme}:PATH or {scheme}:PATH:NAME"
        raise BundlerError("a path is missing", where=text, fix=fix, code=ExitCode.INPUT)
    return LocalSource(Transport(scheme), base / path, wanted)
