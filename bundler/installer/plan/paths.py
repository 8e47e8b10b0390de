"""Where things lie on a host. All that is ours is below `STATE` and `CONFIG`, but for programs and units."""

from typing import Final

STATE: Final = "/var/lib/bundler"
CONFIG: Final = "/etc/bundler"
PROGRAMS: Final = "/usr/local/bin"
UNITS: Final = "/etc/systemd/system"

KEPT: Final = f"{STATE}/kept"  # what the versions before ran with: two generations, for a way back

REGISTRY_STORE: Final = f"{STATE}/registry"
REGISTRY_REPOSITORIES: Final = f"{REGISTRY_STORE}/docker/registry/v2/repositories"
REGISTRY_BLOBS: Final = f"{REGISTRY_STORE}/docker/registry/v2/blobs/sha256"
REGISTRY_CONFIG: Final = f"{CONFIG}/registry.yml"
REGISTRY_CERTIFICATE: Final = f"{CONFIG}/registry.crt"
REGISTRY_KEY: Final = f"{CONFIG}/registry.key"
REGISTRY_HTPASSWD: Final = f"{CONFIG}/registry.htpasswd"
REGISTRY_RUNNING: Final = "/run/bundler-registry"  # copies of these four, for its own user
REGISTRY_UNIT: Final = "bundler-registry.service"

CA: Final = f"{CONFIG}/ca.crt"  # the site's own
CLUSTER_CA: Final = f"{CONFIG}/cluster-ca.crt"
ENDPOINT_CONFIG: Final = f"{CONFIG}/endpoint.cfg"
ENDPOINT_UNIT: Final = "bundler-endpoint.service"
VIP_CONFIG: Final = f"{CONFIG}/vip.conf"
VIP_CHECK: Final = f"{CONFIG}/vip-check"
VIP_UNIT: Final = "bundler-vip.service"
CERTS: Final = f"{CONFIG}/certs.d"
SNAPSHOT_SCRIPT: Final = f"{CONFIG}/snapshot"
SNAPSHOT_SERVICE: Final = "bundler-snapshot.service"
SNAPSHOT_TIMER: Final = "bundler-snapshot.timer"
TIMED_SNAPSHOTS: Final = f"{STATE}/timed-snapshots"
CONTAINERD_CONFIG: Final = f"{CONFIG}/containerd.toml"
CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"

CRICTL_CONFIG: Final = "/etc/crictl.yaml"
KUBELET_DROP_INS: Final = "/etc/kubernetes/kubelet.conf.d"

KUBEADM_CONFIG: Final = f"{CONFIG}/kubeadm.yml"
JOIN_CONFIG: Final = f"{STATE}/join.json"
DISCOVERY: Final = f"{STATE}/discovery.conf"
SHARED_PKI: Final = f"{STATE}/join-pki"

ARCHIVES: Final = f"{STATE}/archives"
APPS: Final = f"{STATE}/apps"
TREE: Final = f"{STATE}/root"
PLUGINS: Final = f"{STATE}/plugins"
RUNTIME: Final = f"{STATE}/runtime"
RUNTIME_ARCHIVE: Final = f"{STATE}/runtime.tar.gz"
HELM_LIBRARY: Final = f"{STATE}/helm/libhelm_c.so"

# Folders that Kubernetes, containerd, network plug-ins and kubectl make while they run. Those that were not
# there before us go as a whole when the cluster is deleted.
TREES: Final = (
    CERTS,
    "/etc/kubernetes",
    "/etc/cni",
    "/etc/containerd",
    "/opt/cni",
    "/opt/containerd",
    "/root/.kube/cache",
    "/run/cni",
    "/run/containerd",
    "/run/flannel",
    "/run/netns",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/calico",
    "/var/log/calico",
    "/var/log/containers",
    "/var/log/kubernetes",
    "/var/log/pods",
)
# Folders that may hold what is neither ours nor theirs, as keys and revocations in CONFIG/trust.d: they
# go if they are empty.
FOLDERS: Final = (CONFIG, "/lib/modules", "/etc/ssl/certs")
