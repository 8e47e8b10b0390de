from dataclasses import replace
from itertools import pairwise

from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.steps import Exec
from bundler.installer.plan.upgrade import (
    keep_id,
    snapshot,
    snapshot_ids,
    upgrade_control_plane,
    upgrade_node,
)
from tests.unit.installer.plan import kit


def context(workers=1):
    of, bundle = kit.site(workers), kit.index()
    contents = Contents(bundle, kit.files_of(bundle), ())
    return replace(context_of(of, kit.facts(of), contents, kit.SECRETS), running=True)


def words(steps):
    return [step.id.rsplit("/", 1)[1] for step in steps]


def test_etcd_is_whole_again_before_anything_else_goes_on():
    of = context()
    steps = upgrade_control_plane(of, of.primary, "v1.37.2", after=("snapshot",))
    assert words(steps) == ["upgrade-config", "upgrade", "upgrade-settled"]
    assert steps[0].after == ("snapshot",)
    assert "CoreDNSUnsupportedPlugins" in steps[1].script


def test_a_worker_is_drained_and_takes_pods_again_when_it_is_ready():
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


def test_the_only_node_is_not_drained():
    of = context(workers=0)
    steps = upgrade_node(of, of.primary, "v1.37.2")
    assert words(steps) == [f"upgrade-node-{what}" for what in ("kubelet", "ready", "steady", "uncordon")]
    assert isinstance(steps[0], Exec)


def test_every_control_plane_gets_the_one_snapshot_before_the_first_is_upgraded():
    of, bundle = kit.site(1, control_planes=3), kit.index()
    contents = Contents(bundle, kit.files_of(bundle), ())
    of = replace(context_of(of, kit.facts(of), contents, kit.SECRETS), running=True)
    taken, *copies = snapshot(of, "v1.36.3")
    assert taken.host == of.primary.address
    assert sorted((copy.host, copy.path) for copy in copies) == [
        (host.address, f"/var/lib/bundler/kept/v1.36.3/{name}")
        for host in of.further
        for name in ("etcd.db", "etcd.keys")
    ]
    assert all((copy.source, copy.source_path) == (taken.host, copy.path) for copy in copies)
    assert set(snapshot_ids(of)) == {step.id for step in (taken, *copies)}
    assert all(keep_id(step.host) in step.after for step in (taken, *copies))
