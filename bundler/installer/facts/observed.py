"""All that was observed of a site: hosts by address, etcd, the API. Frozen; equal where nothing changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bundler.installer.facts.api import ApiObservation
from bundler.installer.facts.etcd import EtcdObservation
from bundler.installer.facts.seen import Absent, Present, Seen, Unknown
from bundler.installer.site.record import Record

Address = str


@dataclass(frozen=True, slots=True)
class Traces:
    """Evidence on a host that it was ever a part of a cluster."""

    pki: bool = False
    kubelet_conf: bool = False
    static_pods: bool = False
    etcd_data: bool = False

    @property
    def cluster(self) -> bool:
        """Whether it is a node or holds data; certificates alone can be made again."""
        return self.kubelet_conf or self.static_pods or self.etcd_data


class BlobState(StrEnum):
    """What is known of a blob in a registry's store; DAMAGED is found by hashing it."""

    WHOLE = "whole"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of ours. digest: of its content; "" where only the size was looked at."""

    digest: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class UnitState:
    """A systemd unit. started_with: digest of what the running process read, not of what lies there now."""

    enabled: bool
    active: bool
    started_with: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of Kubernetes as it runs: its version and the settings that it runs with."""

    version: str
    settings: Mapping[str, str] = field(default_factory=dict)
    healthy: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """Seconds since the epoch. authority: a CA. fingerprint: of a CA, which tells an old one from a new one.

    name: of its file below /etc/kubernetes/pki, a kubeconfig, `kubelet-client`, or `site/…` for those of the
    site's own CA, which come with the pieces of a host.
    """

    name: str
    not_before: float
    not_after: float
    names: frozenset[str] = frozenset()
    authority: bool = False
    fingerprint: str = ""

    @property
    def of_cluster(self) -> bool:
        """Whether the cluster's CAs issue it, and renewing the cluster's certificates renews it."""
        return not self.authority and not self.name.startswith("site/")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """With which inputs and which revision a step last succeeded."""

    inputs: Mapping[str, str]
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the host's lock."""

    who: str
    since: str
    alive: bool = True


@dataclass(frozen=True, slots=True)
class HostObservation:
    """One host that answered.

    site: the id of the site that it was tagged with. ours: our ledger is there. removing: a `delete` has
    begun here. components: kube-apiserver, etcd, kubelet, … as they run. lists: who is asked for the API and
    for images, by list name. last_lines: what the API server's container said last. generations: versions of
    Kubernetes that can be put back here, with the digest of the snapshot of etcd that goes with each, or "".
    """

    address: Address
    machine_id: str
    boot_id: str = ""
    node_name: str = ""
    site: Seen[str] = field(default_factory=Absent)
    record: Seen[Record] = field(default_factory=Absent)
    ours: bool = False
    removing: bool = False
    traces: Traces = Traces()
    files: Mapping[str, FileState] = field(default_factory=dict)
    foreign_files: tuple[str, ...] = ()
    units: Mapping[str, UnitState] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    images: frozenset[str] = frozenset()
    blobs: Mapping[str, BlobState] = field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    journal: Mapping[str, JournalEntry] = field(default_factory=dict)
    components: Mapping[str, Component] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: frozenset[str] = frozenset()
    clock_offset: float = 0.0
    cgroup_v1: bool = False
    disk_free: Mapping[str, int] = field(default_factory=dict)
    holder: Holder | None = None
    last_lines: str = ""
    pulls: bool = True  # can pull from the external registry that is wanted
    renewed: float = 0.0  # when renewing its certificates was last asked for, and done
    renewing: bool = False  # a renewal has begun here and not ended
    rotating: bool = False  # the certificate authorities are being replaced
    generations: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""  # as OCI names it


@dataclass(frozen=True, slots=True)
class Observed:
    """The whole site at one moment. now: seconds since the epoch, by our clock.

    answering: addresses beyond the hosts' own (a VIP) that answer. external: digests that the external
    registry has. written_since: objects by kind that were written since the last snapshot.
    """

    hosts: Mapping[Address, Seen[HostObservation]]
    etcd: Seen[EtcdObservation] = field(default_factory=Absent)
    api: Seen[ApiObservation] = field(default_factory=Absent)
    now: float = 0.0
    answering: frozenset[str] = frozenset()
    external: Seen[frozenset[str]] = field(default_factory=Unknown)
    written_since: Mapping[str, int] = field(default_factory=dict)

    def host(self, address: Address) -> HostObservation | None:
        """The host, where it answered."""
        seen = self.hosts.get(address)
        return seen.value if isinstance(seen, Present) else None
