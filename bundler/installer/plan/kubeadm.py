"""kubeadm's configuration: our defaults, the bundle's file over them, the Clusterfile's over both."""

import ipaddress
import json
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Any, Final

import yaml

from bundler.core.addresses import is_v6
from bundler.installer.facts.model import CgroupVersion, HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.endpoint import API_PORT, ENDPOINT, shared_address
from bundler.installer.plan.hardening import cluster_defaults, kubelet_defaults
from bundler.installer.plan.kubeadm_arguments import argument
from bundler.installer.plan.kubeadm_convert import Document
from bundler.installer.plan.kubeadm_documents import deep
from bundler.installer.plan.proxy_mode import proxy_mode
from bundler.installer.plan.settings import in_container, node_settings
from bundler.installer.plan.weakened import fitted
from bundler.installer.site.model import Host

# Room for 16,384 nodes of 254 pods, in the block that no site numbers its machines from (RFC 6598).
POD_SUBNET: Final = "100.64.0.0/10"
SERVICE_SUBNET: Final = "10.96.0.0/16"
NETWORKING: Final = ("podSubnet", "serviceSubnet", "dnsDomain")  # for a cluster's life
# The same for a cluster of IPv6: of the private block (RFC 4193), 65,536 nodes, 65,536 services.
_SUBNETS_V6: Final = ("fd64:100::/48", "fd64:96::/112")

# An API server that is to stop says so and serves on until the balancers, which ask each second, know.
_FAREWELL: Final = "5s"

_JSON: Final = json.JSONEncoder(sort_keys=True)

_JOIN_TRACES: Final = (
    "Port-10250",
    "FileAvailable--etc-kubernetes-kubelet.conf",
    "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
    "FileAvailable--etc-kubernetes-pki-ca.crt",
)
_INIT_TRACES: Final = (
    *(f"Port-{port}" for port in (API_PORT, 2379, 2380, 10250, 10257, 10259)),
    *(
        f"FileAvailable--etc-kubernetes-manifests-{name}.yaml"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    ),
    "DirAvailable--var-lib-etcd",
)


def init_config(context: Context) -> str:
    """The file for `kubeadm init`: four documents of YAML."""
    return context.layers.dump(*cluster_documents(context).values())


def cluster_config(context: Context, host: Host, *, peers: tuple[str, ...] = ()) -> str:
    """The same for phases that one control plane goes through by itself, under its own name and address.

    peers: further names of its etcd member's certificate.
    """
    documents = dict(cluster_documents(context, host))
    if peers:
        more = {"etcd": {"local": {"peerCertSANs": list(peers), "serverCertSANs": list(peers)}}}
        documents["ClusterConfiguration"] = deep(documents["ClusterConfiguration"], more)
    return context.layers.dump(*documents.values())


def cluster_documents(context: Context, host: Host | None = None) -> Mapping[str, Document]:
    """Of `kubeadm init`, by kind, as they are after all merging; for the primary control plane or another."""
    kinds = ("InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration")
    defaults = {
        "InitConfiguration": _init(context, host or context.primary),
        "ClusterConfiguration": _cluster(context),
        "KubeletConfiguration": _kubelet(context),
        "KubeProxyConfiguration": _kube_proxy(context),
    }
    return {kind: context.layers.merged(kind, defaults[kind]) for kind in kinds}


def join_config(context: Context, host: Host) -> str:
    """The file for `kubeadm join`; it holds no secret. JSON, which kubeadm reads as it does YAML.

    There is one for each host: YAML would take a hundred times as long, an indented text ten times.
    """
    facts = context.of(host)
    defaults: dict[str, Any] = {
        "nodeRegistration": _registration(context, host, facts),
        **_patience(context),
    }
    if host.is_control_plane:
        defaults["controlPlane"] = {"localAPIEndpoint": _local_endpoint(host, facts)}
    document = context.layers.merged("JoinConfiguration", defaults)
    whole = {**document, "discovery": {"file": {"kubeConfigPath": paths.DISCOVERY}}}
    return _JSON.encode(context.layers.form(whole)) + "\n"


@cache
def discovery_config() -> str:
    """A kubeconfig with the API's name, its CA and a token, in the slots `@@ca@@` and `@@token@@`.

    A file instead of kubeadm's token discovery: the CA comes over SSH, so nothing has to be trusted on first
    use. With a token in it, kubeadm asks nothing before it begins (without one it first sleeps 5 s).
    """
    cluster = {"server": f"https://{ENDPOINT}:{API_PORT}", "certificate-authority-data": "@@ca@@"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "site", "cluster": cluster}],
        "users": [{"name": "joining", "user": {"token": "@@token@@"}}],
        "contexts": [{"name": "join", "context": {"cluster": "site", "user": "joining"}}],
        "current-context": "join",
    }
    return yaml.safe_dump(document, sort_keys=True)


def skipped_phases(context: Context, *, initial: bool = False) -> tuple[str, ...]:
    """Phases that can't work here (checks without crictl) or were done before.

    initial: of `kubeadm init`, not of a join.
    """
    contents = context.contents
    blind = contents.version.preflight_needs_crictl and not contents.has_crictl
    skipped = ("preflight",) if blind else ()
    return (*skipped, "kubelet-start") if initial else skipped


def ignored_checks(context: Context, host: Host) -> tuple[str, ...]:
    """kubeadm's checks that must not end a run that goes on where an earlier one was cut.

    They ask for a host without any trace of Kubernetes. Our own checks look at that, before anything is done.
    """
    facts = context.of(host)
    traces = (*_INIT_TRACES, *_JOIN_TRACES) if host.is_control_plane else _JOIN_TRACES
    swap = ("Swap",) if facts.swap else ()
    # In a container kubeadm finds neither the kernel's configuration nor its modules.
    odd = in_container(facts) or (facts.cgroup is CgroupVersion.V1 and allows_cgroup_v1(context))
    return (*dict.fromkeys(traces), *swap, *(("SystemVerification",) if odd else ()))


def allows_cgroup_v1(context: Context) -> bool:
    """Whether the kubelet starts on cgroup v1: by its version, or because the site says so itself."""
    asked = context.layers.asked("KubeletConfiguration").get("failCgroupV1")
    return asked is False or not context.contents.version.refuses_cgroup_v1


def kubelet_drop_in(context: Context, facts: HostFacts) -> str:
    """What the kubelet of this host does in its own way, for /etc/kubernetes/kubelet.conf.d; YAML."""
    asked = context.layers.asked("KubeletConfiguration")
    driver = node_settings(facts).cgroup_driver
    differs = driver != _common_driver(context) and "cgroupDriver" not in asked
    return _drop_in(driver if differs else "", swap=facts.swap and "failSwapOn" not in asked)


@cache  # few hosts differ, and writing YAML takes long
def _drop_in(driver: str, *, swap: bool) -> str:
    own: dict[str, Any] = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
    own |= {"cgroupDriver": driver} if driver else {}
    own |= {"failSwapOn": False} if swap else {}
    return yaml.safe_dump(own, sort_keys=True)


def _common_driver(context: Context) -> str:
    """What KubeletConfiguration says for all nodes: what the first control plane needs."""
    return node_settings(context.of(context.primary)).cgroup_driver


def networking(context: Context) -> dict[str, str]:
    """podSubnet, serviceSubnet and dnsDomain as they will be, after all merging; any runtime takes them."""
    merged = context.layers.merged("ClusterConfiguration", _cluster(context)).get("networking", {})
    return {name: str(merged[name]) for name in NETWORKING if merged.get(name)}


def subnets(context: Context) -> tuple[str, str]:
    """Pod and service subnets."""
    found = networking(context)
    return found.get("podSubnet", ""), found.get("serviceSubnet", "")


def _init(context: Context, host: Host) -> Document:
    facts = context.of(host)
    return {
        "localAPIEndpoint": _local_endpoint(host, facts),
        "nodeRegistration": _registration(context, host, facts),
        **_patience(context),
    }


def _patience(context: Context) -> Document:
    """kubeadm gives a busy machine's API server one minute to answer; ours may take as long as the step."""
    if not context.contents.version.arguments_are_lists:  # only v1beta4 lets one say so
        return {}
    return {"timeouts": {"kubernetesAPICall": "5m0s"}}


def _local_endpoint(host: Host, facts: HostFacts) -> Document:
    endpoint: dict[str, Any] = {"bindPort": API_PORT}
    if host.address in facts.addresses:  # behind address translation the host does not have it
        endpoint["advertiseAddress"] = host.address
    return endpoint


def _registration(context: Context, host: Host, facts: HostFacts) -> Document:
    registration: dict[str, Any] = {
        "name": node_name(facts),
        "criSocket": f"unix://{paths.CONTAINERD_SOCKET}",
        "kubeletExtraArgs": _kubelet_arguments(context, host, facts),
    }
    if host.is_control_plane and context.takes_pods(host):
        registration["taints"] = []
    return registration


def _kubelet_arguments(context: Context, host: Host, facts: HostFacts) -> list[Any]:
    """Only what differs from host to host and is no field of KubeletConfiguration, or can't be one yet."""
    own = tuple(address for address in _one_of_each(host) if address in facts.addresses)
    arguments = [argument("node-ip", ",".join(own))] if host.address in own else []
    driver = node_settings(facts).cgroup_driver
    differs = driver != _common_driver(context)
    if differs and not context.contents.version.kubelet_drop_ins:
        arguments.append(argument("cgroup-driver", driver))
    if facts.swap and not context.contents.version.kubelet_drop_ins:
        arguments.append(argument("fail-swap-on", "false"))  # here alone: others keep the stricter setting
    return arguments


def _one_of_each(host: Host) -> tuple[str, ...]:
    """A node has one address of each family: the one that it is reached at, and the first of the other."""
    other = (each for each in host.more if is_v6(each) is not is_v6(host.address))
    return (host.address, *islice(other, 1))


def _cluster(context: Context) -> Document:
    env = {**context.contents.index.env, **context.site.env}
    shared = shared_address(context)
    more = [address for host in context.site.control_planes for address in host.more]
    names = {"apiServer": {"certSANs": [*((shared,) if shared else ()), *more]}} if shared or more else {}
    pods, services = _SUBNETS_V6 if is_v6(context.primary.address) else (POD_SUBNET, SERVICE_SUBNET)
    ours = fitted(
        cluster_defaults(context.contents.version),
        context.layers.asked("ClusterConfiguration"),
        context.layers.asked("KubeletConfiguration"),
    )
    defaults = deep(ours, names)
    if context.further:
        defaults["apiServer"]["extraArgs"].append(argument("shutdown-delay-duration", _FAREWELL))
    return {
        **defaults,
        "kubernetesVersion": context.contents.version.text,
        "clusterName": context.site.name,
        "controlPlaneEndpoint": f"{ENDPOINT}:{API_PORT}",
        "networking": {
            "podSubnet": env.get("PodCIDR") or pods,
            "serviceSubnet": env.get("SvcCIDR") or services,
        },
    }


def _kubelet(context: Context) -> Document:
    return {
        **kubelet_defaults(),
        "cgroupDriver": _common_driver(context),
        "failSwapOn": True,
        "serializeImagePulls": False,  # they come from next door; serialising them gains nothing
    }


def _kube_proxy(context: Context) -> Document:
    mode = {"mode": proxy_mode(context)}
    return mode if context.cluster.conntrack_writable else {**mode, "conntrack": {"maxPerCore": 0}}


def overlapping(context: Context) -> tuple[str, ...]:
    """Addresses of hosts that lie in the pods' or services' subnets, with the subnet; none may."""
    networks = [
        ipaddress.ip_network(part, strict=False)
        for text in subnets(context)
        for part in text.split(",")
        if part
    ]
    return tuple(
        f"{host.address} is in {network}"
        for host in context.site.hosts
        for address in _parsed(host.address)
        for network in networks
        if address in network
    )


def _parsed(address: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
    try:
        return (ipaddress.ip_address(address),)
    except ValueError:  # a host may be given by name
        return ()
