"""What every concern shares: desired, observed, record, and the answers that follow from the three."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from statistics import median

from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.facts.api import ApiObservation, Node
from bundler.installer.facts.etcd import EtcdObservation
from bundler.installer.facts.observed import HostObservation, Observed
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.site.desired import Desired, DesiredHost, Piece
from bundler.installer.site.model import Role
from bundler.installer.site.quorum import majority
from bundler.installer.site.record import SCHEMA, HostState, Record, RecordedHost


class Existence(StrEnum):
    """Whether the site has a cluster. Only ABSENT allows an `init`."""

    ABSENT = "absent"  # proven: everybody who must know answered
    UNFINISHED = "unfinished"  # our own `init` was interrupted; there never was a member
    RUNNING = "running"  # the API answers
    DOWN = "down"  # it is here, with the data of a majority, and does not answer
    LOST = "lost"  # there was one; a majority of its data is not here any more
    SILENT = "silent"  # there is one, and a majority of its control planes does not answer
    REMOVING = "removing"  # a `delete` was broken off
    FOREIGN = "foreign"  # somebody else's
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class View:
    """One moment of a site, seen by the planner.

    whole: in a forecast, hosts whose pieces the stages before have left as they are to be.
    """

    desired: Desired
    observed: Observed
    operation: Operation
    known: Record | None = None
    whole: frozenset[str] = frozenset()

    @cached_property
    def record(self) -> Record | None:
        """The record with the highest generation of all that were found; `known` is that one, moved on."""
        if self.known is not None:
            return self.known
        seen = [value_of(host.record) for host in self.answering]
        seen.append(value_of(self.api.record) if self.api else None)
        return max((record for record in seen if record), key=lambda record: record.age, default=None)

    @cached_property
    def strange_records(self) -> tuple[str, ...]:
        """Hosts whose record was written by a later bundler than this one."""
        found = ((host.address, value_of(host.record)) for host in self.answering)
        return tuple(address for address, record in found if record and record.schema > SCHEMA)

    @cached_property
    def api(self) -> ApiObservation | None:
        """What the API says, where it answers."""
        return value_of(self.observed.api)

    @cached_property
    def etcd(self) -> EtcdObservation | None:
        """What etcd says, where it answers."""
        return value_of(self.observed.etcd)

    @cached_property
    def answering(self) -> tuple[HostObservation, ...]:
        """Every host that answered, in order of address book."""
        return tuple(seen.value for seen in self.observed.hosts.values() if isinstance(seen, Present))

    @cached_property
    def recorded(self) -> tuple[RecordedHost, ...]:
        """Hosts of the record."""
        return self.record.hosts if self.record else ()

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """Every host that the Clusterfile or the record names."""
        wanted = [host.address for host in self.desired.hosts]
        return tuple(dict.fromkeys([*wanted, *(host.address for host in self.recorded)]))

    @cached_property
    def silent(self) -> tuple[str, ...]:
        """Those of them that do not answer."""
        return tuple(address for address in self.addresses if self.observed.host(address) is None)

    def recorded_host(self, address: str) -> RecordedHost | None:
        """What the record says of a host."""
        return self._recorded.get(address)

    def wanted(self, address: str) -> DesiredHost | None:
        """What the Clusterfile says of a host."""
        return self._wanted.get(address)

    def piece_keys(self, address: str) -> tuple[str, ...]:
        """Keys of a host's pieces that come before it joins anything."""
        return tuple(piece.key for piece in self.desired.early.get(address, ()))

    def piece(self, key: str) -> Piece | None:
        """What has to be so, by the key of its step."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> Mapping[str, Piece]:
        return {piece.key: piece for piece in self.desired.pieces}

    @cached_property
    def wanted_control_planes(self) -> tuple[str, ...]:
        """Control planes of the Clusterfile."""
        return self.desired.control_planes

    @cached_property
    def wanted_workers(self) -> tuple[str, ...]:
        """Workers of the Clusterfile."""
        return self.desired.workers

    @cached_property
    def _recorded(self) -> Mapping[str, RecordedHost]:
        return {host.address: host for host in self.recorded}

    @cached_property
    def _wanted(self) -> Mapping[str, DesiredHost]:
        return {host.address: host for host in self.desired.hosts}

    @cached_property
    def _nodes(self) -> Mapping[str, Node]:
        """By name, and by address where that is no name."""
        nodes = self.api.nodes if self.api else ()
        return {**{node.address: node for node in nodes}, **{node.name: node for node in nodes}}

    def node_name(self, address: str) -> str:
        """The recorded name stays, whatever the host calls itself now."""
        recorded, host = self.recorded_host(address), self.observed.host(address)
        if recorded and recorded.node_name:
            return recorded.node_name
        return (host.node_name if host else "") or address

    def node(self, address: str) -> Node | None:
        """The node that runs on this host."""
        if address not in self._node_at:  # asked as often as `role`
            self._node_at[address] = self._nodes.get(self.node_name(address)) or self._nodes.get(address)
        return self._node_at[address]

    @cached_property
    def _node_at(self) -> dict[str, Node | None]:
        return {}

    def version_at(self, address: str, component: str) -> str:
        """The version that runs on a host; the node's where the host does not answer."""
        host, node = self.observed.host(address), self.node(address)
        if host and component in host.components:
            return host.components[component].version
        return node.version if node else ""

    @cached_property
    def kubelets(self) -> Mapping[str, str]:
        """The kubelet's version on every node that stays; a node that its machine has lost joins anew.

        Nor do those count that are left as they are because their drain is held up.
        """
        return {
            address: version
            for address in self.addresses
            if self.node(address)
            and not self.leaving(address)
            and address not in self.operation.consents.skipped
            and not self._lost(address)
            and (version := self.version_at(address, "kubelet"))
        }

    @cached_property
    def running(self) -> Mapping[str, str]:
        """The version of every control plane: its lowest part's, so that half an upgrade is none."""
        return {
            address: version
            for address in self.control_planes
            if self.node(address) and not self.leaving(address) and (version := self._lowest(address))
        }

    def _lowest(self, address: str) -> str:
        host = self.observed.host(address)
        parts = host.components.items() if host else ()
        found = [each.version for name, each in parts if name.startswith("kube-")]
        return min(found, key=KubernetesVersion.parse) if found else self.version_at(address, "kubelet")

    @cached_property
    def upgrading(self) -> bool:
        """Whether something of the cluster runs another version than the bundle's."""
        if self.existence is not Existence.RUNNING or not self.owner:
            return False
        target = KubernetesVersion.parse(self.desired.versions.kubernetes)
        found = {*self.running.values(), *self.kubelets.values()}
        return any(KubernetesVersion.parse(version) != target for version in found)

    def _lost(self, address: str) -> bool:
        """Whether the machine is another one, or an empty one, under an old node."""
        host = self.observed.host(address)
        return host is not None and not host.traces.kubelet_conf

    def role(self, address: str) -> Role | None:
        """The role that a host has now: of the record, else of its node, else of its traces."""
        if address not in self._roles:  # asked some ten times for each of thousands
            self._roles[address] = self._role(address)
        return self._roles[address]

    @cached_property
    def _roles(self) -> dict[str, Role | None]:
        return {}

    def _role(self, address: str) -> Role | None:
        recorded, node, host = self.recorded_host(address), self.node(address), self.observed.host(address)
        if recorded:
            return recorded.role
        if node:
            return Role.CONTROL_PLANE if node.control_plane else Role.WORKER
        if host and host.traces.cluster:
            control = host.traces.static_pods or host.traces.etcd_data
            return Role.CONTROL_PLANE if control else Role.WORKER
        return None

    def is_control_plane(self, address: str) -> bool:
        """Whether the host has that role now, or is to have it and is nothing yet."""
        role = self.role(address)
        if role is not None:
            return role is Role.CONTROL_PLANE
        wanted = self.wanted(address)
        return wanted is not None and wanted.is_control_plane

    @cached_property
    def control_planes(self) -> tuple[str, ...]:
        """Control planes of Clusterfile and record."""
        named = {host.address for host in self.recorded if host.role is Role.CONTROL_PLANE}
        named.update(self.wanted_control_planes)
        return tuple(address for address in self.addresses if address in named)

    def is_voter(self, address: str) -> bool:
        """Whether a started member of etcd runs here that votes."""
        member = self.etcd.at(address) if self.etcd else None
        return member is not None and member.voter and member.started

    def complete(self, address: str) -> bool:
        """Whether it is a control plane in all five aspects, as far as it answers."""
        if address not in self._complete:  # asked as often as `role`
            self._complete[address] = self._is_complete(address)
        return self._complete[address]

    @cached_property
    def _complete(self) -> dict[str, bool]:
        return {}

    def _is_complete(self, address: str) -> bool:
        node, host = self.node(address), self.observed.host(address)
        if not self.is_voter(address) or node is None or not node.control_plane:
            return False
        return host is None or (host.traces.static_pods and host.traces.kubelet_conf)

    def joined(self, address: str) -> bool:
        """Whether it is a whole part of the cluster in the role that it has."""
        if self.is_control_plane(address):
            return self.complete(address)
        host = self.observed.host(address)
        return self.node(address) is not None and (host is None or host.traces.kubelet_conf)

    def leaving(self, address: str) -> bool:
        """Whether it is to leave in its present role: agreed to now or before, or its role has changed."""
        if address not in self._leaving:
            self._leaving[address] = self._leaves(address)
        return self._leaving[address]

    @cached_property
    def _leaving(self) -> dict[str, bool]:
        return {}

    def _leaves(self, address: str) -> bool:
        recorded, wanted = self.recorded_host(address), self.wanted(address)
        taken_down = self.operation.kind is Kind.DELETE and not self.shared
        if taken_down or address in self.operation.consents.gone:
            return True
        if recorded and recorded.state is HostState.LEAVING:
            return True
        if wanted is None:
            return self.operation.consents.prune and self.role(address) is not None
        return self.changes_role(address)

    def changes_role(self, address: str) -> bool:
        """Whether it is a whole member in another role than the Clusterfile's."""
        wanted, role = self.wanted(address), self.role(address)
        return wanted is not None and role is not None and wanted.role is not role

    def gone(self, address: str) -> bool:
        """Whether it leaves without being asked."""
        recorded = self.recorded_host(address)
        return address in self.operation.consents.gone or bool(recorded and recorded.gone)

    @cached_property
    def excused(self) -> frozenset[str]:
        """Silent hosts that somebody agreed to leave out."""
        consents = self.operation.consents
        workers = [a for a in self.silent if not self.is_control_plane(a) and not self.leaving(a)]
        few = workers if len(workers) <= consents.max_failed else []
        return frozenset(few) | (consents.without & frozenset(self.silent))

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """Members that the Clusterfile no longer has, without consent to remove them."""
        nodes = [node.address for node in self.api.nodes] if self.api else []
        names = dict.fromkeys([*self.addresses, *nodes])
        return tuple(
            address
            for address in names
            if address
            and self.wanted(address) is None
            and not self.leaving(address)
            and (self.recorded_host(address) or self.node(address))
        )

    @cached_property
    def actor(self) -> str:
        """The control plane on which the cluster is acted upon: whole, answering, staying if any does."""
        able = [a for a in self.control_planes if self.observed.host(a) and self.complete(a)]
        able.sort(key=self.leaving)
        return able[0] if able else ""

    @cached_property
    def owner(self) -> bool:
        """Whether this product brought Kubernetes here, or is about to."""
        return self.record is None or self.record.owner in {"", self.desired.versions.product}

    @cached_property
    def shared(self) -> bool:
        """Whether the cluster serves other products, too."""
        mine = self.desired.versions.product
        return self.record is not None and any(each.name != mine for each in self.record.products)

    @cached_property
    def offset(self) -> float:
        """The median of all clocks; of two, the control plane's counts, as either may be right."""
        offsets = [host.clock_offset for host in self.answering]
        if len(offsets) > 2:
            return median(offsets)
        control = [host.clock_offset for host in self.answering if self.is_control_plane(host.address)]
        return next(iter((*control, *offsets)), 0.0)

    @cached_property
    def existence(self) -> Existence:
        """Whether there is a cluster."""
        if self.api is not None:
            whole = any(self.complete(address) for address in self.control_planes)
            return Existence.RUNNING if whole else Existence.UNFINISHED
        if self._being_removed and not self._whole:
            return Existence.REMOVING
        evidence = [host for host in self.answering if host.traces.cluster]
        members = bool(self.record and self.record.members)
        silent = [address for address in self.control_planes if address in self.silent]
        if not evidence and not members:
            return Existence.UNKNOWN if silent else Existence.ABSENT
        if any(not host.ours for host in evidence) and self.record is None:
            return Existence.FOREIGN
        if not members and not self._was_finished(evidence):
            return Existence.UNKNOWN if silent else Existence.UNFINISHED
        return self._standing(silent)

    @cached_property
    def _being_removed(self) -> bool:
        recorded = self.record is not None and self.record.operation == "delete"
        return recorded or any(host.removing for host in self.answering)

    @cached_property
    def _whole(self) -> bool:
        """Whether a majority of the control planes has everything that it needs to be started again."""
        found = [self.observed.host(address) for address in self.control_planes]
        whole = [h for h in found if h and h.traces.pki and h.traces.static_pods and h.traces.etcd_data]
        return len(whole) >= majority(len(found))

    def _was_finished(self, evidence: list[HostObservation]) -> bool:
        """Without a record, the journals tell; a node that is no control plane joined something."""
        if self.record is not None:
            return False
        workers = (host for host in evidence if not self.is_control_plane(host.address))
        journals = (key for host in evidence for key in host.journal)
        return any(workers) or any(key.endswith("/init") for key in journals)

    def _standing(self, silent: list[str]) -> Existence:
        """A cluster that does not answer: is a majority of its data here?"""
        recorded = [host.address for host in self.recorded if host.role is Role.CONTROL_PLANE]
        voters = [a for a in recorded if self._was_member(a)] or list(self.control_planes)
        here = [a for a in voters if (host := self.observed.host(a)) and host.traces.etcd_data]
        if len(here) >= majority(len(voters)):
            return Existence.DOWN
        if not any(a in silent for a in voters):
            return Existence.LOST
        return Existence.SILENT if here or len(voters) > 1 else Existence.UNKNOWN

    def _was_member(self, address: str) -> bool:
        recorded = self.recorded_host(address)
        return recorded is not None and recorded.state is not HostState.JOINING
