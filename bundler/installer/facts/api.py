"""The cluster as its API describes it: nodes, stored configuration, releases, the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from bundler.installer.facts.seen import Absent, Seen
from bundler.installer.site.record import Record


class Cordon(StrEnum):
    """Who keeps pods off a node. OURS carries our annotation; MAINTENANCE lasts until `--done`."""

    NONE = "none"
    OURS = "ours"
    MAINTENANCE = "maintenance"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Node:
    """A node's object. version: its kubelet's. why: what the kubelet says where it is not Ready."""

    name: str
    address: str
    control_plane: bool = False
    ready: bool = True
    version: str = ""
    machine_id: str = ""
    cordon: Cordon = Cordon.NONE
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: frozenset[str] = frozenset()
    why: str = ""


class Owner(StrEnum):
    """What recreates a pod, which decides what a drain does to it."""

    CONTROLLER = "controller"
    DAEMON = "daemon"
    STATIC = "static"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that a drain would meet. budget: the disruption budget that covers it, "" for none."""

    name: str  # namespace/name
    node: str
    owner: Owner = Owner.CONTROLLER
    scratch: bool = False  # has an emptyDir, whose content goes with the pod
    bound: bool = False  # has a volume that only this node has
    budget: str = ""
    allowed: int = 1  # disruptions that the budget allows now


@dataclass(frozen=True, slots=True)
class Budget:
    """A disruption budget. pods: that it covers; healthy: how many of them it wants healthy."""

    name: str  # namespace/name
    pods: int
    healthy: int

    @property
    def allows_none(self) -> bool:
        """Whether no drain ever gets past it: it wants all its pods healthy."""
        return 0 < self.pods <= self.healthy


@dataclass(frozen=True, slots=True)
class Release:
    """A running app, or a release of somebody else's. digest: of what it was made from, values included.

    status: Helm's word, "" for one that Helm does not know any more. missing and changed: its objects.
    product: whose it is, "" for nobody's that we know. kind, role: as the bundle has them. noted: the
    revision that we made.
    """

    name: str
    digest: str
    status: str = "deployed"
    revision: int = 1
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    namespace: str = ""
    chart: str = ""
    version: str = ""
    product: str = ""
    kind: str = ""
    role: str = ""
    noted: int = 0

    @property
    def by_hand(self) -> bool:
        """Whether somebody else has made a revision since ours."""
        return self.revision > self.noted > 0

    @property
    def pending(self) -> bool:
        """Whether Helm was killed in the middle of it."""
        return self.status.startswith("pending-")


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class ApiObservation:
    """What the API says. stored: digests of kubeadm-config, kubelet-config and Corefile by name."""

    uid: str
    name: str = ""  # clusterName of kubeadm-config
    nodes: tuple[Node, ...] = ()
    stored: Mapping[str, str] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    budgets: tuple[Budget, ...] = ()
    record: Seen[Record] = field(default_factory=Absent)

    def node(self, name: str) -> Node | None:
        """The node with this name."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in reversed(self.nodes)}
