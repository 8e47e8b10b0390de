"""What was found on the hosts before anything is decided: plain data, from `gather` for `plan`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bundler.installer.facts.api import ApiObservation
from bundler.installer.facts.etcd import EtcdObservation
from bundler.installer.facts.observed import HostObservation, JournalEntry
from bundler.installer.facts.seen import Absent, Seen, Unknown


class CgroupVersion(StrEnum):
    """Which cgroup hierarchy the host mounts at /sys/fs/cgroup."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One host, as it was found.

    Bytes for sizes, seconds for times. `stamps` maps a step's id to what it depended on when it last
    succeeded here (the host's journal); `packages` maps installed package names to versions. site: what the
    host shows of its site, None where it was not asked.
    """

    address: str
    hostname: str
    os_id: str  # ID of os-release: debian
    os_version: str  # VERSION_ID: 12
    os_codename: str  # VERSION_CODENAME: bookworm, "" where releases have none
    architecture: str  # as OCI names it: amd64
    kernel: str
    cgroup: CgroupVersion
    cpus: int
    memory: int
    disk_free: Mapping[str, int]  # mount-relevant path -> free bytes
    swap: bool
    clock_offset: float  # host's clock minus ours, in seconds
    virtualisation: str  # systemd-detect-virt: none, kvm, systemd-nspawn
    sudo: bool  # commands run as root, directly or through sudo
    addresses: tuple[str, ...]
    listening_ports: frozenset[int]
    commands: frozenset[str]  # which of the commands we care for are on PATH
    packages: Mapping[str, str]
    stamps: Mapping[str, JournalEntry] = field(default_factory=dict)
    os_like: tuple[str, ...] = ()  # ID_LIKE: what it is made like, the closest first
    networks: tuple[str, ...] = ()  # of interfaces: `eth0 10.0.0.2/24`
    apparmor: bool = False
    oom_score_adjustable: bool = True  # may lower oom_score_adj (CAP_SYS_RESOURCE)
    conntrack_writable: bool = True  # net.netfilter.nf_conntrack_max can be set
    kubelet_config: bool = False  # /etc/kubernetes/kubelet.conf exists: this host is a node
    admin_config: bool = False  # /etc/kubernetes/admin.conf exists: a control plane
    foreign_cluster: bool = False  # it is a node, but not by this product
    releases: tuple[str, ...] = ()  # lines of the record of bundles, on the control plane
    site: HostObservation | None = None
    api: Seen[ApiObservation] = field(default_factory=Absent)  # as asked through this host
    etcd: Seen[EtcdObservation] = field(default_factory=Absent)


@dataclass(frozen=True, slots=True)
class Facts:
    """All hosts by address, and when they were asked (seconds since the epoch, UTC).

    silent: hosts that gave no answer, and why. api and etcd: as the first control plane that could says.
    """

    hosts: Mapping[str, HostFacts]
    gathered_at: float
    silent: Mapping[str, Unknown] = field(default_factory=dict)
    api: Seen[ApiObservation] = field(default_factory=Absent)
    etcd: Seen[EtcdObservation] = field(default_factory=Absent)
