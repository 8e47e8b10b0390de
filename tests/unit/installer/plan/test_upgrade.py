from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from bundler.installer.plan.cluster.steps import Stage, Verb
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.expand import expand
from bundler.installer.plan.order import arrange, closed
from bundler.installer.plan.steps import Deliver, Exec, Plan, Relay, Write
from bundler.installer.plan.upgrade import (
    keep_id,
    snapshot,
    snapshot_ids,
    upgrade_control_plane,
    upgrade_node,
)
from bundler.installer.scripts.render import Script
from bundler.installer.site.desired import Versions
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp
from tests.fakes.site.recipe import worker as at_worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan import golden_text, kit
from tests.unit.installer.plan.decisions.kit import of as steps_of
from tests.unit.installer.plan.decisions.kit import plan as decided
from tests.unit.installer.plan.decisions.kit import wanted


def context(workers: int = 1) -> Any:
    of, bundle = kit.site(workers), kit.index()
    contents = Contents(bundle, kit.files_of(bundle), ())
    return replace(context_of(of, kit.facts(of), contents, kit.SECRETS), running=True)


def words(steps: Any) -> Any:
    return [step.id.rsplit("/", 1)[1] for step in steps]


def test_etcd_is_whole_again_before_anything_else_goes_on() -> None:
    of = context()
    steps = upgrade_control_plane(of, of.primary, "v1.34.4", after=("snapshot",))
    assert words(steps) == ["upgrade-config", "upgrade", "upgrade-settled"]
    assert steps[0].after == ("snapshot",)
    assert isinstance(steps[1], Exec)
    assert "CoreDNSUnsupportedPlugins" in steps[1].script


def test_a_worker_is_drained_and_takes_pods_again_when_it_is_ready() -> None:
    of = context()
    steps = upgrade_node(of, of.site.workers[0], "v1.37.2")
    assert words(steps) == [f"upgrade-node-{what}" for what in ("drain", "kubelet", "ready", "uncordon")]
    assert [step.host for step in steps] == [
        kit.CONTROL_PLANE,
        kit.WORKER,
        kit.CONTROL_PLANE,
        kit.CONTROL_PLANE,
    ]
    assert all(before.id in behind.after for before, behind in pairwise(steps))


def test_the_only_node_is_not_drained() -> None:
    of = context(workers=0)
    steps = upgrade_node(of, of.primary, "v1.37.2")
    assert words(steps) == [f"upgrade-node-{what}" for what in ("kubelet", "ready", "steady", "uncordon")]
    assert isinstance(steps[0], Exec)


def test_every_control_plane_gets_the_one_snapshot_before_the_first_is_upgraded() -> None:
    site, bundle = kit.site(1, control_planes=3), kit.index()
    contents = Contents(bundle, kit.files_of(bundle), ())
    of = replace(context_of(site, kit.facts(site), contents, kit.SECRETS), running=True)
    taken, *behind = snapshot(of, "v1.36.3")
    copies = [step for step in behind if isinstance(step, Relay)]
    assert len(copies) == len(behind)
    assert taken.host == of.primary.address
    assert sorted((copy.host, copy.path) for copy in copies) == [
        (host.address, f"/var/lib/bundler/kept/v1.36.3/{name}")
        for host in of.further
        for name in ("etcd.db", "etcd.keys")
    ]
    assert all((copy.source, copy.source_path) == (taken.host, copy.path) for copy in copies)
    assert set(snapshot_ids(of)) == {step.id for step in (taken, *copies)}
    assert all(keep_id(step.host) in step.after for step in (taken, *copies))


VIA = ("v1.35.4", "v1.36.3")
TARGET = "v1.37.2"
_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def carrying(controls: int = 1, workers: int = 1) -> Any:
    """A site whose bundle carries two minors on the way to its own."""
    of = kit.site(workers, control_planes=controls)
    images = tuple(f"registry.k8s.io/{part}:{v}" for v in (*VIA, TARGET) for part in _PARTS)
    files = {f"root/via/{version}/kubeadm": 70 for version in VIA}
    bundle = kit.index(
        kubernetes=TARGET,
        images=(*images, "registry.k8s.io/coredns/coredns:v1.14.6", "registry.k8s.io/pause:3.10.2"),
        files=files,
        packages=kit.BALANCED,
    )
    bundle = replace(bundle, labels={"io.kubernetes.via": " ".join(VIA)})
    pair = kit.SECRETS.registries[kit.CONTROL_PLANE]
    secrets = replace(kit.SECRETS, registries={host.address: pair for host in of.control_planes})
    contents = Contents(bundle, kit.files_of(bundle), ())
    return replace(context_of(of, kit.facts(of), contents, secrets), running=True)


def test_a_version_on_the_way_brings_its_own_kubeadm_and_leaves_etcd_alone() -> None:
    of = carrying()
    brought, config, upgrade, settled = upgrade_control_plane(of, of.primary, VIA[1], after=("snapshot",))
    assert (brought.after, config.after, upgrade.after[0]) == (("snapshot",), (brought.id,), config.id)
    assert isinstance(brought, Deliver)
    assert isinstance(config, Write)
    assert isinstance(upgrade, Exec)
    assert isinstance(upgrade.script, Script)
    (file,) = brought.files
    assert (file.member, file.path) == ("root/via/v1.36.3/kubeadm", "/var/lib/bundler/via/v1.36.3/kubeadm")
    assert upgrade.script.variables["on_the_way"] == "/var/lib/bundler/via/v1.36.3"
    assert "kubernetesVersion: v1.36.3" in config.content
    assert "imageTag: v1.14.6" in config.content  # which the bundle has; 1.36's kubeadm asks for another
    assert settled.after == (upgrade.id,)


def test_the_last_hop_is_an_ordinary_one() -> None:
    of = carrying()
    config, upgrade, _settled = upgrade_control_plane(of, of.primary, TARGET)
    assert isinstance(config, Write)
    assert isinstance(upgrade, Exec)
    assert isinstance(upgrade.script, Script)
    assert upgrade.script.variables["on_the_way"] == ""
    assert "kubernetesVersion: v1.37.2" in config.content
    assert "imageTag" not in config.content


def hops(controls: Any, workers: Any, start: str = "v1.34.4") -> Any:
    """What the planner decides, stage by stage, on a simulated site that is three minors behind."""
    old = replace(wanted(controls, workers), versions=Versions("shop", "1", start, (start,)))
    site = Site.of([host.address for host in old.hosts])
    assert go(site, old).done
    aim = replace(old, versions=Versions("shop", "2", TARGET, (TARGET, *VIA)))
    return site, aim, decided(site, aim)


def test_control_planes_go_by_every_minor_and_kubelets_jump_once() -> None:
    site, aim, made = hops(3, 2)
    planes = [(step.inputs["version"], step.subject) for step in steps_of(made, Verb.UPGRADE_CONTROL_PLANE)]
    assert planes == [(version, cp(n)) for version in (*VIA, TARGET) for n in (1, 2, 3)]
    nodes = [(step.subject, step.inputs["version"]) for step in steps_of(made, Verb.UPGRADE_NODE)]
    assert sorted(nodes) == sorted((a, TARGET) for a in (cp(1), cp(2), cp(3), at_worker(1), at_worker(2)))
    assert [step.inputs["version"] for step in steps_of(made, Verb.SNAPSHOT)] == ["v1.34.4"]
    assert go(site, aim).done
    assert {machine.components["kubelet"].version for machine in site.machines.values()} == {TARGET}
    assert site.snapshots == 1
    assert {version for machine in site.machines.values() for version in machine.generations} == {"v1.34.4"}


@pytest.mark.parametrize(("controls", "workers"), [(1, 1), (3, 2)])
def test_the_way_over_two_minors_reads_as_it_did(controls: int, workers: int) -> None:
    of = carrying(controls, workers)
    *_, made = hops(controls, workers)
    numbers = {cp(n + 1): host for n, host in enumerate(of.site.control_planes)}
    numbers |= {at_worker(n + 1): host for n, host in enumerate(of.site.workers)}
    stages: list[Plan] = []
    for stage in (made.stage, *made.forecast):
        deeds = [
            replace(deed, host=numbers[deed.host].address, about="")
            for deed in stage.steps
            if deed.verb in {Verb.UPGRADE_CONTROL_PLANE, Verb.UPGRADE_NODE, Verb.SNAPSHOT, Verb.KEEP}
        ]
        made_of = expand(of, (), Stage(tuple(deeds)), of.site.hosts)
        stages += [arrange(f"stage {len(stages) + 1}", closed(made_of.steps))]
    golden_text.check_all(f"upgrade-via-{controls}+{workers}", stages)
