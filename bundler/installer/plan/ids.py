"""The ids of one host's steps: parts of the plan that wait for each other meet in names that mypy checks."""

from dataclasses import dataclass

from bundler.installer.plan.steps import Phase


def ident(phase: Phase, host: str, what: str) -> str:
    """A step's id: `runtime/10.0.0.2/start`."""
    return "/".join((phase, host, what))  # some hundred thousand times on a large site


@dataclass(frozen=True, slots=True)
class Ids:
    """Of the host with this address."""

    host: str

    @property
    def prepare(self) -> str:
        """Kernel settings, /etc/hosts, what the host looked like."""
        return ident(Phase.HOST, self.host, "prepare")

    @property
    def package_files(self) -> str:
        """The OS packages that the host lacks have arrived."""
        return ident(Phase.DISTRIBUTE, self.host, "packages")

    @property
    def packages(self) -> str:
        """OS packages are installed."""
        return ident(Phase.HOST, self.host, "packages")

    @property
    def programs(self) -> str:
        """kubeadm, kubelet and the like are in place."""
        return ident(Phase.DISTRIBUTE, self.host, "programs")

    @property
    def kubelet(self) -> str:
        """The kubelet's unit is enabled."""
        return ident(Phase.HOST, self.host, "kubelet")

    @property
    def containerd(self) -> str:
        """containerd serves."""
        return ident(Phase.RUNTIME, self.host, "start")

    @property
    def images(self) -> str:
        """What the kubelet starts at once is in containerd."""
        return ident(Phase.RUNTIME, self.host, "images")

    @property
    def certs(self) -> str:
        """The cluster's certificates are made."""
        return ident(Phase.CONTROL_PLANE, self.host, "certs")

    @property
    def registry(self) -> str:
        """The site's registry answers, with the cluster's images in it."""
        return ident(Phase.REGISTRY, self.host, "ready")

    @property
    def node_images(self) -> str:
        """The cluster's own images are in the site's registry."""
        return ident(Phase.REGISTRY, self.host, "images")

    @property
    def app_images(self) -> str:
        """The apps' images are in the site's registry."""
        return ident(Phase.REGISTRY, self.host, "app-images")

    @property
    def kubelet_started(self) -> str:
        """The control plane's kubelet runs, with nothing to do yet."""
        return ident(Phase.CONTROL_PLANE, self.host, "kubelet")

    @property
    def init(self) -> str:
        """The control plane runs."""
        return ident(Phase.CONTROL_PLANE, self.host, "init")

    @property
    def ca(self) -> str:
        """Captures the cluster's certificate."""
        return ident(Phase.CONTROL_PLANE, self.host, "ca")

    @property
    def token(self) -> str:
        """Captures a token for joining."""
        return ident(Phase.CONTROL_PLANE, self.host, "token")

    @property
    def pki(self) -> str:
        """Captures the keys that all control planes share."""
        return ident(Phase.CONTROL_PLANE, self.host, "pki")

    @property
    def ca_file(self) -> str:
        """Captures the cluster's certificate as a file."""
        return ident(Phase.CONTROL_PLANE, self.host, "ca-file")

    @property
    def member(self) -> str:
        """This control plane has joined."""
        return ident(Phase.CONTROL_PLANE, self.host, "join")

    @property
    def settled(self) -> str:
        """This control plane has joined, and every member of etcd is a healthy voter."""
        return ident(Phase.CONTROL_PLANE, self.host, "settled")

    @property
    def endpoint(self) -> str:
        """The API's name leads somewhere on this host."""
        return ident(Phase.HOST, self.host, "endpoint")

    @property
    def balancer(self) -> str:
        """This worker's balancer runs with the list of control planes as it is now."""
        return ident(Phase.HOST, self.host, "endpoint-start")

    @property
    def join(self) -> str:
        """This worker has joined."""
        return ident(Phase.WORKERS, self.host, "join")

    @property
    def dns(self) -> str:
        """The cluster's DNS is configured."""
        return ident(Phase.NETWORK, self.host, "dns")

    @property
    def kubelet_certificates(self) -> str:
        """The API server reaches every kubelet."""
        return ident(Phase.NETWORK, self.host, "kubelet-certificates")

    @property
    def ready(self) -> str:
        """All nodes are Ready."""
        return ident(Phase.NETWORK, self.host, "nodes")
