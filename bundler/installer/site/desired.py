"""What a site should be: made from Clusterfile, bundle and record, before anything is observed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bundler.installer.site.expected import Expected
from bundler.installer.site.model import Role


@dataclass(frozen=True, slots=True)
class DesiredHost:
    """One machine of the Clusterfile. takes_pods: a control plane that is a worker, too.

    labels, taints: of its node; no_taints: that it must not have, whoever set them.
    """

    address: str
    role: Role
    takes_pods: bool = False
    group: str = "workers"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: frozenset[str] = frozenset()
    no_taints: frozenset[str] = frozenset()

    @property
    def is_control_plane(self) -> bool:
        """Whether the API runs here."""
        return self.role is Role.CONTROL_PLANE


@dataclass(frozen=True, slots=True)
class Versions:
    """kubernetes: the target. carried: every version that the bundle can bring up, the target among them."""

    product: str
    version: str
    kubernetes: str
    carried: tuple[str, ...] = ()


class EndpointKind(StrEnum):
    """How nodes reach the API."""

    LOCAL = "local"
    VIP = "vip"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The way to the API. address: the VIP's or the balancer's."""

    kind: EndpointKind = EndpointKind.LOCAL
    address: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.address}".strip()


@dataclass(frozen=True, slots=True)
class RegistryAim:
    """Where nodes get images. external: its name; "" for the site's own. digests: what it has to hold."""

    external: str = ""
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AppAim:
    """An app to run. digest: of chart or manifests and values. kubernetes: versions that it runs on.

    apart: it is brought up by a step of its own; else pieces of a host are its start.
    """

    name: str
    digest: str
    kubernetes: str = ""
    apart: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that has to be so on one host, and the step that makes it so.

    disturbs: what it interrupts on a host that serves: "" for nothing, else `runtime`, `registry`, `etcd`.
    subject: for people. size: bytes that it brings, by mount point. late: it needs the cluster. of_app: an
    app needs it, whoever brought Kubernetes. trial: it only tries what others wait for.
    """

    key: str
    host: str
    subject: str
    expected: Expected
    inputs: Mapping[str, str] = field(default_factory=dict)
    revision: int = 1
    after: tuple[str, ...] = ()
    disturbs: str = ""
    size: Mapping[str, int] = field(default_factory=dict)
    late: bool = False
    of_app: bool = False
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """The whole site. fixed: settings that a cluster has for life. settings: by component.

    windows: groups of workers with how many may be down at once. names: that the API's certificate carries.
    listed_apart: whether hosts' lists of control planes and their way to the API are looked at apart; where
    not, pieces of the hosts hold them. prechecked: clocks and names of hosts are looked at by the preflight
    checks. deletes: apps for which the Clusterfile says how they go.
    """

    name: str
    hosts: tuple[DesiredHost, ...]
    versions: Versions
    key: str = ""
    fixed: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    endpoint: Endpoint = Endpoint()
    registry: RegistryAim = RegistryAim()
    apps: tuple[AppAim, ...] = ()
    pieces: tuple[Piece, ...] = ()
    names: frozenset[str] = frozenset()
    windows: Mapping[str, int] = field(default_factory=dict)
    time_server: str = ""
    fail_cgroup_v1: bool = True
    listed_apart: bool = True
    prechecked: bool = False
    deletes: frozenset[str] = frozenset()

    def host(self, address: str) -> DesiredHost | None:
        """The host with this address."""
        return next((host for host in self.hosts if host.address == address), None)

    @property
    def control_planes(self) -> tuple[str, ...]:
        """Addresses."""
        return tuple(host.address for host in self.hosts if host.is_control_plane)

    @property
    def workers(self) -> tuple[str, ...]:
        """Addresses."""
        return tuple(host.address for host in self.hosts if not host.is_control_plane)
