"""What newer versions of Kubernetes no longer take: a dated table, and where documents use it.

A program that is given such a flag or gate does not start, and kubeadm then waits for it in vain for minutes.
Read from the release notes and, for 1.37, from the sources of 1.36.3 and 1.37.2 beside each other.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bundler.core.errors import Problem
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan.kubeadm_convert import Source

# Flags by program: name -> (the first minor without it, what to do now).
_Flags = Mapping[str, tuple[int, str]]

_LEFT_OUT: Final = "leave it out"
_CADVISOR: Final = (
    *("application-metrics-count-limit", "boot-id-file", "container-hints", "containerd"),
    *("containerd-namespace", "enable-load-reader", "event-storage-age-limit", "event-storage-event-limit"),
    *("global-housekeeping-interval", "log-cadvisor-usage", "machine-id-file"),
    *("storage-driver-buffer-duration", "storage-driver-db", "storage-driver-host"),
    *("storage-driver-password", "storage-driver-secure", "storage-driver-table", "storage-driver-user"),
)
_KUBELET: Final[_Flags] = {
    **dict.fromkeys(("cni-bin-dir", "cni-cache-dir", "cni-conf-dir", "network-plugin"), (24, _LEFT_OUT)),
    **dict.fromkeys(
        ("docker-endpoint", "image-pull-progress-deadline", "network-plugin-mtu"), (24, _LEFT_OUT)
    ),
    "container-runtime": (27, _LEFT_OUT),
    "cloud-config": (34, _LEFT_OUT),
    "register-schedulable": (34, "write nodeRegistration.taints"),
    "pod-infra-container-image": (35, "leave it out: the installer pins the pause image in containerd"),
    **dict.fromkeys(_CADVISOR, (37, _LEFT_OUT)),
}
_PORTS: Final = {"address": (24, "write bind-address"), "port": (24, "write secure-port")}
_API_SERVER: Final[_Flags] = {
    "insecure-port": (24, _LEFT_OUT),
    "insecure-bind-address": (24, _LEFT_OUT),
}
_CONTROLLER_MANAGER: Final[_Flags] = {
    **_PORTS,
    "enable-taint-manager": (27, _LEFT_OUT),
    "pod-eviction-timeout": (27, "write default-not-ready-toleration-seconds for the API server"),
    "concurrent-service-syncs": (37, _LEFT_OUT),
}
_SCHEDULER: Final[_Flags] = {
    **_PORTS,
    "policy-config-file": (23, "write config, with a KubeSchedulerConfiguration"),
}
_ETCD_EXPERIMENTAL: Final = (37, "leave the word experimental- out: etcd 3.7 has no flag with it")

_GATES: Final[Mapping[str, int]] = {
    "IPv6DualStack": 25,
    "TTLAfterFinished": 25,
    "DynamicKubeletConfig": 26,
    "CSIMigration": 27,
    "EphemeralContainers": 27,
    "PodSecurity": 28,
    **dict.fromkeys(
        (
            *("APIServerTracing", "AnonymousAuthConfigurableEndpoints", "AnyVolumeDataSource"),
            *("AuthorizeNodeWithSelectors", "AuthorizeWithSelectors", "BtreeWatchCache"),
            *("ConsistentListFromCache", "GangScheduling", "JobBackoffLimitPerIndex"),
            *("JobPodReplacementPolicy", "JobSuccessPolicy", "LogarithmicScaleDown"),
            *("OrderedNamespaceDeletion", "PodLifecycleSleepAction", "PodLifecycleSleepActionAllowZero"),
            *("PreventStaticPodAPIReferences", "RelaxedDNSSearchValidation"),
            *("ResilientWatchCacheInitialization", "RetryGenerateName", "SchedulerQueueingHints"),
            *("SidecarContainers", "StreamingCollectionEncodingToJSON"),
            *("StreamingCollectionEncodingToProtobuf", "StructuredAuthenticationConfiguration"),
            "WorkloadAwarePreemption",
        ),
        37,
    ),
}
_KUBEADM_GATES: Final[Mapping[str, int]] = {"ControlPlaneKubeletLocalMode": 36, "NodeLocalCRISocket": 37}

_Place = tuple[str, ...]
_ARGUMENTS: Final[tuple[tuple[str, _Place, _Flags], ...]] = (
    ("InitConfiguration", ("nodeRegistration", "kubeletExtraArgs"), _KUBELET),
    ("JoinConfiguration", ("nodeRegistration", "kubeletExtraArgs"), _KUBELET),
    ("ClusterConfiguration", ("apiServer", "extraArgs"), _API_SERVER),
    ("ClusterConfiguration", ("controllerManager", "extraArgs"), _CONTROLLER_MANAGER),
    ("ClusterConfiguration", ("scheduler", "extraArgs"), _SCHEDULER),
    ("ClusterConfiguration", ("etcd", "local", "extraArgs"), {}),
)
_GATE_MAPS: Final[tuple[tuple[str, Mapping[str, int]], ...]] = (
    ("ClusterConfiguration", _KUBEADM_GATES),
    ("KubeletConfiguration", _GATES),
    ("KubeProxyConfiguration", _GATES),
)


def removed(layer: Mapping[str, Source], version: KubernetesVersion) -> Iterator[Problem]:
    """Every flag and feature gate of these documents that this version's programs refuse."""
    for kind, path, flags in _ARGUMENTS:
        if kind in layer:
            yield from _in_arguments(layer[kind], path, flags, version)
    for kind, gates in _GATE_MAPS:
        named = layer[kind].data.get("featureGates") if kind in layer else None
        for name in named if isinstance(named, Mapping) else ():
            yield from _gate(layer[kind], ("featureGates", str(name)), str(name), gates, version)


def _in_arguments(
    source: Source, path: _Place, flags: _Flags, version: KubernetesVersion
) -> Iterator[Problem]:
    for place, name, value in _entries(source.data, path):
        plain = name.replace("_", "-").lstrip("-")
        gone = flags.get(plain)
        if path[0] == "etcd" and plain.startswith("experimental-"):
            gone = _ETCD_EXPERIMENTAL
        if gone is not None and version.at_least(gone[0]):
            message = f"--{plain} was removed in Kubernetes 1.{gone[0]}; the bundle has {version.text}"
            yield source.problem(place, "removed-flag", message, gone[1])
        if plain == "feature-gates":
            for gate in str(value).split(","):
                yield from _gate(source, place, gate.partition("=")[0].strip(), _GATES, version)


def _gate(
    source: Source, place: _Place, name: str, gates: Mapping[str, int], version: KubernetesVersion
) -> Iterator[Problem]:
    gone = gates.get(name)
    if gone is not None and version.at_least(gone):
        message = f"the feature gate {name} was removed in Kubernetes 1.{gone}; the bundle has {version.text}"
        yield source.problem(place, "removed-gate", message, _LEFT_OUT)


def _entries(data: Mapping[str, Any], path: _Place) -> Iterator[tuple[Any, str, object]]:
    """Place, name and value of each argument, in a map or in a list."""
    value: Any = data
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    match value:
        case Mapping():
            for name, each in value.items():
                yield (*path, name), str(name), each
        case list():
            for number, each in enumerate(value):
                if isinstance(each, Mapping) and "name" in each:
                    yield (*path, number, "name"), str(each["name"]), each.get("value")
