"""Situations 25 to 31: growing."""

from dataclasses import replace

import pytest

from bundler.installer.facts.api import Node
from bundler.installer.facts.observed import BlobState
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.site.desired import Desired, Piece
from bundler.installer.site.expected import BlobsAre, NodesReady
from tests.fakes.site.recipe import BLOBS, cp, desired, worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan.decisions.kit import (
    broken,
    built,
    done,
    found,
    fresh,
    hosts,
    nothing,
    of,
    plan,
    wanted,
)


@pytest.mark.parametrize(("controls", "workers"), [(1, 1), (3, 2), (1, 5)])
def test_25_a_new_worker_takes_its_own_steps_alone(controls: int, workers: int) -> None:
    new = worker(workers + 1)
    site = built(wanted(controls, workers), new)
    made = plan(site, wanted(controls, workers + 1))
    assert hosts(list(made.steps)) == {new}
    assert {step.host for step in made.steps} == {new}
    assert len(of(made, Verb.JOIN)) == 1
    done(site, wanted(controls, workers + 1))


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 5), (1, 5)])
def test_26_control_planes_join_one_after_the_other(before: int, after: int) -> None:
    new = [cp(n) for n in range(before + 1, after + 1)]
    site = built(wanted(before, 1), *new)
    aim = wanted(after, 1)
    made = plan(site, aim)
    stages = [made.stage, *made.forecast]
    assert [len(stage.verbs(Verb.JOIN_CONTROL_PLANE)) for stage in stages if stage][: len(new)] == [1] * len(
        new
    )
    for join in of(made, Verb.JOIN_CONTROL_PLANE):
        assert {guard.question for guard in join.guards} == {"etcd-learner", "etcd-healthy"}
    assert not of(made, Verb.EXTEND_NAMES, Verb.RENEW)
    assert hosts(of(made, Verb.LISTS)) >= {cp(1), worker(1)}
    done(site, aim)
    assert set(site.machines[worker(1)].lists["endpoint"]) == {cp(n) for n in range(1, after + 1)}


def test_26_what_needs_every_node_comes_with_the_last_join() -> None:
    """On machines the first of two stages waited for a node that only the second one joins."""
    aim = wanted(3, 2)
    everyone = tuple(host.address for host in aim.hosts)
    ready = Piece("nodes", cp(1), "the list of nodes", NodesReady(everyone), late=True)
    aim = replace(aim, pieces=(*aim.pieces, ready))
    site = built(wanted(1, 1), cp(2), cp(3), worker(2))
    made = plan(site, aim)
    stages = [[step.key for step in stage.steps] for stage in (made.stage, *made.forecast) if stage]
    at = {key: number for number, keys in reversed([*enumerate(stages)]) for key in keys}  # the first time
    assert at[f"join-control-plane/{cp(2)}"] < at[f"join-control-plane/{cp(3)}"] <= at["nodes"]
    assert at[f"join/{worker(2)}"] <= at["nodes"]


@pytest.mark.parametrize(
    ("before", "after", "warned"), [(1, 2, True), (1, 3, False), (3, 4, True), (2, 2, False)]
)
def test_27_two_and_even_numbers_are_warned_of(*, before: int, after: int, warned: bool) -> None:
    site = built(wanted(before, 1), *(cp(n) for n in range(before + 1, after + 1)))
    made = plan(site, wanted(after, 1))
    assert bool(found(made, "even-control-planes")) is warned
    if after == 2 and warned:
        (text,) = [each.text for each in made.findings if each.id == "even-control-planes"]
        assert "stop when either stops" in text
    done(site, wanted(after, 1))


def _roles(controls: list[int], workers: list[int]) -> Desired:
    return desired([cp(n) for n in controls], [cp(n) for n in workers] + [worker(1)])


def test_28_a_control_plane_that_becomes_a_worker_leaves_and_joins() -> None:
    site = built(_roles([1, 2, 3], []))
    aim = _roles([1, 3], [2])
    made = plan(site, aim)
    assert [
        step.verb for step in made.steps if step.subject == cp(2) and step.verb in {Verb.LEAVE, Verb.JOIN}
    ] == [
        Verb.LEAVE,
        Verb.JOIN,
    ]
    assert found(made, "etcd-data-goes") == [cp(2)]
    done(site, aim)
    assert not site.node_at(cp(2)).control_plane


def test_28_a_swap_lets_the_new_one_join_before_the_old_one_leaves() -> None:
    site = built(_roles([1], [2]))
    aim = _roles([2], [1])
    ran = [key for key in done(site, aim) if key.startswith(("leave", "join"))]
    assert ran == [f"leave/{cp(2)}", f"join-control-plane/{cp(2)}", f"leave/{cp(1)}", f"join/{cp(1)}"]


def test_29_a_node_that_is_not_ready_is_awaited_and_never_removed() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.change_node(worker(1), ready=False, why="cni plugin not initialized")
    (step,) = plan(site, aim).steps
    assert step.verb is Verb.AWAIT_NODE
    assert "cni plugin not initialized" in str(step.because)
    done(site, aim)


def test_30_no_token_is_an_input_of_a_join_so_each_run_makes_its_own() -> None:
    site = built(wanted(1, 1), worker(2))
    aim = wanted(1, 2)
    (first,) = of(plan(site, aim), Verb.JOIN)
    assert not {"token", "ca"} & set(first.inputs)
    late = broken(site, aim, f"join/{worker(2)}", inside=0)
    late.now += 3 * 86400
    assert [step.inputs for step in of(plan(late, aim), Verb.JOIN)] == [first.inputs]


def test_31_new_images_are_in_the_registries_before_what_needs_them() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    pieces = [
        replace(piece, expected=BlobsAre((*BLOBS, "sha256:new")))
        if isinstance(piece.expected, BlobsAre)
        else piece
        for piece in aim.pieces
    ]
    newer = replace(aim, pieces=tuple(pieces), apps=(replace(aim.apps[0], digest="chart-2"),))
    made = plan(site, newer)
    order = [step.key for step in made.steps]
    assert {f"blobs/{cp(n)}" for n in (1, 2, 3)} <= set(order)
    assert order.index("app/shop") > max(order.index(f"blobs/{cp(n)}") for n in (1, 2, 3))
    done(site, newer)
    assert all(site.machines[cp(n)].blobs["sha256:new"] is BlobState.WHOLE for n in (1, 2, 3))


def _forget(site: Site) -> None:
    """An older run left neither record nor journal."""
    site.record = None
    for machine in site.machines.values():
        machine.record, machine.site, machine.journal = None, "", {}


def test_a_site_of_an_older_run_is_taken_over_by_what_is_observed() -> None:
    aim = wanted(3, 2)
    site = built(aim)
    _forget(site)
    made = plan(site, aim)
    assert not of(made, Verb.INIT, Verb.FINISH_INIT, Verb.JOIN, Verb.JOIN_CONTROL_PLANE, Verb.LEAVE)
    done(site, aim)
    assert site.record is not None
    assert site.record.generation == 1
    assert {host.address for host in site.record.members} == {host.address for host in aim.hosts}


def test_a_node_that_was_deleted_by_hand_is_made_again() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    del site.nodes[site.machines[worker(2)].name]
    made = plan(site, aim)
    assert [(step.verb, step.host) for step in made.steps] == [(Verb.JOIN, worker(2))]
    assert "drift" in str(made.steps[0].because)
    done(site, aim)


def test_a_node_that_nobody_knows_stays() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.nodes["guest"] = Node("guest", "10.0.0.99")
    assert found(nothing(site, aim), "host-listed") == ["10.0.0.99"]


def test_two_hosts_of_one_name_never_join() -> None:
    aim = wanted(1, 2)
    site = fresh(aim)
    site.machines[worker(2)].name = site.machines[worker(1)].name
    from tests.unit.installer.plan.decisions.kit import rules  # noqa: PLC0415  (used once)

    assert rules(site, aim) == {"BND-NODE-NAME"}
