"""The bundle's index: everything a .run carries, with digest, size and place (docs/format.md).

The builder writes it, the installer reads it; the JSON form is canonical
(sorted keys, no white space), so equal contents give equal bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from bundler.core.digest import Digest

FORMAT = 1  # raised when an older reader could no longer read what we write


class AppKind(StrEnum):
    """How an app is launched; see docs/kubefile.md, APP."""

    HELM = "helm"  # Chart.yaml: `helm install`
    KUBE = "kube"  # YAML files only: `kubectl apply -f`
    SHELL = "shell"  # .sh files only: `bash FILE`
    COMMANDS = "commands"  # APPCMDS given


class AppRole(StrEnum):
    """Which instruction named the app; plug-ins are launched before apps."""

    CNI = "cni"
    CSI = "csi"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file of the archive.

    path: relative, `/`-separated, no `.`, `..` or empty parts; the tar name.
    size: bytes of the content; digest: sha256 of the content.
    offset, length: the zstd frame that holds exactly this content, in bytes from the archive's start.
    mode: permission bits.
    """

    path: str
    size: int
    digest: Digest
    mode: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Image:
    """One container image, in the OCI layout under `images/`.

    name: the full reference, registry included: `docker.io/library/nginx:1.27` or `…@sha256:…`.
    digest: of the manifest (or image index) that `name` means.
    manifests: every manifest reachable from it, itself first; blobs: configs and layers. All digests are
    members `images/blobs/sha256/<hex>`.
    """

    name: str
    digest: Digest
    media_type: str
    size: int
    manifests: tuple[Digest, ...]
    blobs: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class App:
    """One thing that LAUNCH can start.

    path: its folder among the members, `application/apps/<name>`.
    commands: from APPCMDS; each is an argv, run in the folder.
    """

    name: str
    kind: AppKind
    role: AppRole
    path: str
    commands: tuple[tuple[str, ...], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OsPackage:
    """One OS package; `path` is its member, in `packages/<suite>/`.

    suite: `debian:bookworm`; requested: named by PACKAGE, not pulled in as a dependency.
    """

    suite: str
    name: str
    version: str
    architecture: str
    path: str
    requested: bool


@dataclass(frozen=True, slots=True)
class Index:
    """The whole of a bundle.

    platform: `linux/amd64`. kubernetes: the version the bundle installs (`v1.20.2`), "" where it installs none.
    launch: app names in order; commands: raw CMDS lines; one of the two is empty.
    labels, env: from LABEL and ENV, FROM's included.
    """

    name: str
    version: str
    platform: str
    kubernetes: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    apps: tuple[App, ...]
    launch: tuple[str, ...]
    commands: tuple[str, ...]
    images: tuple[Image, ...]
    packages: tuple[OsPackage, ...]
    members: tuple[Member, ...]
    kube_versions: tuple[str, ...] = ()  # KUBEVERSION ranges, all of which must hold
    format: int = FORMAT

    def to_json(self) -> bytes:
        """The canonical bytes; what signatures are made over in the end."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"

    def member(self, path: str) -> Member | None:
        """The member with this path, if there is one."""
        return next((member for member in self.members if member.path == path), None)


def canonical(document: Any) -> bytes:  # noqa: ANN401  (any JSON value)
    """JSON bytes that are equal for equal documents."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
