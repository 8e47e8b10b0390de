"""Our own charts, rendered by Helm as on site: what every good pod has, and what holds them together."""

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.builder.kubefile.catalogue import default_catalogue
from bundler.core.errors import BundlerError

pytestmark = pytest.mark.real

CATALOGUE = default_catalogue()
CHARTS = {
    yaml.safe_load(path.read_text())["name"]: path.parent
    for path in sorted(CATALOGUE.glob("*/chart/Chart.yaml"))
}
OURS = ("ingress", "kafka", "mariadb", "nginx", "postgresql", "prometheus", "rabbitmq", "redis", "wordpress")
MEMBERS = ("kafka", "mariadb", "postgresql", "rabbitmq", "redis")
BEHIND_PROXIES = ("mariadb", "postgresql", "redis")


def rendered(name: str, **values: Any) -> list[dict[str, Any]]:
    request = RenderRequest(CHARTS[name], name, values=values, kube_version="v1.37.2")
    texts = SdkHelm().render(request, name).values()
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


@cache
def by_default(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(rendered(name))


def of_kind(documents: Any, kind: str) -> list[dict[str, Any]]:
    return [one for one in documents if one["kind"] == kind]


def pods(documents: Any) -> Iterator[dict[str, Any]]:
    for one in documents:
        if one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in one.get("spec", {}):
            yield one["spec"]["template"]["spec"]


def test_these_charts_are_ours() -> None:
    assert set(OURS) <= set(CHARTS)


@pytest.mark.parametrize("name", OURS)
def test_no_container_is_root_or_writes_to_its_root(name: str) -> None:
    found = list(pods(by_default(name)))
    assert found
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        # without an account of its own a pod has nothing to say to the API
        assert "serviceAccountName" in pod or pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"]["memory"]
            assert container["resources"]["limits"]["memory"]
            assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("name", OURS)
def test_what_stays_up_is_probed(name: str) -> None:
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for one in of_kind(by_default(name), kind):
            containers = one["spec"]["template"]["spec"]["containers"]
            assert any("readinessProbe" in container for container in containers)
            assert all("livenessProbe" in container for container in containers)


@pytest.mark.parametrize("name", OURS)
def test_a_busy_machine_is_no_reason_to_start_again(name: str) -> None:
    # seen on machines under many times their load: a second is soon over, and all starts again
    containers = [each for pod in pods(by_default(name)) for each in pod["containers"]]
    probes = [each["livenessProbe"] for each in containers if "livenessProbe" in each]
    assert probes
    for probe in probes:
        assert probe["timeoutSeconds"] >= 5
        assert probe["failureThreshold"] * probe["periodSeconds"] >= 60


@pytest.mark.parametrize("name", OURS)
def test_no_probe_leaves_processes_behind(name: str) -> None:
    # busybox' `timeout` goes on in a process whose parent is gone; what is first in a pod does not collect it
    commands = [
        " ".join(each[probe]["exec"]["command"])
        for pod in pods(by_default(name))
        for each in pod["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if "exec" in each.get(probe, {})
    ]
    assert not [command for command in commands if "timeout" in command]


@pytest.mark.parametrize("name", OURS)
def test_a_misspelt_value_is_refused(name: str) -> None:
    with pytest.raises(BundlerError, match="replicaz"):
        rendered(name, replicaz=3)


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_on_nodes_of_their_own_and_leave_one_at_a_time(name: str) -> None:
    (members,) = of_kind(by_default(name), "StatefulSet")
    affinity = members["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    labels = members["spec"]["template"]["metadata"]["labels"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    (budget,) = of_kind(by_default(name), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("name", ["mariadb", "redis"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_each_member_is_told_the_lasting_address_of_all(name: str, replicas: int) -> None:
    documents = rendered(name, replicas=replicas)
    (members,) = of_kind(documents, "StatefulSet")
    services = {one["metadata"]["name"] for one in of_kind(documents, "Service")}
    (told,) = {
        each["value"]
        for container in members["spec"]["template"]["spec"]["containers"]
        for each in container["env"]
        if each["name"] == "MEMBERS"
    }
    wanted = [f"{name}-{index}" for index in range(replicas)]
    assert told.split() == [f"$({one.upper().replace('-', '_')}_SERVICE_HOST)" for one in wanted]
    assert set(wanted) <= services
    assert f"{name}-{replicas}" not in services


@pytest.mark.parametrize("name", BEHIND_PROXIES)
def test_applications_reach_the_proxy_of_their_own_node(name: str) -> None:
    (service,) = [one for one in of_kind(by_default(name), "Service") if one["metadata"]["name"] == name]
    (proxy,) = of_kind(by_default(name), "DaemonSet")
    labels = proxy["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["internalTrafficPolicy"] == "Local"
    assert service["spec"]["selector"].items() <= labels.items()
    (settings,) = [one for one in of_kind(by_default(name), "ConfigMap") if "haproxy.cfg" in one["data"]]
    assert len(re.findall(r"^ +server ", settings["data"]["haproxy.cfg"], re.MULTILINE)) == 3


@pytest.mark.parametrize(("replicas", "copies", "least"), [(1, "1", "1"), (3, "3", "2"), (5, "3", "2")])
def test_a_record_is_on_as_many_members_as_there_are_up_to_three(
    replicas: int, copies: str, least: str
) -> None:
    (members,) = of_kind(rendered("kafka", replicas=replicas), "StatefulSet")
    (container,) = members["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert (told["COPIES"], told["LEAST"]) == (copies, least)
    voters = [f"{n}@kafka-{n}.kafka-members.default.svc:9093" for n in range(replicas)]
    assert told["VOTERS"].split(",") == voters


def test_what_kafkas_disks_are_formatted_for_is_an_identity_of_sixteen_bytes() -> None:
    (secret,) = of_kind(by_default("kafka"), "Secret")
    name = b64decode(secret["data"]["cluster"]).decode()
    assert len(name) == 22
    assert len(urlsafe_b64decode(name + "==")) == 16


@pytest.mark.parametrize("replicas", [1, 3])
def test_rabbitmqs_members_know_all_members(replicas: int) -> None:
    documents = rendered("rabbitmq", replicas=replicas)
    (settings,) = of_kind(documents, "ConfigMap")
    known = re.findall(r"classic_config\.nodes\.(\d+) = rabbit@(\S+)", settings["data"]["rabbitmq.conf"])
    wanted = [f"rabbitmq-{index}.rabbitmq-members.default.svc" for index in range(replicas)]
    assert known == [(str(place + 1), name) for place, name in enumerate(wanted)]
    (headless,) = [one for one in of_kind(documents, "Service") if one["spec"].get("clusterIP")]
    assert headless["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize(("name", "file"), [("kafka", "settings.properties"), ("rabbitmq", "rabbitmq.conf")])
def test_settings_of_the_site_come_last_and_whole(name: str, file: str) -> None:
    (settings,) = of_kind(rendered(name, settings={"some.size": 1073741824}), "ConfigMap")
    last = settings["data"][file].strip().splitlines()[-1]
    assert re.fullmatch(r"some\.size ?= ?1073741824", last)


def test_only_one_member_takes_writes() -> None:
    (settings,) = [one for one in of_kind(by_default("mariadb"), "ConfigMap") if "haproxy.cfg" in one["data"]]
    servers = re.findall(r"^ +server .*", settings["data"]["haproxy.cfg"], re.MULTILINE)
    assert [line.endswith(" backup") for line in servers] == [False, True, True]


@pytest.mark.parametrize(("replicas", "flush"), [(1, "1"), (3, "2")])
def test_a_single_member_waits_for_its_disk(replicas: int, flush: str) -> None:
    (settings,) = [
        one["data"]["my.cnf"]
        for one in of_kind(rendered("mariadb", replicas=replicas), "ConfigMap")
        if "my.cnf" in one["data"]
    ]
    assert f"innodb_flush_log_at_trx_commit = {flush}\n" in settings
    assert "@" not in settings


def test_prometheus_reads_the_settings_that_it_is_given() -> None:
    (settings,) = of_kind(rendered("prometheus", scrapeInterval="7s"), "ConfigMap")
    read = yaml.safe_load(settings["data"]["prometheus.yaml"])
    assert read["global"]["scrape_interval"] == "7s"
    assert "kubernetes_sd_configs" not in settings["data"]["prometheus.yaml"]  # Debian's is built without
    (nodes,) = [one for one in of_kind(by_default("prometheus"), "Service") if one["spec"].get("clusterIP")]
    found = {
        name for job in read["scrape_configs"] for sd in job.get("dns_sd_configs", []) for name in sd["names"]
    }
    assert found == {f"{nodes['metadata']['name']}.default.svc.cluster.local"}
    rules = yaml.safe_load(settings["data"]["rules.yaml"])["groups"]
    assert {"NodeDiskFull", "TargetDown"} == {each["alert"] for group in rules for each in group["rules"]}
    assert "{{ $labels.instance }}" in settings["data"]["rules.yaml"]


@pytest.mark.parametrize("name", ["mariadb", "redis", "wordpress"])
def test_passwords_are_made_anew_each_time_so_on_site(name: str) -> None:
    once, again = (
        {
            key: value
            for one in of_kind(rendered(name), "Secret")
            for key, value in one["data"].items()
            if key in {"password", "salt"}
        }
        for _ in range(2)
    )
    assert once.keys() == again.keys()
    assert all(once[key] != again[key] for key in once)


def test_a_sentinel_that_spins_leaves_the_processor_to_others() -> None:
    (members,) = of_kind(by_default("redis"), "StatefulSet")
    limits = {
        each["name"]: each["resources"]["limits"].get("cpu")
        for each in members["spec"]["template"]["spec"]["containers"]
    }
    assert limits == {"redis": None, "sentinel": "100m"}


def test_wordpress_finds_what_the_blocks_beside_it_make() -> None:
    (database, *_) = [one for one in of_kind(by_default("mariadb"), "Secret") if "database" in one["data"]]
    names = {one["metadata"]["name"] for one in of_kind(by_default("redis"), "Secret")}
    (web,) = of_kind(by_default("wordpress"), "Deployment")
    mounted = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in web["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted["database"] == database["metadata"]["name"]
    assert mounted["redis"] in names


def test_the_ingress_routes_to_the_pods_of_wordpress() -> None:
    (settings,) = of_kind(by_default("ingress"), "ConfigMap")
    (service,) = [one for one in of_kind(by_default("wordpress"), "Service") if one["spec"].get("clusterIP")]
    port = service["spec"]["ports"][0]["name"]
    name = f"_{port}._tcp.{service['metadata']['name']}.default.svc.cluster.local"
    assert f" {name}\n" in settings["data"]["haproxy.cfg"]


def test_hosts_have_routes_of_their_own() -> None:
    routes = [
        {"name": "shop", "hosts": ["shop.example"], "service": "shop", "port": "http", "health": "/"},
        {"name": "rest", "service": "rest", "port": "http", "health": "/"},
    ]
    (settings,) = of_kind(rendered("ingress", routes=routes), "ConfigMap")
    text = settings["data"]["haproxy.cfg"]
    assert re.search(r"use_backend shop if .*\bshop\.example", text)
    assert "\n  default_backend rest\n" in text
    assert text.count("\nbackend ") == 2


@pytest.mark.parametrize("name", OURS)
def test_charts_run_the_images_that_their_entries_compose(name: str) -> None:
    entry = CHARTS[name].parent
    composed = "".join(
        path.read_text() for path in (entry / "Kubefile", *entry.glob("image/*.sh"), *entry.glob("*.py"))
    )
    version = re.search(r"^ARG WORDPRESS=(\S+)$", composed, re.MULTILINE)
    composed = composed.replace("$version", version[1] if version else "").replace('"', " ")
    images = {container["image"] for pod in pods(by_default(name)) for container in pod["containers"]}
    assert images
    assert all(f" {image} " in composed for image in images)


SCRIPTS = sorted({*CATALOGUE.glob("*/chart/files/*.sh"), *CATALOGUE.glob("*/image/*.sh")})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(CATALOGUE)))
def test_scripts_stop_at_the_first_failure(script: Path) -> None:
    assert re.search(r"^set -eu", script.read_text(), re.MULTILINE)


def test_what_is_backed_up_every_night_is_restored_only_when_asked() -> None:
    jobs = {one["metadata"]["name"]: one["spec"] for one in of_kind(by_default("mariadb"), "CronJob")}
    assert jobs["mariadb-restore"]["suspend"] is True
    assert "suspend" not in jobs["mariadb-backup"]
    mounts = {
        name: {each["mountPath"] for pod in pods([{"kind": "CronJob", "spec": spec}]) for each in
               pod["containers"][0]["volumeMounts"]}
        for name, spec in jobs.items()
    }  # fmt: skip
    assert "/secrets/backup" in mounts["mariadb-backup"]
    assert "/secrets/databases" in mounts["mariadb-restore"]


def test_the_image_has_the_program_that_dumps() -> None:
    # mariadb-dump is in mariadb-client, not in mariadb-client-core
    kubefile = (CHARTS["mariadb"].parent / "Kubefile").read_text()
    assert "--without mariadb-client " not in kubefile
