"""Settings of the Clusterfile's kubeadm documents on their way to a cluster that runs."""

from dataclasses import replace
from typing import Any

import pytest

from bundler.installer.facts.api import ApiObservation, Node
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import Component, HostObservation, JournalEntry, Traces
from bundler.installer.facts.seen import Present
from bundler.installer.plan.cluster.concerns.settings import stored_digest
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.rolled import by_component, changes, digest
from bundler.installer.plan.cluster.steps import Cause, Plan, Stage, Verb
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import prepare
from bundler.installer.plan.expand import expand
from bundler.installer.plan.steps import Exec, Step
from bundler.installer.site.model import Role, Site
from bundler.installer.site.record import HostState, Product, Record, RecordedHost
from tests.unit.installer.plan import golden_certs, kit

VERSION = "v1.34.4"
PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
OLD = {"kube-apiserver": {"audit-log-maxage": "7"}, "cluster": {"imageRepository": "registry.k8s.io"}}


def site(**documents: object) -> Site:
    return replace(kit.site(1), kubeadm=documents)  # type: ignore[arg-type]  # kubeadm documents by kind


def name(address: str) -> str:
    return f"node-{address.replace('.', '-')}"


def found(of: Site, flags: dict[str, str], journal: dict[str, JournalEntry] | None = None) -> Facts:
    """A cluster that runs with these flags of the API server, whose record says that all is rolled out."""
    record = Record(
        site_id="s",
        name=of.name,
        kubernetes=VERSION,
        products=(Product("demo", "1"),),
        settings=OLD,
        rolled=OLD,
        stored={"kubeadm-config": "text", "kubelet-config": "text"},
        hosts=tuple(
            RecordedHost(
                host.address,
                host.address,
                name(host.address),
                Role.CONTROL_PLANE if host.is_control_plane else Role.WORKER,
                HostState.MEMBER,
            )
            for host in of.hosts
        ),
    )
    hosts = {}
    for host in of.hosts:
        control = host.is_control_plane
        parts = {part: Component(VERSION, flags if part == "kube-apiserver" else {}) for part in PARTS}
        seen = HostObservation(
            host.address,
            host.address,
            node_name=name(host.address),
            ours=True,
            record=Present(record),
            traces=Traces(pki=control, kubelet_conf=True, static_pods=control, etcd_data=control),
            components={"kubelet": Component(VERSION, {"maxPods": "110"}), **(parts if control else {})},
            journal=journal or {},
        )
        hosts[host.address] = kit.host_facts(
            host.address, site=seen, kubelet_config=True, admin_config=control
        )
    nodes = tuple(Node(name(h.address), h.address, h.is_control_plane, version=VERSION) for h in of.hosts)
    api = ApiObservation(
        "u", of.name, nodes, {"kubeadm-config": "text", "kubelet-config": "text"}, record=Present(record)
    )
    etcd = EtcdObservation("e", (Member("1", name(kit.CONTROL_PLANE), kit.CONTROL_PLANE, leader=True),))
    return Facts(hosts, 1000.0, api=Present(api), etcd=Present(etcd))


def decided(of: Site, facts: Facts) -> Any:
    bundle = kit.index()
    prepared = prepare(of, facts, Contents(bundle, kit.files_of(bundle), ()), kit.SECRETS)
    decision = decide(prepared.desired, prepared.observed, prepared.operation)
    assert isinstance(decision, Plan), decision
    return prepared, decision


def rolled_out(decision: Plan) -> list[tuple[str, str]]:
    return [(step.host, step.key.rsplit("/", 1)[1]) for step in decision.steps if step.verb is Verb.SETTINGS]


def changed(prepared: Any, decision: Plan, deeds: Any = ()) -> tuple[Step, ...]:
    """The steps of these deeds, or of all that change settings."""
    changes = (step for step in decision.steps if step.verb in {Verb.STORE_CONFIG, Verb.SETTINGS})
    deeds = tuple(deeds) or tuple(changes)
    assert prepared.context is not None
    made = expand(prepared.context, prepared.recipe, Stage(deeds), ())
    return made.steps[len(prepared.recipe) :]


FLAGS = {"audit-log-maxage": "7", "profiling": "false"}


def test_nothing_is_rolled_out_where_nothing_has_changed() -> None:
    of = site()
    _, decision = decided(of, found(of, FLAGS))
    assert not rolled_out(decision)
    assert not [step for step in decision.steps if step.verb is Verb.STORE_CONFIG]


def test_a_flag_is_stored_and_then_reaches_its_control_planes() -> None:
    of = site(ClusterConfiguration={"apiServer": {"extraArgs": [{"name": "audit-log-maxage", "value": "9"}]}})
    prepared, decision = decided(of, found(of, FLAGS))
    assert rolled_out(decision) == [(kit.CONTROL_PLANE, "kube-apiserver")]
    step = next(step for step in decision.steps if step.verb is Verb.SETTINGS)
    assert (step.because.cause, step.because.before, step.because.now) == (Cause.CHANGED, "7", "9")
    ours = changed(prepared, decision)
    assert len(ours) == 2
    assert ours[0].id in ours[1].after
    golden_certs.check("settings-apiserver", ours)
    assert all(isinstance(each, Exec) and "audit-log-maxage" in each.stdin for each in ours)


def test_a_kubelets_setting_reaches_every_node_and_is_noted_by_the_host() -> None:
    of = site(KubeletConfiguration={"maxPods": 180})
    prepared, decision = decided(of, found(of, FLAGS))
    assert rolled_out(decision) == [(kit.CONTROL_PLANE, "kubelet"), (kit.WORKER, "kubelet")]
    golden_certs.check("settings-kubelet", changed(prepared, decision))
    noted = JournalEntry({"settings": digest({"maxPods": "180"})})
    done = {f"settings/{address}/kubelet": noted for address in (kit.CONTROL_PLANE, kit.WORKER)}
    _, after = decided(of, found(of, FLAGS, done))
    assert not rolled_out(after)


def test_a_flag_that_somebody_changed_on_a_host_is_put_back() -> None:
    of = site()
    _, decision = decided(of, found(of, {**FLAGS, "audit-log-maxage": "1"}))
    assert rolled_out(decision) == [(kit.CONTROL_PLANE, "kube-apiserver")]


def test_a_flag_that_is_wanted_no_more_goes() -> None:
    old = {**OLD["kube-apiserver"], "v": "4"}
    assert changes(old, OLD["kube-apiserver"]) == (("v", "4", "its default"),)


def test_settings_are_told_apart_by_the_part_that_they_are_for() -> None:
    flat = {
        "ClusterConfiguration": {
            "apiServer.extraArgs.v": "2",
            "apiServer.extraVolumes": "[]",
            "apiServer.certSANs": "[]",
            "scheduler.extraArgs.v": "3",
            "etcd.local.dataDir": "/x",
        },
        "KubeletConfiguration": {"maxPods": "9"},
        "KubeProxyConfiguration": {"mode": "nftables"},
    }
    assert by_component(flat) == {
        "kube-apiserver": {"v": "2", "extraVolumes": "[]"},
        "names": {"certSANs": "[]"},
        "kube-scheduler": {"v": "3"},
        "cluster": {"etcd.local.dataDir": "/x"},
        "kubelet": {"maxPods": "9"},
        "kube-proxy": {"mode": "nftables"},
    }
    assert by_component(by_component(flat)) == by_component(flat)


@pytest.mark.parametrize("store", ["kubeadm-config", "kubelet-config", "kube-proxy"])
def test_stored_settings_depend_on_what_they_hold_alone(store: str) -> None:
    assert stored_digest(store, OLD) == stored_digest(store, {**OLD, "other": {"a": "1"}})
