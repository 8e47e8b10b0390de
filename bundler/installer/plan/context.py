"""All that deciding reads, in one frozen value, and the few words that every part of the plan shares."""

import hashlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.plan.contents import KUBEADM_FILE, Contents
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.kubeadm_convert import Source
from bundler.installer.plan.kubeadm_documents import Layers, read_bundle
from bundler.installer.plan.registry_login import Login, login_of
from bundler.installer.plan.settings import ClusterSettings
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.steps import Delivery
from bundler.installer.site.model import Host, Role, Site


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class Context:
    """Site, facts, bundle and secrets, with what follows for the whole cluster.

    running: the cluster is up on the primary control plane, so that nothing is initialised nor waited for.
    """

    site: Site
    facts: Facts
    contents: Contents
    secrets: Secrets
    cluster: ClusterSettings
    running: bool = False

    @cached_property
    def primary(self) -> Host:
        """The control plane that this run works through: the first that is a node already.

        Where none is, the first of the Clusterfile: there the cluster begins.
        """
        up = (host for host in self.site.control_planes if self.of(host).admin_config)
        return next(up, self.site.control_plane)

    @cached_property
    def layers(self) -> Layers:
        """The kubeadm documents of the bundle and of the Clusterfile, for the bundle's version."""
        return Layers(
            self.contents.version,
            read_bundle(self.contents.files.get(KUBEADM_FILE, b""), KUBEADM_FILE),
            {kind: Source(data, self.site.documents.get(kind)) for kind, data in self.site.kubeadm.items()},
        )

    @cached_property
    def begun(self) -> tuple[str, ...]:
        """The step after which the API answers; none where the cluster is running."""
        return () if self.running else (Ids(self.primary.address).init,)

    @cached_property
    def certified(self) -> tuple[str, ...]:
        """The step after which the cluster's keys are there; none where the cluster is running."""
        return () if self.running else (Ids(self.primary.address).certs,)

    @cached_property
    def further(self) -> tuple[Host, ...]:
        """The other control planes, in the Clusterfile's order: they join one at a time."""
        return tuple(host for host in self.site.control_planes if host != self.primary)

    @cached_property
    def registries(self) -> tuple[Host, ...]:
        """Hosts that serve the site's images: every control plane, or none where another registry does."""
        return self.site.control_planes if self.site.external is None else ()

    @cached_property
    def login(self) -> Login:
        """What the site's own registries ask for."""
        return login_of(self.site.registry, self.secrets.encryption_key)

    def registries_for(self, host: Host) -> tuple[str, ...]:
        """Addresses of the registries in the order in which this host asks: its own first.

        The order differs from host to host, so that none is asked by all.
        """
        if host.address not in self._orders:  # several parts of the plan ask, for each of thousands
            self._orders[host.address] = self._order(host)
        return self._orders[host.address]

    @cached_property
    def _orders(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _order(self, host: Host) -> tuple[str, ...]:
        addresses = [each.address for each in self.registries]
        if host.address in addresses:
            addresses.remove(host.address)
            return (host.address, *spread(addresses, host.address))
        return spread(addresses, host.address)

    @cached_property
    def joins(self) -> tuple[str, ...]:
        """Steps after which every host but the primary is part of the cluster."""
        return (
            *(Ids(each.address).settled for each in self.further),
            *(Ids(worker.address).join for worker in self.site.workers),
        )

    def takes_pods(self, host: Host) -> bool:
        """Whether pods of apps may run here: on a control plane only if it is a worker too, or none is."""
        return Role.WORKER in host.roles or not self.site.workers

    def of(self, host: Host) -> HostFacts:
        """A host as it was found."""
        return self.facts.hosts[host.address]

    def hosts(self) -> Iterator[tuple[Host, HostFacts]]:
        """Every host with its facts, control planes first."""
        for host in self.site.hosts:
            yield host, self.facts.hosts[host.address]


def spread(choices: Sequence[str], address: str) -> tuple[str, ...]:
    """All choices in an order of this address's own: neighbouring addresses begin with different ones."""
    if len(choices) < 2:
        return tuple(choices)
    left, number = list(choices), _number(address)
    ordered: list[str] = []
    while left:
        number, place = divmod(number, len(left))
        ordered.append(left.pop(place))
    return tuple(ordered)


def _number(address: str) -> int:
    try:
        return int(ipaddress.ip_address(address))
    except ValueError:  # a host may be given by name
        return int(content_digest(address), 16)


def content_digest(text: str) -> str:
    """Stands in a script that has to run again when what it works on has changed."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_digest(files: tuple[Delivery, ...]) -> str:
    """The same for delivered files."""
    return content_digest("".join(f"{file.path} {file.digest}\n" for file in files))


def node_name(host: HostFacts) -> str:
    """The node's name, as kubeadm takes it from the host."""
    return host.hostname.strip().lower()
