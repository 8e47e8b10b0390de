"""What the CIS benchmark asks for: the API server's files, the kubelets' certificates, kube-proxy's mode."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bundler.core.index import App, AppKind, AppRole, Index, OsPackage
from bundler.installer.plan.contents import HELM_MEMBER
from bundler.installer.plan.kubelet_certificates import subject_alternative_name
from bundler.installer.plan.steps import Await, Write
from tests.unit.installer.plan import kit

SECRETS = replace(kit.SECRETS, encryption_key="a-key-of-the-site")


def file(name: str, bundle: Index | None = None) -> tuple[Write, Any]:
    step = kit.steps(kit.plan(bundle=bundle, secrets=SECRETS))[f"host/10.0.0.2/{name}"]
    assert isinstance(step, Write)
    assert step.path == f"/etc/kubernetes/bundler/{name}"
    assert step.mode == 0o600
    return step, yaml.safe_load(step.content)


def arguments(bundle: Index | None = None) -> dict[str, str]:
    step = kit.steps(kit.plan(bundle=bundle))["control-plane/10.0.0.2/config"]
    assert isinstance(step, Write)
    documents = {each["kind"]: each for each in yaml.safe_load_all(step.content)}
    found = documents["ClusterConfiguration"]["apiServer"]["extraArgs"]
    return found if isinstance(found, dict) else {each["name"]: each["value"] for each in found}


def test_secrets_are_encrypted_with_the_sites_key_which_is_shown_nowhere() -> None:
    step, document = file("encryption.yaml")
    (rule,) = document["resources"]
    assert rule["resources"] == ["secrets"]
    assert rule["providers"][0]["secretbox"]["keys"][0]["secret"] == "a-key-of-the-site"
    assert step.secret
    others = [each for each in kit.plan(secrets=SECRETS).steps if each.id != step.id]
    holders = [each.id for each in others if "a-key-of-the-site" in repr(each)]
    assert holders == ["registry/10.0.0.2/secrets"]  # where a later run finds it: root's alone


def test_pods_are_held_to_baseline_but_in_the_systems_namespaces() -> None:
    _, document = file("admission.yaml")
    (plugin,) = document["plugins"]
    assert plugin["name"] == "PodSecurity"
    assert plugin["configuration"]["defaults"]["enforce"] == "baseline"
    assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system"]


def test_the_namespace_of_an_app_that_its_kubefile_calls_privileged_is_exempt() -> None:
    apps = (
        App(
            "speaker", AppKind.HELM, AppRole.APP, "application/apps/speaker", namespace="lb", privileged=True
        ),
        App("web", AppKind.HELM, AppRole.APP, "application/apps/web", namespace="shop"),
    )
    files = {f"root/application/apps/{app.name}/Chart.yaml": 10 for app in apps} | {HELM_MEMBER: 10}
    _, document = file("admission.yaml", kit.index(apps=apps, launch=("speaker", "web"), files=files))
    (plugin,) = document["plugins"]
    assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system", "lb"]


def test_anonymous_requests_get_no_further_than_health() -> None:
    _, document = file("authentication.yaml")
    assert document["anonymous"]["enabled"] is True  # probes have no name
    assert [each["path"] for each in document["anonymous"]["conditions"]] == ["/healthz", "/livez", "/readyz"]
    assert "anonymous-auth" not in arguments()  # the API server refuses both


def test_before_1_32_there_is_no_file_for_it() -> None:
    bundle = kit.index(kubernetes="v1.31.9")
    assert "authentication-config" not in arguments(bundle)
    assert "host/10.0.0.2/authentication.yaml" not in kit.steps(kit.plan(bundle=bundle))


def test_every_file_that_the_api_server_is_told_of_is_there() -> None:
    made = kit.steps(kit.plan())
    there = {step.path for step in made.values() if isinstance(step, Write)}
    named = {value for value in arguments().values() if value.startswith("/etc/kubernetes/bundler/")}
    assert len(named) == 4
    assert named <= there


def test_the_audit_log_keeps_no_content_of_any_object() -> None:
    _, document = file("audit-policy.yaml")
    assert {rule["level"] for rule in document["rules"]} == {"None", "Metadata"}
    assert document["rules"][-1] == {"level": "Metadata"}


def request(name: str, address: str) -> str:
    """What a kubelet sends, as hexadecimal digits: Go writes names before addresses, not critical."""
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address(address))])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.add_extension(names, critical=False).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()
    )
    return made.public_bytes(serialization.Encoding.DER).hex()


@pytest.mark.parametrize("name", ["n", "node-1", "a" * 63, "a" * 63 + "." + "b" * 63])
@pytest.mark.parametrize("address", ["10.0.0.3", "fd00::3"])
def test_a_request_is_known_by_exactly_its_names(name: str, address: str) -> None:
    wanted = subject_alternative_name(name, address)
    assert wanted in request(name, address)
    assert wanted not in request(f"{name}x", address)
    assert wanted not in request(name, "10.0.0.4")


def test_more_names_than_the_nodes_own_are_another_request() -> None:
    names = x509.SubjectAlternativeName(
        [x509.DNSName("node-1"), x509.DNSName("api"), x509.IPAddress(ip_address("10.0.0.3"))]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.add_extension(names, critical=False).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()
    )
    der = made.public_bytes(serialization.Encoding.DER).hex()
    assert subject_alternative_name("node-1", "10.0.0.3") not in der


def test_every_node_of_the_site_is_waited_for() -> None:
    step = kit.steps(kit.plan())["network/10.0.0.2/kubelet-certificates"]
    assert isinstance(step, Await)
    for node, address in (("node-10-0-0-2", "10.0.0.2"), ("node-10-0-0-3", "10.0.0.3")):
        assert f"{node} {subject_alternative_name(node, address)}\n" in step.script


@pytest.mark.parametrize(
    ("version", "worker", "package", "mode"),
    [
        ("v1.33.0", {"kernel": "5.13.0-7-amd64"}, "1.0.1-1", "nftables"),
        ("v1.33.0", {"kernel": "5.12.19"}, "1.0.6-2", "iptables"),
        ("v1.32.9", {}, "1.0.6-2", "iptables"),
        ("v1.33.0", {}, "0.9.8-3", "iptables"),
        ("v1.33.0", {}, "1:1.0.9-1", "nftables"),
        ("v1.33.0", {"packages": {"nftables": "0.9.0"}}, "1.0.6-2", "iptables"),  # it stays as it is
        ("v1.33.0", {}, "", "iptables"),
    ],
)
def test_kube_proxys_mode(version: str, worker: Mapping[str, object], package: str, mode: str) -> None:
    packages: tuple[OsPackage, ...] = (kit.package("containerd", requested=True),)
    if package:
        packages = (*packages, replace(kit.package("nftables"), version=package))
    of = kit.site()
    made = kit.plan(of, kit.facts(of, worker=worker), kit.index(kubernetes=version, packages=packages))
    step = kit.steps(made)["control-plane/10.0.0.2/config"]
    assert isinstance(step, Write)
    proxy = next(
        each for each in yaml.safe_load_all(step.content) if each["kind"] == "KubeProxyConfiguration"
    )
    assert proxy["mode"] == mode
