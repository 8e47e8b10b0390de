"""kubeadm's configuration: our defaults, the bundle's file over them, the Clusterfile's over both."""

import ipaddress
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from bundler.core import yamldoc
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.contents import KUBEADM_FILE
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.endpoint import API_PORT, ENDPOINT, shared_address
from bundler.installer.plan.settings import in_container, node_settings
from bundler.installer.site.model import Host

# Room for 16,384 nodes of 254 pods, in the block that no site numbers its machines from (RFC 6598).
POD_SUBNET: Final = "100.64.0.0/10"
SERVICE_SUBNET: Final = "10.96.0.0/16"

_GROUPS: Final = {
    "InitConfiguration": "kubeadm.k8s.io/",
    "ClusterConfiguration": "kubeadm.k8s.io/",
    "JoinConfiguration": "kubeadm.k8s.io/",
    "KubeletConfiguration": "kubelet.config.k8s.io/",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/",
}

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

Document = Mapping[str, Any]


def init_config(context: Context) -> str:
    """The file for `kubeadm init`: four documents of YAML."""
    return _dump(context, *cluster_documents(context).values())


def cluster_documents(context: Context) -> Mapping[str, Document]:
    """Of `kubeadm init`, by kind, as they are after all merging."""
    kinds = ("InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration")
    defaults = {
        "InitConfiguration": _init(context),
        "ClusterConfiguration": _cluster(context),
        "KubeletConfiguration": _kubelet(context),
        "KubeProxyConfiguration": _kube_proxy(context),
    }
    return {kind: _merged(context, kind, defaults[kind]) for kind in kinds}


def join_config(context: Context, host: Host) -> str:
    """The file for `kubeadm join`; it holds no secret. JSON, which kubeadm reads as it does YAML.

    There is one for each host, and writing YAML takes a hundred times as long.
    """
    facts = context.of(host)
    defaults: dict[str, Any] = {
        "nodeRegistration": _registration(context, host, facts),
        **_patience(context),
    }
    if host.is_control_plane:
        defaults["controlPlane"] = {"localAPIEndpoint": _local_endpoint(host, facts)}
    document = _merged(context, "JoinConfiguration", defaults)
    whole = {**document, "discovery": {"file": {"kubeConfigPath": paths.DISCOVERY}}}
    return json.dumps(_form(context, whole), indent=2, sort_keys=True) + "\n"


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


def skipped_phases(context: Context, host: Host, *, initial: bool = False) -> tuple[str, ...]:
    """Phases that can't work here (checks without crictl, CoreDNS without its image) or were done before.

    initial: of `kubeadm init`, not of a join.
    """
    contents = context.contents
    blind = contents.version.preflight_needs_crictl and not contents.has_crictl
    # In a container kubeadm finds neither the kernel's configuration nor its modules.
    skipped = ("preflight",) if blind or in_container(context.of(host)) else ()
    if not initial:
        return skipped
    return (*skipped, "kubelet-start", *(() if contents.has_coredns else ("addon/coredns",)))


def ignored_checks(context: Context, host: Host) -> tuple[str, ...]:
    """kubeadm's checks that must not end a run that goes on where an earlier one was cut.

    They ask for a host without any trace of Kubernetes. Our own checks look at that, before anything is done.
    """
    swap = () if context.cluster.fail_swap_on else ("Swap",)
    traces = (*_INIT_TRACES, *_JOIN_TRACES) if host.is_control_plane else _JOIN_TRACES
    return (*dict.fromkeys(traces), *swap)


def subnets(context: Context) -> tuple[str, str]:
    """Pod and service subnets as they will be, after all merging."""
    networking = _merged(context, "ClusterConfiguration", _cluster(context)).get("networking", {})
    return str(networking.get("podSubnet", "")), str(networking.get("serviceSubnet", ""))


def _init(context: Context) -> Document:
    host = context.primary
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
        "criSocket": context.contents.version.cri_socket,
        "kubeletExtraArgs": _kubelet_arguments(context, host, facts),
    }
    if host.is_control_plane and context.takes_pods(host):
        registration["taints"] = []
    return registration


def _kubelet_arguments(context: Context, host: Host, facts: HostFacts) -> Document:
    """Only what differs from host to host; the rest is in KubeletConfiguration."""
    arguments = {"node-ip": host.address} if host.address in facts.addresses else {}
    driver = node_settings(facts).cgroup_driver
    if driver != node_settings(context.of(context.primary)).cgroup_driver:
        arguments["cgroup-driver"] = driver
    return arguments


def _cluster(context: Context) -> Document:
    env = {**context.contents.index.env, **context.site.env}
    shared = shared_address(context)
    return {
        **({"apiServer": {"certSANs": [shared]}} if shared else {}),
        "kubernetesVersion": context.contents.version.text,
        "clusterName": context.site.name,
        "controlPlaneEndpoint": f"{ENDPOINT}:{API_PORT}",
        "networking": {
            "podSubnet": env.get("PodCIDR") or POD_SUBNET,
            "serviceSubnet": env.get("SvcCIDR") or SERVICE_SUBNET,
        },
    }


def _kubelet(context: Context) -> Document:
    return {
        "cgroupDriver": node_settings(context.of(context.primary)).cgroup_driver,
        "failSwapOn": context.cluster.fail_swap_on,
        "serializeImagePulls": False,  # they come from next door; waiting in a row helps nobody
    }


def _kube_proxy(context: Context) -> Document:
    return {} if context.cluster.conntrack_writable else {"conntrack": {"maxPerCore": 0}}


def _merged(context: Context, kind: str, defaults: Document) -> dict[str, Any]:
    bundled = _bundled(context.contents.files.get(KUBEADM_FILE, b""))
    document = {"apiVersion": _api(context, kind), "kind": kind}
    for layer in (defaults, bundled.get(kind, {}), context.site.kubeadm.get(kind, {})):
        _check_api(context, kind, layer)
        own = {key: value for key, value in layer.items() if key not in {"apiVersion", "kind"}}
        document = _deep(document, _as_maps(own))
    return document


@cache
def _bundled(text: bytes) -> Mapping[str, Document]:
    """The documents of the bundle's etc/kubeadm.yml by kind. Raises Problems."""
    if not text:
        return {}
    found: dict[str, Document] = {}
    problems: list[Problem] = []
    for document in yamldoc.load_all(text, KUBEADM_FILE):
        kind = document.data.get("kind") if isinstance(document.data, dict) else None
        if kind in _GROUPS:
            found[str(kind)] = document.data
        elif document.data is not None:
            hint = f"kubeadm reads {', '.join(_GROUPS)}"
            problems.append(
                Problem(document.locate(["kind"]), "unknown-kind", f"unknown kind {kind!r}", hint)
            )
    if problems:
        raise Problems(tuple(problems))
    return found


def _api(context: Context, kind: str) -> str:
    match kind:
        case "KubeletConfiguration":
            return "kubelet.config.k8s.io/v1beta1"
        case "KubeProxyConfiguration":
            return "kubeproxy.config.k8s.io/v1alpha1"
        case _:
            return context.contents.version.kubeadm_api


def _check_api(context: Context, kind: str, layer: Document) -> None:
    given = str(layer.get("apiVersion", _GROUPS[kind]))
    if not given.startswith(_GROUPS[kind]):
        raise BundlerError(
            f"{kind} can't be of {given}",
            where=f"Kubernetes {context.contents.version.text}",
            fix=f"write apiVersion: {_api(context, kind)}",
            code=ExitCode.INPUT,
        )


def _deep(below: Document, above: Document) -> dict[str, Any]:
    """Maps are merged key by key; anything else of `above` takes the place of what is in `below`."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _deep(old, value) if both and old is not None else value
    return merged


def _as_maps(value: Any) -> Any:
    """`extraArgs` in one form, whichever API version a document was written for."""
    if isinstance(value, list):
        return [_as_maps(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _argument_map(part) if _is_arguments(key) else _as_maps(part) for key, part in value.items()}


def _is_arguments(key: object) -> bool:
    return key in {"extraArgs", "kubeletExtraArgs"}


def _argument_map(value: Any) -> Any:
    if isinstance(value, list):
        return {
            str(item["name"]): item["value"] for item in value if isinstance(item, Mapping) and "name" in item
        }
    return value


def _as_lists(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_lists(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: [{"name": name, "value": str(text)} for name, text in part.items()]
        if _is_arguments(key) and isinstance(part, Mapping)
        else _as_lists(part)
        for key, part in value.items()
    }


def _dump(context: Context, *documents: Document) -> str:
    return yaml.safe_dump_all(
        [_form(context, document) for document in documents], sort_keys=True, explicit_start=True
    )


def _form(context: Context, document: Document) -> Any:
    """`extraArgs` as this version's API has them."""
    return _as_lists(document) if context.contents.version.arguments_are_lists else dict(document)


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
        for network in networks
        if _is_in(host.address, network)
    )


def _is_in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:  # a host may be given by name
        return False
