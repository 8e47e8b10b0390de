"""One simulated machine."""

from dataclasses import dataclass, field, replace

from bundler.installer.facts.observed import (
    BlobState,
    Certificate,
    Component,
    FileState,
    Holder,
    HostObservation,
    JournalEntry,
    Traces,
    UnitState,
)
from bundler.installer.facts.seen import Absent, Present
from bundler.installer.site.record import Record


@dataclass
class Machine:
    """Mutable; what a disk and a kernel hold. `on`: it answers."""

    address: str
    machine_id: str
    name: str
    on: bool = True
    ours: bool = False
    removing: bool = False
    site: str = ""
    record: Record | None = None
    traces: Traces = field(default_factory=Traces)
    etcd_id: str = ""  # the member whose data lies here
    files: dict[str, FileState] = field(default_factory=dict)
    foreign_files: list[str] = field(default_factory=list)
    units: dict[str, UnitState] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    blobs: dict[str, BlobState] = field(default_factory=dict)
    journal: dict[str, JournalEntry] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clock_offset: float = 0.0
    cgroup_v1: bool = False
    disk_free: dict[str, int] = field(default_factory=lambda: {"/": 100 << 30})
    holder: Holder | None = None
    last_lines: str = ""
    addresses: frozenset[str] = frozenset()
    pulls: bool = True
    renewed: float = 0.0
    renewing: bool = False
    rotating: bool = False
    generations: dict[str, str] = field(default_factory=dict)
    architecture: str = ""

    def trace(self, **changes: bool) -> None:
        """Leave or lose traces."""
        self.traces = replace(self.traces, **changes)

    @property
    def serves_api(self) -> bool:
        """Whether an API server could run here."""
        valid = not any(each.name == "expired" for each in self.certificates)
        kubelet = self.units.get("kubelet.service")
        runs = kubelet is None or kubelet.active
        return self.on and self.traces.static_pods and self.traces.etcd_data and valid and runs

    def observe(self) -> HostObservation:
        """What gathering would find."""
        return HostObservation(
            address=self.address,
            machine_id=self.machine_id,
            node_name=self.name,
            site=Present(self.site) if self.site else Absent(),
            record=Present(self.record) if self.record else Absent(),
            ours=self.ours,
            removing=self.removing,
            traces=self.traces,
            files=dict(self.files),
            foreign_files=tuple(self.foreign_files),
            units=dict(self.units),
            sysctls=dict(self.sysctls),
            packages=dict(self.packages),
            images=frozenset(self.images),
            blobs=dict(self.blobs),
            certificates=tuple(self.certificates),
            journal=dict(self.journal),
            components=dict(self.components),
            lists=dict(self.lists),
            addresses=self.addresses | {self.address},
            clock_offset=self.clock_offset,
            cgroup_v1=self.cgroup_v1,
            disk_free=dict(self.disk_free),
            holder=self.holder,
            last_lines=self.last_lines,
            pulls=self.pulls,
            renewed=self.renewed,
            renewing=self.renewing,
            rotating=self.rotating,
            generations=dict(self.generations),
            architecture=self.architecture,
        )

    def wipe(self) -> None:
        """As found."""
        fresh = Machine(self.address, self.machine_id, self.name, self.on)
        fresh.architecture = self.architecture
        fresh.clock_offset, fresh.cgroup_v1, fresh.disk_free = (
            self.clock_offset,
            self.cgroup_v1,
            self.disk_free,
        )
        self.__dict__.update(fresh.__dict__)
