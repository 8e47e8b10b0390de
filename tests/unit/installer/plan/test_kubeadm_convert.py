"""kubeadm's documents from any API to the bundle's: moved field by field, or refused with a place."""

from typing import Any

import pytest
import yaml

from bundler.core import yamldoc
from bundler.core.errors import Problems
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan.kubeadm_convert import Source
from bundler.installer.plan.kubeadm_documents import Layers

KIND = "ClusterConfiguration"


def layers(text: str, version: str) -> Layers:
    documents = yamldoc.load_all(text, "site.yaml")
    sources = {document.data["kind"]: Source(document.data, document) for document in documents}
    return Layers(KubernetesVersion.parse(version), {}, sources)


def converted(text: str, kind: str, version: str = "v1.37.2") -> Any:
    made = layers(text, version)
    (document,) = yaml.safe_load_all(made.dump(made.merged(kind, {})))
    return {key: value for key, value in document.items() if key not in {"apiVersion", "kind"}}


def refused(text: str, version: str = "v1.37.2") -> list[tuple[str, str, str]]:
    with pytest.raises(Problems) as caught:
        layers(text, version).merged(KIND, {})
    return [(str(each.location), each.message, each.hint) for each in caught.value.problems]


@pytest.mark.parametrize("api", ["v1beta1", "v1beta2", "v1beta3"])
def test_a_map_of_arguments_becomes_a_list(api: str) -> None:
    text = f"""\
apiVersion: kubeadm.k8s.io/{api}
kind: ClusterConfiguration
apiServer: {{extraArgs: {{v: 3, anonymous-auth: false, feature-gates: ""}}}}
etcd: {{local: {{extraArgs: {{quota-backend-bytes: "8589934592"}}}}}}
"""
    assert converted(text, KIND) == {
        "apiServer": {
            "extraArgs": [
                {"name": "v", "value": "3"},
                {"name": "anonymous-auth", "value": "false"},
                {"name": "feature-gates", "value": ""},
            ]
        },
        "etcd": {"local": {"extraArgs": [{"name": "quota-backend-bytes", "value": "8589934592"}]}},
    }


TIMEOUT = """\
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
dns: {type: CoreDNS, imageTag: v1.14.6}
useHyperKubeImage: false
apiServer:
  timeoutForControlPlane: 6m0s
  certSANs: [api.example]
"""


def test_the_control_planes_timeout_moves_to_the_documents_that_have_it_now() -> None:
    assert converted(TIMEOUT, KIND) == {
        "dns": {"imageTag": "v1.14.6"},
        "apiServer": {"certSANs": ["api.example"]},
    }
    for kind in ("InitConfiguration", "JoinConfiguration"):
        assert converted(TIMEOUT, kind) == {"timeouts": {"controlPlaneComponentHealthCheck": "6m0s"}}


def test_before_v1beta4_it_stays_where_it_is() -> None:
    assert converted(TIMEOUT, KIND, "v1.30.0")["apiServer"]["timeoutForControlPlane"] == "6m0s"
    assert converted(TIMEOUT, "InitConfiguration", "v1.30.0") == {}


def test_a_discovery_timeout_moves_too() -> None:
    text = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery: {timeout: 7m0s, tlsBootstrapToken: a.b}
nodeRegistration: {kubeletExtraArgs: {max-pods: 200}}
"""
    assert converted(text, "JoinConfiguration") == {
        "discovery": {"tlsBootstrapToken": "a.b"},
        "timeouts": {"discovery": "7m0s"},
        "nodeRegistration": {"kubeletExtraArgs": [{"name": "max-pods", "value": "200"}]},
    }


@pytest.mark.parametrize(
    ("field", "place", "message", "hint"),
    [
        ("dns: {type: kube-dns}", "4:7", "dns.type: kube-dns is not supported since", "CoreDNS is the only"),
        ("useHyperKubeImage: true", "4:1", "useHyperKubeImage: True is not supported since", "leave it out"),
    ],
)
def test_what_no_longer_can_be_is_refused_with_its_line(
    field: str, place: str, message: str, hint: str
) -> None:
    text = f"apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nclusterName: shop\n{field}\n"
    (found,) = refused(text)
    assert found[0] == f"site.yaml:{place}"
    assert found[1].startswith(message)
    assert hint in found[2]


def test_an_old_field_in_a_new_document_is_refused_with_the_new_ones_name() -> None:
    text = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  timeoutForControlPlane: 6m0s
"""
    ((place, message, hint),) = refused(text)
    assert place == "site.yaml:4:3"
    assert message == "apiServer.timeoutForControlPlane does not exist in kubeadm.k8s.io/v1beta4"
    assert "timeouts.controlPlaneComponentHealthCheck" in hint


def test_a_newer_document_for_an_older_kubernetes() -> None:
    text = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
encryptionAlgorithm: ECDSA-P256
apiServer:
  extraArgs:
  - {name: service-account-issuer, value: "https://a"}
  - {name: service-account-issuer, value: "https://b"}
controllerManager:
  extraArgs: [{name: v, value: "2"}]
"""
    assert [(place, message) for place, message, _ in refused(text, "v1.30.0")] == [
        ("site.yaml:3:1", "encryptionAlgorithm needs kubeadm.k8s.io/v1beta4, so Kubernetes 1.31 or newer"),
        (
            "site.yaml:5:3",
            "service-account-issuer stands more than once, which kubeadm.k8s.io/v1beta3 can't say",
        ),
    ]
    single = text.replace("encryptionAlgorithm: ECDSA-P256\n", "").replace(
        '  - {name: service-account-issuer, value: "https://b"}\n', ""
    )
    assert converted(single, KIND, "v1.30.0") == {
        "apiServer": {"extraArgs": {"service-account-issuer": "https://a"}},
        "controllerManager": {"extraArgs": {"v": "2"}},
    }
    assert [each["value"] for each in converted(text, KIND)["apiServer"]["extraArgs"]] == [
        "https://a",
        "https://b",
    ]


@pytest.mark.parametrize("api", ["v1alpha3", "v1", "v1beta5"])
def test_an_api_that_nobody_reads(api: str) -> None:
    ((place, message, hint),) = refused(f"apiVersion: kubeadm.k8s.io/{api}\nkind: ClusterConfiguration\n")
    assert place == "site.yaml:1:1"
    assert message.startswith(f"kubeadm.k8s.io/{api} is not read")
    assert hint == "write apiVersion: kubeadm.k8s.io/v1beta4"


REMOVED = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  kubeletExtraArgs:
  - {name: max-pods, value: "50"}
  - {name: pod-infra-container-image, value: "pause:3.2"}
  - {name: storage-driver-db, value: x}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
featureGates: {NodeLocalCRISocket: true}
controllerManager:
  extraArgs:
    pod-eviction-timeout: 1m
    feature-gates: SidecarContainers=true,ImageVolume=true
etcd: {local: {extraArgs: {experimental-initial-corrupt-check: "true"}}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
featureGates:
  SidecarContainers: true
  ImageVolume: true
"""


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.34.4", {"14": "--pod-eviction-timeout was removed in Kubernetes 1.27"}),
        (
            "v1.35.0",
            {
                "6": "--pod-infra-container-image was removed in Kubernetes 1.35",
                "14": "--pod-eviction-timeout was removed in Kubernetes 1.27",
            },
        ),
        (
            "v1.37.2",
            {
                "6": "--pod-infra-container-image was removed in Kubernetes 1.35",
                "7": "--storage-driver-db was removed in Kubernetes 1.37",
                "11": "the feature gate NodeLocalCRISocket was removed in Kubernetes 1.37",
                "14": "--pod-eviction-timeout was removed in Kubernetes 1.27",
                "15": "the feature gate SidecarContainers was removed in Kubernetes 1.37",
                "16": "--experimental-initial-corrupt-check was removed in Kubernetes 1.37",
                "21": "the feature gate SidecarContainers was removed in Kubernetes 1.37",
            },
        ),
    ],
)
def test_removed_flags_and_gates_are_refused_with_line_and_version(
    version: str, expected: dict[str, str]
) -> None:
    found = {place.split(":")[1]: message for place, message, _ in refused(REMOVED, version)}
    assert {line: message.partition(";")[0] for line, message in found.items()} == expected
