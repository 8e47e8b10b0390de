"""The record of a site: what was last wanted of it. Hosts and API are the authority for what is there.

Every control plane keeps a copy, and so does the cluster; the highest (generation, serial) wins. Its
generation rises once a run, before the first step; its serial with every commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from bundler.installer.site.model import Role

SCHEMA: Final = 1


class HostState(StrEnum):
    """Where a host stands between the Clusterfile and the cluster."""

    JOINING = "joining"
    MEMBER = "member"
    LEAVING = "leaving"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class RecordedHost:
    """A host that the site has, is about to have, or is about to lose.

    gone: it leaves without being asked (`--gone`).
    """

    address: str
    machine_id: str
    node_name: str
    role: Role
    state: HostState
    gone: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removed:
    """A machine that left for ever: it is not taken back before it is wiped."""

    machine_id: str
    node_name: str
    address: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product that the site has. key: fingerprint of who signed its bundle."""

    name: str
    version: str
    key: str = ""
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What was last wanted. products: the first owns Kubernetes. kept: drift that a person keeps.

    stored: digests of the configuration that the cluster keeps, as we left it. settings: what every part is
    to run with; rolled: what every part was last seen to run with. operation: the kind of the run that is not
    settled yet, "" after it is. architectures: of hosts by address, where they are of several.
    """

    site_id: str
    name: str
    generation: int = 1
    serial: int = 1
    run: str = ""
    operation: str = ""
    schema: int = SCHEMA
    kubernetes: str = ""
    hosts: tuple[RecordedHost, ...] = ()
    products: tuple[Product, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, int] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[Removed, ...] = ()
    endpoint: str = ""
    previous: Mapping[str, str] = field(default_factory=dict)
    rolled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    architectures: Mapping[str, str] = field(default_factory=dict)

    @property
    def age(self) -> tuple[int, int]:
        """Of two records, the one with the higher age counts."""
        return self.generation, self.serial

    @property
    def owner(self) -> str:
        """The product that brought Kubernetes."""
        return self.products[0].name if self.products else ""

    def host(self, address: str) -> RecordedHost | None:
        """The host with this address."""
        return next((host for host in self.hosts if host.address == address), None)

    def product(self, name: str) -> Product | None:
        """The product of this name."""
        return next((product for product in self.products if product.name == name), None)

    @property
    def members(self) -> tuple[RecordedHost, ...]:
        """Hosts that were once seen to be whole parts of the cluster."""
        return tuple(host for host in self.hosts if host.state is not HostState.JOINING)

    def with_host(self, host: RecordedHost) -> "Record":
        """The record with this host in place of the one of its address."""
        others = tuple(each for each in self.hosts if each.address != host.address)
        return replace(self, hosts=(*others, host))
