"""Settings of a node that follow from what its host is."""

from dataclasses import dataclass
from typing import Final

from bundler.installer.facts.model import CgroupVersion, HostFacts

# What systemd-detect-virt --container may say.
_CONTAINERS: Final = frozenset(
    [
        "openvz",
        "lxc",
        "lxc-libvirt",
        "systemd-nspawn",
        "docker",
        "podman",
        "rkt",
        "wsl",
        "proot",
        "pouch",
        "container-other",
    ]
)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The settings of containerd and the kubelet on one host."""

    systemd_cgroup: bool
    restrict_oom_score_adj: bool
    disable_apparmor: bool

    @property
    def cgroup_driver(self) -> str:
        """In the kubelet's words; containerd and kubelet must agree."""
        return "systemd" if self.systemd_cgroup else "cgroupfs"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What holds for all nodes because Kubernetes has one setting for all of them."""

    conntrack_writable: bool


def in_container(host: HostFacts) -> bool:
    """Whether the host is a container: the kernel and its modules are somebody else's."""
    return host.virtualisation in _CONTAINERS


def node_settings(host: HostFacts) -> NodeSettings:
    """Decide for one host; the systemd driver is for the unified hierarchy, as Kubernetes' guide has it."""
    return NodeSettings(
        systemd_cgroup=host.cgroup is CgroupVersion.V2,
        restrict_oom_score_adj=not host.oom_score_adjustable,
        disable_apparmor=not host.apparmor,
    )


def cluster_settings(control_plane: HostFacts) -> ClusterSettings:
    """The control plane's own; a worker's facts are that worker's word and bind no other host."""
    return ClusterSettings(conntrack_writable=control_plane.conntrack_writable)
