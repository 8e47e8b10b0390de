from dataclasses import replace
from itertools import pairwise

from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.steps import Exec
from bundler.installer.plan.upgrade import upgrade_control_plane, upgrade_node
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
