"""What the CIS Kubernetes Benchmark asks of the control plane and the kubelet, as far as it is ours to set.

These are defaults: the bundle's documents and the Clusterfile's go over them, argument by argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml

from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan.kubeadm_arguments import argument

FOLDER: Final = "/etc/kubernetes/bundler"  # mounted read-only into the API server
AUDIT_LOGS: Final = "/var/log/kubernetes/audit"
CA: Final = "/etc/kubernetes/pki/ca.crt"

_HEALTH_PATHS: Final = ("/healthz", "/livez", "/readyz")  # probes and load balancers ask without a name
_SYSTEM_NAMESPACES: Final = ("kube-system",)
_CIPHERS: Final = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
# Of one pod: kernels allow 32,768 processes or far more, so no pod takes all of a node.
_PIDS: Final = 16384


@dataclass(frozen=True, slots=True)
class File:
    """A file that the API server reads. secret: never shown."""

    name: str
    content: str
    secret: bool = False

    @property
    def path(self) -> str:
        """Where it lies on every control plane."""
        return f"{FOLDER}/{self.name}"


def cluster_defaults(version: KubernetesVersion) -> dict[str, Any]:
    """Parts of ClusterConfiguration."""
    volumes = [
        {
            "name": "bundler",
            "hostPath": FOLDER,
            "mountPath": FOLDER,
            "readOnly": True,
            "pathType": "Directory",
        },
        {
            "name": "audit",
            "hostPath": AUDIT_LOGS,
            "mountPath": AUDIT_LOGS,
            "readOnly": False,
            "pathType": "DirectoryOrCreate",
        },
    ]
    return {
        # Making RSA keys takes seconds, using them costs on every connection; before 1.31 there is no choice.
        **({"encryptionAlgorithm": "ECDSA-P256"} if version.at_least(31) else {}),
        "apiServer": {"extraArgs": _api_server(version), "extraVolumes": volumes},
        "controllerManager": {
            "extraArgs": [
                # It throttles itself by default; making an account for each controller takes it 6 s.
                argument("kube-api-burst", "200"),
                argument("kube-api-qps", "100"),
                argument("profiling", "false"),
                argument("terminated-pod-gc-threshold", "1000"),
            ]
        },
        "scheduler": {"extraArgs": [argument("profiling", "false")]},
    }


def _api_server(version: KubernetesVersion) -> list[Any]:
    anonymous = (
        [argument("authentication-config", f"{FOLDER}/authentication.yaml")]
        if version.authentication_api
        else []
    )
    return [
        argument("admission-control-config-file", f"{FOLDER}/admission.yaml"),
        argument("audit-log-maxage", "30"),
        argument("audit-log-maxbackup", "10"),
        argument("audit-log-maxsize", "100"),
        argument("audit-log-path", f"{AUDIT_LOGS}/audit.log"),
        argument("audit-policy-file", f"{FOLDER}/audit-policy.yaml"),
        *anonymous,
        argument("encryption-provider-config", f"{FOLDER}/encryption.yaml"),
        argument("kubelet-certificate-authority", CA),
        argument("profiling", "false"),
        argument("tls-cipher-suites", ",".join(_CIPHERS)),
    ]


def kubelet_defaults() -> dict[str, Any]:
    """Parts of KubeletConfiguration. Its serving certificate comes from the cluster's CA."""
    return {
        "serverTLSBootstrap": True,
        "podPidsLimit": _PIDS,
        "seccompDefault": True,
        "tlsCipherSuites": list(_CIPHERS),
        "tlsMinVersion": "VersionTLS12",
    }


def files(version: KubernetesVersion, *, key: str, namespaces: Iterable[str]) -> tuple[File, ...]:
    """What the API server's arguments name.

    key: 32 bytes in base64, made on site. namespaces: whose pods may ask for anything, beside the system's.
    """
    admission, policy, *authentication = _public(tuple(namespaces), version.authentication_api)
    encryption = File("encryption.yaml", _dump(_encryption(key)), secret=True)
    return (admission, policy, encryption, *authentication)


@lru_cache(maxsize=16)
def _public(namespaces: tuple[str, ...], authentication_api: str) -> tuple[File, ...]:
    """Those without a secret: the same on every control plane, and slow to write."""
    found = (
        File("admission.yaml", _dump(_admission(namespaces))),
        File("audit-policy.yaml", _dump(_audit_policy())),
    )
    if not authentication_api:
        return found
    return (*found, File("authentication.yaml", _dump(_authentication(authentication_api))))


def _dump(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=True)


def _admission(namespaces: tuple[str, ...]) -> dict[str, Any]:
    levels = {
        f"{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", "baseline"), ("-version", "latest"))
    }
    exempt = sorted({*_SYSTEM_NAMESPACES, *namespaces})
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {
                    "apiVersion": "pod-security.admission.config.k8s.io/v1",
                    "kind": "PodSecurityConfiguration",
                    "defaults": levels,
                    "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": exempt},
                },
            }
        ],
    }


def _encryption(key: str) -> dict[str, Any]:
    """Secrets are written encrypted; what an older cluster wrote in plain text can still be read."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "site", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }


def _authentication(api: str) -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in _HEALTH_PATHS]},
    }


def _audit_policy() -> dict[str, Any]:
    """Who did what to which object, never its content; not what the cluster asks itself all the time."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": [*(f"{path}*" for path in _HEALTH_PATHS), "/version"]},
            {
                "level": "None",
                "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"],
                "verbs": ["get", "update"],
                "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
            },
            {
                "level": "None",
                "userGroups": ["system:nodes"],
                "verbs": ["get", "list", "watch", "patch", "update"],
                "resources": [
                    {"group": "", "resources": ["nodes", "nodes/status", "pods/status"]},
                    {"group": "coordination.k8s.io", "resources": ["leases"]},
                ],
            },
            {
                "level": "None",
                "resources": [
                    {"group": "", "resources": ["events"]},
                    {"group": "events.k8s.io", "resources": ["events"]},
                ],
            },
            {"level": "Metadata"},
        ],
    }
