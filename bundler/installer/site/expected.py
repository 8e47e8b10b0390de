"""What can be expected of one host and looked at: plain data, judged by plan/cluster/probes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileIs:
    """A file with this content. secret: its digest is compared, never shown nor kept."""

    path: str
    digest: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class FilesAre:
    """Files that were delivered, by path: digest and size; "" and 0 count as unknown.

    They are too large to be hashed each time: a host remembers what they arrived as, and shows their size.
    """

    files: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class UnitRuns:
    """A unit enabled and active. reads: digest of what it is to read; "" where that does not matter."""

    unit: str
    reads: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class SysctlsAre:
    """Kernel settings, by key as below /proc/sys."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PackagesAre:
    """OS packages that are installed, whichever version."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImagesAre:
    """Images that the runtime has."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlobsAre:
    """Blobs in the registry's store, by digest."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Journalled:
    """Nothing is left to look at: the journal's inputs and revision decide.

    follows: it happens again when a file that it comes after is written anew. app: it happens again with the
    start of this app. unit: it happens again with the start of a unit that it comes after.
    """

    follows: bool = False
    app: str = ""
    unit: bool = False


@dataclass(frozen=True, slots=True)
class AppRuns:
    """An app that the cluster shows as made of this content.

    kind, namespace: how its release is found where nobody noted it.
    """

    name: str
    content: str
    kind: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class NodesReady:
    """All these nodes are Ready."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodesCarry:
    """Nodes have these labels and taints, by name. Of a running cluster, each node is looked at by itself."""

    labels: Mapping[str, Mapping[str, str]]
    taints: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class UnitGone:
    """No such unit."""

    unit: str


Expected = (
    FileIs
    | FilesAre
    | UnitRuns
    | UnitGone
    | SysctlsAre
    | PackagesAre
    | ImagesAre
    | BlobsAre
    | Journalled
    | AppRuns
    | NodesReady
    | NodesCarry
)
