"""Probes of cluster-wide steps: plain data; `judge` (judge.py) looks, `assume` (assume.py) foresees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundler.installer.site.desired import Piece


@dataclass(frozen=True, slots=True)
class PieceIs:
    """A piece of a host is as expected."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class ControlPlaneIs:
    """Voter, node, role label, static pods, kubelet: all five.

    version, settings, lists: what it comes up with; only a forecast reads them.
    """

    address: str
    node: str
    version: str = ""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeIs:
    """A node of this name is there and Ready; settings and lists as above."""

    address: str
    node: str
    version: str = ""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left:
    """Neither node nor member; clean: the host itself is as found, which a dead one can't be."""

    address: str
    node: str
    clean: bool = True


@dataclass(frozen=True, slots=True)
class MemberGone:
    """No member of this id."""

    id: str


@dataclass(frozen=True, slots=True)
class MemberVotes:
    """The member of this id is a voter."""

    id: str


@dataclass(frozen=True, slots=True)
class Clean:
    """No trace of a cluster; removed: nor of us."""

    address: str
    removed: bool = True


@dataclass(frozen=True, slots=True)
class MarkedForRemoval:
    """The host knows that a `delete` has begun."""

    address: str


@dataclass(frozen=True, slots=True)
class RunsWith:
    """A component runs with this version and these settings; "" and empty: whichever.

    digest: of all its settings, as the journal notes it once they are rolled out here. unseen: settings that
    change and that no process shows, each with what it was and what it is to be; the journal alone tells.
    """

    address: str
    component: str
    version: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    digest: str = ""
    unseen: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ControlPlaneRuns:
    """Every part of Kubernetes' control plane on this host has this version (etcd has its own)."""

    address: str
    version: str


@dataclass(frozen=True, slots=True)
class KeptIs:
    """What a host runs this version with is kept, so that it can be put back."""

    address: str
    version: str


@dataclass(frozen=True, slots=True)
class ListIs:
    """A host's list (`endpoint`, `registries`, `way`) holds these."""

    address: str
    name: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeHas:
    """A node's labels and taints: those set, those absent; uncordoned: none of our cordons."""

    node: str
    labels: Mapping[str, str] = field(default_factory=dict)
    no_labels: frozenset[str] = frozenset()
    taints: frozenset[str] = frozenset()
    no_taints: frozenset[str] = frozenset()
    uncordoned: bool = False


@dataclass(frozen=True, slots=True)
class CertificatesLast:
    """Every certificate of the host (no CA) is good until then, and the API server's has these names.

    since: asked for by name at this moment, whatever is left of them; 0 for not asked.
    """

    address: str
    until: float
    names: frozenset[str] = frozenset()
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class ClockIs:
    """The host's clock is right."""

    address: str


@dataclass(frozen=True, slots=True)
class StoredIs:
    """The cluster's stored configuration has this digest."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class ReleaseIs:
    """An app runs as wanted; "" for one that is gone."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class ReleaseSettled:
    """An app's release is in no pending state."""

    name: str


@dataclass(frozen=True, slots=True)
class Once:
    """Serves only the steps behind it (a snapshot, a trial pull): done with them."""


HostProbe = (
    Clean | MarkedForRemoval | RunsWith | ControlPlaneRuns | KeptIs | ListIs | CertificatesLast | ClockIs
)
Probe = (
    HostProbe
    | PieceIs
    | ControlPlaneIs
    | NodeIs
    | Left
    | MemberGone
    | MemberVotes
    | NodeHas
    | StoredIs
    | ReleaseIs
    | ReleaseSettled
    | Once
)
