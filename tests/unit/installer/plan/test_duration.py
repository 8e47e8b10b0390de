"""How long a run may take is told beforehand; of an upgrade it is nearly all kubeadm's own waits."""

from dataclasses import replace
from typing import Any

import pytest

from bundler.installer.cli.plan_view import View, as_text
from bundler.installer.plan.cluster.probes import Once
from bundler.installer.plan.cluster.steps import Because, Cause, Stage, Step, Verb
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.duration import ahead, work
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.plan.upgrade import snapshot, upgrade_control_plane, upgrade_node
from tests.unit.installer.plan import kit

VERSION = kit.index().kubernetes


def context(control_planes: int, workers: int) -> Any:
    of, bundle = kit.site(workers, control_planes=control_planes), kit.index()
    return replace(
        context_of(of, kit.facts(of), Contents(bundle, kit.files_of(bundle), ()), kit.SECRETS), running=True
    )


def upgrade(control_planes: int, workers: int) -> float:
    """Seconds of all stages, each with its own steps, as the planner makes them."""
    of = context(control_planes, workers)
    stages = [snapshot(of, "v1.36.3")]
    stages += [upgrade_control_plane(of, host, VERSION) for host in of.site.control_planes]
    stages += [upgrade_node(of, host, VERSION) for host in of.site.hosts]
    return sum(part.seconds for steps in stages for part in work(steps))


@pytest.mark.parametrize(
    ("control_planes", "workers", "measured"),
    [(1, 1, 218), (3, 2, 775)],  # docs/performance.md; the second was killed once and gone on with
)
def test_an_upgrade_is_foretold_as_it_was_measured(control_planes: int, workers: int, measured: int) -> None:
    assert 0.75 * measured < upgrade(control_planes, workers) < 1.25 * measured


def test_workers_of_one_stage_go_beside_each_other() -> None:
    of = context(1, 4)
    one = work(upgrade_node(of, of.site.workers[0], VERSION))
    all_of_them = work([step for host in of.site.workers for step in upgrade_node(of, host, VERSION)])
    assert [part.seconds for part in one] == [part.seconds for part in all_of_them]
    assert [part.phase for part in one] == [Phase.WORKERS]


def test_an_install_is_foretold_as_before() -> None:
    def seconds(control_planes: int) -> float:
        steps = kit.plan(kit.site(0, control_planes=control_planes)).steps
        return next(part.seconds for part in work(steps) if part.phase is Phase.CONTROL_PLANE)

    assert (seconds(1), seconds(3)) == (14.0, 38.0)


def stage(verb: Verb, *hosts: str) -> Stage:
    why = Because(Cause.REQUESTED, "a newer version")
    steps = (Step(key=f"{verb}/{host}", host=host, verb=verb, because=why, probe=Once()) for host in hosts)
    return Stage(tuple(steps))


def test_stages_that_come_later_count_for_upgrades() -> None:
    first, rest = stage(Verb.UPGRADE_CONTROL_PLANE, "a"), stage(Verb.UPGRADE_NODE, "w1", "w2")
    assert ahead((first, first, rest)) == 2 * 165 + 23
    assert ahead((stage(Verb.LABELS, "a"), stage(Verb.APP, "a"))) == 0


def test_the_plan_tells_of_the_whole_upgrade() -> None:
    of = kit.site(2, control_planes=3)
    found = kit.facts(of)
    planes = tuple(stage(Verb.UPGRADE_CONTROL_PLANE, host.address) for host in of.control_planes)
    decided = Decided(planes[0], (*planes, stage(Verb.UPGRADE_NODE, "w1")))
    step = Exec(id="host/10.0.0.2/x", host="10.0.0.2", phase=Phase.HOST, reason="r", script="x")
    view = View(replace(Plan("t", (step,)), decision=decided), of, found, kit.index(), "")
    assert "Time      about 9 min" in as_text(view, "")
