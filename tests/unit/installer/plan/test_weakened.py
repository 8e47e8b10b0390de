"""A site's own kubeadm documents that would undo the hardening, or that can't stand beside it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from bundler.core.index import Index
from bundler.installer.plan.steps import Write
from tests.unit.installer.plan import kit

SERVER = "apiServer"


def made(bundle: Index | None = None, **documents: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The merged ClusterConfiguration, and what the plan warns of."""
    plan = kit.plan(replace(kit.site(), kubeadm=documents), bundle=bundle)
    step = kit.steps(plan)["control-plane/10.0.0.2/config"]
    assert isinstance(step, Write)
    found = {each["kind"]: each for each in yaml.safe_load_all(step.content)}
    return found["ClusterConfiguration"], plan.warnings


def arguments(cluster: dict[str, Any], part: str = SERVER) -> dict[str, str]:
    return {each["name"]: each["value"] for each in cluster[part]["extraArgs"]}


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        (SERVER, "profiling", "true"),
        (SERVER, "profiling", "1"),
        ("controllerManager", "profiling", "TRUE"),
        ("scheduler", "profiling", "t"),
        (SERVER, "audit-log-path", ""),
        (SERVER, "audit-policy-file", ""),
        (SERVER, "encryption-provider-config", ""),
        (SERVER, "admission-control-config-file", " "),
        (SERVER, "kubelet-certificate-authority", ""),
        (SERVER, "authorization-mode", "Node,AlwaysAllow"),
        (SERVER, "disable-admission-plugins", "ServiceAccount,PodSecurity"),
        (SERVER, "token-auth-file", "/etc/tokens"),
    ],
)
def test_what_undoes_the_hardening_is_done_and_told(part: str, name: str, value: str) -> None:
    cluster, warnings = made(ClusterConfiguration={part: {"extraArgs": {name: value}}})
    assert arguments(cluster, part)[name] == value
    assert [warning.partition(":")[0] for warning in warnings] == [f"{part}.extraArgs {name}={value}"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"authentication": {"anonymous": {"enabled": True}}}, "authentication.anonymous.enabled"),
        ({"authorization": {"mode": "AlwaysAllow"}}, "authorization.mode AlwaysAllow"),
        ({"readOnlyPort": 10255}, "readOnlyPort 10255"),
    ],
)
def test_an_open_kubelet_is_told(document: dict[str, Any], told: str) -> None:
    (warning,) = made(KubeletConfiguration=document)[1]
    assert told in warning


@pytest.mark.parametrize(
    "documents",
    [
        {},
        {"ClusterConfiguration": {SERVER: {"extraArgs": {"profiling": "false", "v": "3"}}}},
        {"ClusterConfiguration": {SERVER: {"extraArgs": {"audit-log-path": "-", "audit-log-maxage": "7"}}}},
        {"KubeletConfiguration": {"authentication": {"anonymous": {"enabled": False}}, "readOnlyPort": 0}},
    ],
)
def test_what_undoes_nothing_is_not_told(documents: dict[str, Any]) -> None:
    assert made(**documents)[1] == ()


@pytest.mark.parametrize("name", ["oidc-issuer-url", "oidc-client-id", "anonymous-auth"])
def test_what_the_api_server_refuses_beside_our_file_takes_its_place(name: str) -> None:
    """With both it does not start: "authentication-config and oidc-* are mutually exclusive"."""
    cluster, warnings = made(ClusterConfiguration={SERVER: {"extraArgs": {name: "true"}}})
    assert "authentication-config" not in arguments(cluster)
    (warning,) = warnings
    assert "requests without a name" in warning


def test_anonymous_requests_that_are_off_altogether_are_no_weakness() -> None:
    cluster, warnings = made(ClusterConfiguration={SERVER: {"extraArgs": {"anonymous-auth": "false"}}})
    assert "authentication-config" not in arguments(cluster)
    assert warnings == ()


def test_a_file_of_the_sites_own_stands_in_the_place_of_ours() -> None:
    own = {SERVER: {"extraArgs": {"authentication-config": "/etc/own.yaml"}}}
    assert arguments(made(ClusterConfiguration=own)[0])["authentication-config"] == "/etc/own.yaml"


def test_kubelets_that_sign_for_themselves_are_not_held_to_the_clusters_ca() -> None:
    """`kubectl logs` and `exec` would fail on every node."""
    cluster, warnings = made(KubeletConfiguration={"serverTLSBootstrap": False})
    assert "kubelet-certificate-authority" not in arguments(cluster)
    (warning,) = warnings
    assert "serverTLSBootstrap" in warning


@pytest.mark.parametrize("name", ["audit", "bundler"])
def test_a_volume_of_the_sites_own_may_have_the_name_of_ours(name: str) -> None:
    """`audit` is what many call theirs; ours was gone then, and with it the folder of the log."""
    own = {"name": name, "hostPath": "/own", "mountPath": "/own", "pathType": "Directory"}
    cluster, _ = made(ClusterConfiguration={SERVER: {"extraVolumes": [own]}})
    places = {each["name"]: each["mountPath"] for each in cluster[SERVER]["extraVolumes"]}
    assert places[name] == "/own"
    assert set(places.values()) == {"/own", "/etc/kubernetes/bundler", "/var/log/kubernetes/audit"}
