"""The site as its Clusterfile describes it: validated, frozen, all that the plan knows of it.

Nothing here does I/O: a password that stands in a file or in the environment is only named.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from bundler.core.addresses import is_v6
from bundler.core.errors import Location
from bundler.core.yamldoc import Document
from bundler.installer.site.changes import FileChange
from bundler.installer.site.labels import ROLE
from bundler.installer.site.plugins import Plugin

REGISTRY_DOMAIN: Final = "registry.internal"  # .internal is reserved for private use
REGISTRY_PORT: Final = 5000
API_NAME: Final = "apiserver.cluster.local"  # by which every host knows the API


class Role(StrEnum):
    """What a host is in the cluster."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that must never be shown; `reveal` is the only way to it."""

    _value: str

    def reveal(self) -> str:
        """The value, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """A password that is the first line of a file."""

    path: str


@dataclass(frozen=True, slots=True)
class PasswordEnv:
    """A password that is in an environment variable."""

    variable: str


PasswordSource = Secret | PasswordFile | PasswordEnv


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a host.

    key_file: "" for the user's own keys and agent. fingerprint: `SHA256:…` of the host's key, as
    `ssh-keygen -l` prints it; "" where known_hosts decides. jump: a host through which this one is reached.
    """

    user: str = "root"
    port: int = 22
    key_file: str = ""
    key_passphrase: Secret | None = None
    password: PasswordSource | None = None
    fingerprint: str = ""
    jump: "Bastion | None" = None


@dataclass(frozen=True, slots=True)
class Bastion:
    """A host that stands between this machine and the site; it carries bytes and runs nothing of ours."""

    address: str
    login: Login


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the site.

    env: the host's own variables over the cluster's. labels: names of the site's own roles, in the file's
    order; Kubernetes shows them as roles of the node. marks: labels of the node. taints, no_taints: as nodes
    show them, those that it has and those that it must not have. more: its further addresses. group: of
    workers, so many of which may be down at once as the site's `unavailable` says.
    """

    address: str
    roles: frozenset[Role]
    login: Login = Login()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    taints: frozenset[str] = frozenset()
    no_taints: frozenset[str] = frozenset()
    more: tuple[str, ...] = ()
    group: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of its addresses, the one that it is reached at first."""
        return (self.address, *self.more)

    @property
    def node_labels(self) -> Mapping[str, str]:
        """All that the node is to carry: roles of the site's own, and labels."""
        return {**{f"{ROLE}/{name}": "" for name in self.labels}, **self.marks}

    @property
    def is_control_plane(self) -> bool:
        """Whether the control plane runs here."""
        return Role.CONTROL_PLANE in self.roles


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """Each worker reaches the API through a TCP balancer of its own, on its loopback."""


@dataclass(frozen=True, slots=True)
class VirtualEndpoint:
    """An address that moves between the control planes (VRRP)."""

    address: str


@dataclass(frozen=True, slots=True)
class ExternalEndpoint:
    """The address of a balancer that is not ours."""

    address: str


@dataclass(frozen=True, slots=True)
class TimedSnapshots:
    """Every control plane keeps its own. every: as systemd reads it; keep: how many."""

    every: str
    keep: int


Endpoint = LocalEndpoint | VirtualEndpoint | ExternalEndpoint


@dataclass(frozen=True, slots=True)
class SiteRegistry:
    """The site's own registry, on every control plane. username: "" for one that asks no one's name.

    names: that its certificates have besides.
    """

    domain: str = REGISTRY_DOMAIN
    port: int = REGISTRY_PORT
    username: str = ""
    password: Secret | None = None
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Domain and port as they stand in an image name."""
        return f"{self.domain}:{self.port}"


@dataclass(frozen=True, slots=True)
class ExternalRegistry:
    """Somebody else's registry, which serves the site in place of its own. prefix: a path there.

    ca: PEM of who signed its certificate; "" where hosts trust it already.
    """

    domain: str
    port: int = 443
    username: str = ""
    password: Secret | None = None
    prefix: str = ""
    ca_file: str = ""
    ca: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Domain and port as they stand in an image name."""
        return f"{self.domain}:{self.port}"


@dataclass(frozen=True, slots=True)
class Alias:
    """A line for every host's /etc/hosts."""

    address: str
    names: tuple[str, ...]


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class Site:
    """The whole of a Clusterfile.

    hosts: control planes first, then in the file's order. kubeadm: the raw kubeadm, kubelet and kube-proxy
    documents by kind, untouched; documents: the same with their places in the file. dns: name servers that
    the cluster's DNS asks for names outside of it; ntp: time servers of all hosts. snapshots: those
    that are taken by the clock. unavailable: how many workers may be down at once, by group, "" for any other
    group. launch: the apps to start, in order, instead of the bundle's LAUNCH; None where the file does not
    say. app_envs: an app's own variables; app_commands: shell lines in place of an app's own. commands: shell
    lines in place of the bundle's CMDS, None where the file does not say; arguments: their variables.
    changes: files of the bundle that differ here. data_root: where the registry's store lies; "" for our own
    folder. places: where the file speaks of apps: `launch/NAME`, `env/NAME`, `commands/NAME`. notices: what
    the user should be told.
    """

    name: str
    hosts: tuple[Host, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    registry: SiteRegistry = SiteRegistry()
    external: ExternalRegistry | None = None
    endpoint: Endpoint = LocalEndpoint()
    kubeadm: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False)
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    snapshots: TimedSnapshots | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    launch: tuple[str, ...] | None = None
    app_envs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    app_commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commands: tuple[str, ...] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    changes: tuple[FileChange, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    data_root: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Location] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @cached_property
    def speaks_v6(self) -> bool:
        """Whether any host has an address of IPv6, or the cluster's subnets have."""
        networking = self.kubeadm.get("ClusterConfiguration", {}).get("networking") or {}
        subnets = (str(networking.get(name, "")) for name in ("podSubnet", "serviceSubnet"))
        return any(map(is_v6, (*subnets, *(each for host in self.hosts for each in host.addresses))))

    @property
    def control_plane(self) -> Host:
        """The first control plane of the Clusterfile."""
        return next(host for host in self.hosts if host.is_control_plane)

    @cached_property
    def control_planes(self) -> tuple[Host, ...]:
        """Every host that runs the control plane."""
        return tuple(host for host in self.hosts if host.is_control_plane)

    @cached_property
    def workers(self) -> tuple[Host, ...]:
        """Every host without the control plane."""
        return tuple(host for host in self.hosts if not host.is_control_plane)

    def host(self, address: str) -> Host:
        """The host with this address. Raises KeyError when there is none."""
        for host in self.hosts:
            if host.address == address:
                return host
        raise KeyError(address)

    def without(self, addresses: Collection[str]) -> "Site":
        """The same site with these hosts left out."""
        if not addresses:
            return self
        return replace(self, hosts=tuple(host for host in self.hosts if host.address not in addresses))

    def app_env(self, name: str) -> Mapping[str, str]:
        """What the Clusterfile sets for this app, over everything else."""
        return self.app_envs.get(name, {})
