"""All that deciding reads, in one frozen value, and the few words that every part of the plan shares."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.kubeadm_documents import Layers
from bundler.installer.plan.settings import ClusterSettings
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.steps import Delivery
from bundler.installer.site.model import Host, Site


@dataclass(frozen=True, slots=True)
class Context:
    """Site, facts, bundle and secrets, with what follows for the whole cluster."""

    site: Site
    facts: Facts
    contents: Contents
    secrets: Secrets
    cluster: ClusterSettings
    layers: Layers

    @property
    def control_plane(self) -> HostFacts:
        """The control plane's host as it was found."""
        return self.facts.hosts[self.site.control_plane.address]

    def of(self, host: Host) -> HostFacts:
        """A host as it was found."""
        return self.facts.hosts[host.address]

    def hosts(self) -> Iterator[tuple[Host, HostFacts]]:
        """Every host with its facts, control plane first."""
        for host in self.site.hosts:
            yield host, self.facts.hosts[host.address]


def content_digest(text: str) -> str:
    """Stands in a script that has to run again when what it works on has changed."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_digest(files: tuple[Delivery, ...]) -> str:
    """The same for delivered files."""
    return content_digest("".join(f"{file.path} {file.digest}\n" for file in files))


def node_name(host: HostFacts) -> str:
    """The node's name, as kubeadm takes it from the host."""
    return host.hostname.strip().lower()
