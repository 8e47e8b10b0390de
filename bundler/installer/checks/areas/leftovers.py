"""What other container engines and clusters have left behind, on hosts that are not ours yet."""

from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, always
from bundler.installer.checks.look import each, fresh
from bundler.installer.checks.model import Area, Check, Look, Seen, listed

_CLUSTERS: Final = (
    *(
        "k3s.service",
        "k3s-agent.service",
        "rke2-server.service",
        "rke2-agent.service",
        "k0scontroller.service",
    ),
    *(
        "k0sworker.service",
        "snap.microk8s.daemon-kubelite.service",
        "snap.k8s.kubelet.service",
        "kubelet.service",
    ),
    *("gravity.service", "kubelet-wrapper.service"),
)
_ENGINES: Final = ("docker.service", "crio.service", "cri-docker.service", "podman.service")
_SERVERS: Final = (
    "etcd.service",
    "keepalived.service",
    "haproxy.service",
    "nginx.service",
    "apache2.service",
)
UNITS: Final = (*_CLUSTERS, *_ENGINES, *_SERVERS, "containerd.service")
TRACES: Final = (
    *("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/etc/cni/net.d", "/opt/cni/bin"),
    *("/var/lib/cni", "/var/lib/containerd", "/var/lib/docker", "/var/lib/rancher", "/var/lib/k0s"),
    *("/var/snap/microk8s", "/etc/rancher", "/run/flannel", "/var/lib/calico", "/var/lib/cilium"),
    *("/etc/NetworkManager/conf.d", "/etc/containerd/config.toml", "/etc/docker/daemon.json"),
)
_PREFIXES: Final = (
    "cni",
    "flannel",
    "cali",
    "vxlan.calico",
    "cilium",
    "kube-",
    "weave",
    "docker",
    "lxc",
    "nodelocaldns",
)
_PACKAGES: Final = (
    *(
        "kubelet",
        "kubeadm",
        "kubectl",
        "docker-ce",
        "docker.io",
        "moby-engine",
        "containerd.io",
        "cri-o",
        "podman",
    ),
    "kubernetes-cni",
)


def _units(names: tuple[str, ...]) -> Look:
    return each(
        lambda seen: listed(n.removesuffix(".service") for n in names if n in seen.probe.units), fresh
    )


def _traces(*paths: str) -> Look:
    return each(lambda seen: listed(path for path in paths if path in seen.probe.traces), fresh)


def _links(seen: Seen) -> str:
    return listed(name for name in seen.probe.devices if name.startswith(_PREFIXES))


def _mounts(seen: Seen) -> str:
    return listed(m.point for m in seen.probe.mounts if m.point.startswith("/var/lib/kubelet"))


def _packages(seen: Seen) -> str:
    return listed(name for name in _PACKAGES if name in seen.facts.packages)


_A: Final = Area.LEFTOVERS
_RESET: Final = "remove it by its own tool (kubeadm reset, k3s-uninstall.sh), then reboot"

CHECKS: Final = (
    Check(
        "other-cluster",
        _A,
        ERROR,
        "no other Kubernetes runs",
        "two kubelets fight for one node",
        _RESET,
        _units(_CLUSTERS),
        always("none"),
    ),
    Check(
        "other-engine",
        _A,
        WARNING,
        "no other container engine runs",
        "its rules drop pods' packets (docker sets forward to drop), and it uses the same disk",
        "remove it, or stop it: systemctl disable --now docker",
        _units(_ENGINES),
        always("none"),
    ),
    Check(
        "other-containerd",
        _A,
        WARNING,
        "no other containerd runs",
        "its configuration is replaced",
        "stop what uses it, then: systemctl disable --now containerd",
        _units(("containerd.service",)),
        always("none"),
    ),
    Check(
        "other-servers",
        _A,
        NOTE,
        "no etcd, balancer or web server runs",
        "it may want a port that an app wants",
        "move it to another host",
        _units(_SERVERS),
        always("none"),
    ),
    Check(
        "left-config",
        _A,
        WARNING,
        "/etc/kubernetes is empty",
        "kubeadm takes old keys and configuration for its own",
        _RESET,
        _traces("/etc/kubernetes"),
        always("empty"),
    ),
    Check(
        "left-kubelet",
        _A,
        WARNING,
        "/var/lib/kubelet is empty",
        "the kubelet continues with an old node's state",
        _RESET,
        _traces("/var/lib/kubelet"),
        always("empty"),
    ),
    Check(
        "left-etcd",
        _A,
        ERROR,
        "/var/lib/etcd is empty",
        "etcd would start with another cluster's data",
        "if nobody needs the data: rm -r /var/lib/etcd/member",
        _traces("/var/lib/etcd"),
        always("empty"),
    ),
    Check(
        "left-cni",
        _A,
        WARNING,
        "no network plug-in is configured",
        "containerd takes the first file by name, which would be the old one",
        "rm /etc/cni/net.d/*",
        _traces("/etc/cni/net.d"),
        always("empty"),
    ),
    Check(
        "left-network-state",
        _A,
        NOTE,
        "no plug-in has left its state",
        "addresses look as if they were taken",
        "rm -r /var/lib/cni /run/flannel",
        _traces("/var/lib/cni", "/run/flannel", "/var/lib/calico", "/var/lib/cilium"),
        always("empty"),
    ),
    Check(
        "left-images",
        _A,
        NOTE,
        "containerd has no images",
        "they take up space that is never freed",
        "rm -r /var/lib/containerd",
        _traces("/var/lib/containerd"),
        always("empty"),
    ),
    Check(
        "left-engines",
        _A,
        NOTE,
        "no other engine has left its data",
        "it takes up space that is never freed",
        _RESET,
        _traces("/var/lib/docker", "/var/lib/rancher", "/var/lib/k0s", "/var/snap/microk8s", "/etc/rancher"),
        always("empty"),
    ),
    Check(
        "left-links",
        _A,
        WARNING,
        "no pod network has left its links",
        "a bridge with an old address takes pods' packets",
        "ip link delete NAME, or reboot",
        each(_links, fresh),
        always("none"),
    ),
    Check(
        "left-mounts",
        _A,
        WARNING,
        "no pod has left its mounts",
        "folders can't be removed",
        "umount them, or reboot",
        each(_mounts, fresh),
        always("none"),
    ),
    Check(
        "left-packages",
        _A,
        WARNING,
        "no package of Kubernetes or of an engine is installed",
        "an update of it replaces or restarts what runs",
        "remove it with the package manager",
        each(_packages, fresh),
        always("none"),
    ),
)
