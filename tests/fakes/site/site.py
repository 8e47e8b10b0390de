"""The simulated site as a whole: who is there, what etcd and the API would answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.api import ApiObservation, Budget, Node, Pod, Release
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.observed import HostObservation, Observed
from bundler.installer.facts.seen import Absent, Doubt, Present, Seen, Unknown
from bundler.installer.site.quorum import majority
from bundler.installer.site.record import Record
from tests.fakes.site.machine import Machine

DAY = 86400.0


class HarmError(AssertionError):
    """Something that must never happen to a site has happened."""


@dataclass
class Site:
    """Machines by address, and the cluster's data, which lives as long as a majority of its voters."""

    machines: dict[str, Machine]
    members: list[Member] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    record: Record | None = None
    name: str = ""
    now: float = 1000 * DAY
    inits: int = 0
    snapshots: int = 0
    host_keys: set[str] = field(default_factory=set)
    answering: set[str] = field(default_factory=set)
    external: Seen[frozenset[str]] = field(default_factory=Unknown)
    written: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    ids: int = 0
    api_late: bool = False  # static pods that are on their way up: no API before somebody has waited for it

    @classmethod
    def of(cls, addresses: Iterable[str]) -> "Site":
        """Fresh machines."""
        return cls({a: Machine(a, f"machine-{a}", f"node-{a}") for a in addresses})

    # --- what is true of it

    def alive(self, member: Member) -> bool:
        """Whether its process runs with its own data."""
        machine = self.machines.get(member.address)
        kubelet = machine.units.get("kubelet.service") if machine else None
        runs = kubelet is None or kubelet.active
        return bool(machine and machine.on and machine.etcd_id == member.id and member.started and runs)

    @property
    def quorum(self) -> bool:
        """Whether etcd can agree."""
        voters = [member for member in self.members if not member.learner]
        return bool(voters) and sum(map(self.alive, voters)) >= majority(len(voters))

    @property
    def api_up(self) -> bool:
        """Whether some API server answers."""
        could = self.quorum and any(machine.serves_api for machine in self.machines.values())
        return could and not self.api_late

    # --- what gathering finds

    def observe(self) -> Observed:
        """The same types as gathering on real machines gives."""
        hosts: dict[str, Seen[HostObservation]] = {}
        for address, machine in self.machines.items():
            if address in self.host_keys:
                hosts[address] = Unknown(f"known_hosts line 7 has another key for {address}", Doubt.HOST_KEY)
            elif machine.on:
                hosts[address] = Present(machine.observe())
            else:
                hosts[address] = Unknown("no answer on port 22 (3 tries, 20 s)")
        up = self.api_up
        return Observed(
            hosts=hosts,
            etcd=Present(self._etcd()) if up else Unknown("no member answers"),
            api=Present(self._api())
            if up
            else (Absent() if not self.members else Unknown("connection refused")),
            now=self.now,
            answering=frozenset(self.answering),
            external=self.external,
            written_since=dict(self.written),
        )

    def _etcd(self) -> EtcdObservation:
        members = tuple(
            replace(member, healthy=self.alive(member), name=member.name if member.started else "")
            for member in sorted(self.members, key=lambda each: each.id)
        )
        return EtcdObservation("etcd", members)

    def _api(self) -> ApiObservation:
        nodes = []
        for node in sorted(self.nodes.values(), key=lambda each: each.name):
            machine = self.machines.get(node.address)
            kubelet = machine.units.get("kubelet.service") if machine else None
            stopped = kubelet is not None and not kubelet.active
            ready = bool(
                node.ready and machine and machine.on and machine.traces.kubelet_conf and not stopped
            )
            kubelet_part = machine.components.get("kubelet") if machine and machine.on else None
            version = kubelet_part.version if kubelet_part else node.version  # the kubelet tells it itself
            nodes.append(replace(node, ready=ready, version=version))
        return ApiObservation(
            uid="cluster",
            name=self.name,
            nodes=tuple(nodes),
            stored=dict(self.stored),
            releases=dict(self.releases),
            pods=tuple(self.pods),
            budgets=tuple(self.budgets),
            record=Present(self.record) if self.record else Absent(),
        )

    # --- SiteAccess' other half

    def commit(self, record: Record, before: Record | None) -> None:
        """Compare and swap; copies on every control plane that is asked to keep one."""
        found = [m.record for m in self.machines.values() if m.on and m.record]
        found += [self.record] if self.api_up and self.record else []
        newest = max(found, key=lambda each: each.age, default=None)
        if newest != before:
            raise BundlerError("another run has committed", code=ExitCode.BUSY)
        if self.api_up:
            self.record = record
        for host in record.hosts:
            machine = self.machines.get(host.address)
            kept = machine is not None and (machine.ours or record.operation != "delete")
            if machine and kept and machine.on and host.role.value == "control-plane":
                machine.record, machine.site, machine.ours = record, record.site_id, True
                if record.operation != "delete":
                    machine.removing = False

    # --- faults and people

    def reinstall(self, address: str) -> None:
        """Another, empty machine at this address."""
        self.ids += 1
        self.machines[address] = Machine(address, f"machine-{address}-{self.ids}", f"node-{address}")

    def power(self, address: str, *, on: bool) -> None:
        """Off is off: nothing is lost."""
        self.machines[address].on = on

    def node_at(self, address: str) -> Node:
        """The node on this machine."""
        return self.nodes[self.machines[address].name]

    def change_node(self, address: str, **changes: object) -> None:
        """Somebody edits the node's object."""
        name = self.machines[address].name
        self.nodes[name] = replace(self.nodes[name], **changes)  # type: ignore[arg-type]  # a test names real fields
