"""The cluster's DNS: whom it asks, and where its replicas run."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bundler.installer.plan.steps import Await, Exec
from bundler.installer.site.model import Site
from tests.unit.installer.plan import kit


def step(of: Site) -> Exec:
    found = kit.steps(kit.plan(of, kit.facts(of)))["network/10.0.0.2/dns"]
    assert isinstance(found, Exec)
    return found


def variables(of: Site) -> dict[str, Any]:
    """The script's variables that are JSON."""
    lines = (line.partition("=") for line in step(of).script.splitlines())
    return {name: json.loads(text.strip("'")) for name, _, text in lines if name in {"config", "patch"}}


def corefile(of: Site) -> str:
    text: str = variables(of)["config"]["data"]["Corefile"]
    return text


def plugins(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.startswith("    ") and line[4] not in " }"]


def test_without_name_servers_an_outside_name_does_not_exist_and_nobody_is_asked() -> None:
    text = corefile(kit.site())
    # A block of its own: within one, CoreDNS asks `template` before `kubernetes`, whatever their order.
    cluster, outside = text.split("}\n.:53 {\n")
    assert cluster.startswith("cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {\n")
    assert "kubernetes" in plugins(cluster)
    assert outside.split() == ["errors", "template", "ANY", "ANY", "{", "rcode", "NXDOMAIN", "}", "}"]
    assert not {"forward", "loop"} & set(plugins(text))
    assert "/etc/resolv.conf" not in text
    assert "fallthrough" not in text


def test_the_sites_name_servers_are_asked_and_no_others() -> None:
    text = corefile(replace(kit.site(), dns=("10.0.0.53", "fd00::53")))
    assert text.startswith(".:53 {\n")
    assert "forward . 10.0.0.53 [fd00::53] {" in text
    assert not {"template", "loop"} & set(plugins(text))


def test_the_clusters_own_domain() -> None:
    own = {"networking": {"dnsDomain": "shop.local"}}
    text = corefile(replace(kit.site(), kubeadm={"ClusterConfiguration": own}))
    assert "kubernetes shop.local in-addr.arpa ip6.arpa {" in text
    assert "cluster.local" not in text


@pytest.mark.parametrize(("workers", "apart"), [(0, False), (1, True), (5, True)])
def test_two_replicas_run_on_two_nodes_where_there_are_two(workers: int, *, apart: bool) -> None:
    patch = variables(kit.site(workers))["patch"]
    if not apart:
        assert patch == {}
        return
    affinity = patch["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    (rule,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"


def test_apps_wait_until_the_dns_answers() -> None:
    ready = kit.steps(kit.plan())["network/10.0.0.2/nodes"]
    assert isinstance(ready, Await)
    assert "get deployment coredns" in ready.script
    assert ready.subject == "all 2 nodes to be Ready and the DNS to answer"
    assert "network/10.0.0.2/dns" in ready.after
