"""The condition of a host and of the cluster's contents, beyond facts: plain data, read by `read`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit. seconds: for how long it has been in this state, None if unknown."""

    active: bool
    seconds: float | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system. path: the first of our folders that lies on it. Bytes."""

    mount: str
    device: str
    path: str
    used: int
    free: int

    @property
    def percent(self) -> int:
        """How full it is, as df counts: of what can be used."""
        return -(-100 * self.used // max(self.used + self.free, 1))


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A certificate on a host. file: where; subject: its common name. Seconds since the epoch."""

    file: str
    subject: str
    not_after: float
    authority: bool = False


@dataclass(frozen=True, slots=True)
class RegistryStore:
    """The site's registry on one host. code: what it answers, "" where nothing on the host can ask."""

    code: str = ""
    manifests: frozenset[str] = frozenset()  # in hex


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that ended. ended: seconds since the epoch."""

    operation: str
    result: str
    by: str
    ended: float
    seconds: float
    product: str = ""
    version: str = ""
    kubernetes: str = ""
    steps: int = 0
    error: str = ""


YOUNG: Final = 120.0  # seconds; twelve questions of a readiness probe that keeps Kubernetes' own period
_BEGINNING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod. ready of total containers. reason: why one waits. instance: the release that it belongs to.

    unstarted: containers that did not pass their startup probe yet. age: seconds since its kubelet
    took it, None where that is not known.
    """

    namespace: str
    name: str
    node: str
    phase: str
    ready: int = 0
    total: int = 0
    restarts: int = 0
    reason: str = ""
    instance: str = ""
    deleted: bool = False
    unstarted: int = 0
    age: float | None = None

    @property
    def starting(self) -> bool:
        """Whether only startup probes are awaited. What never passes is restarted, and that counts."""
        return (
            self.phase == "Running"
            and not (self.restarts or self.reason or self.deleted)
            and 0 < self.unstarted == self.total - self.ready
        )

    @property
    def young(self) -> bool:
        """Whether it began a moment ago and has failed at nothing: readiness probes come every 10 s."""
        return (
            self.age is not None
            and abs(self.age) < YOUNG  # the clocks of two hosts differ a little
            and self.phase in {"Pending", "Running"}
            and self.reason in _BEGINNING
            and not (self.restarts or self.deleted)
        )

    @property
    def well(self) -> bool:
        """Whether it serves, or has done what it was there for."""
        return self.phase == "Succeeded" or (
            self.phase == "Running" and 0 < self.total == self.ready and not self.deleted
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet. release: the Helm release that made it, NAMESPACE/NAME."""

    kind: str
    namespace: str
    name: str
    wanted: int
    ready: int
    release: str = ""


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """The newest revision of a release."""

    namespace: str
    name: str
    status: str
    revision: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What runs in the cluster. manifests: objects of apps that are manifests, KIND/NAMESPACE/NAME by app."""

    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    releases: tuple[HelmRelease, ...] = ()
    manifests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """One host. memory: bytes in all; contents: what its API server says, None where it says nothing."""

    address: str
    uptime: float = 0.0
    load: tuple[float, ...] = ()
    memory: int = 0
    memory_available: int = 0
    units: Mapping[str, Unit] = field(default_factory=dict)
    disks: tuple[Disk, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[HostCertificate, ...] = ()
    registry: RegistryStore | None = None
    runs: tuple[PastRun, ...] = ()
    contents: Contents | None = None
    holder: str = ""  # the run that holds the host now
