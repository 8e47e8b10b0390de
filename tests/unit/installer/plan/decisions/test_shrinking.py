"""Situations 32 to 41: shrinking, replacing."""

from dataclasses import replace

import pytest

from bundler.installer.facts.api import Node, Owner, Pod
from bundler.installer.plan.cluster.concerns.nodes import NO_PODS
from bundler.installer.plan.cluster.operation import Blocked, Kind, Operation
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.site.record import HostState
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp, desired, worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan.decisions.kit import (
    broken,
    built,
    done,
    found,
    hosts,
    nothing,
    of,
    plan,
    refusal,
    rules,
    wanted,
)


@pytest.mark.parametrize("number", [1, 2])
def test_32_a_worker_that_is_not_listed_stays_until_it_is_pruned(number: int) -> None:
    site = built(wanted(1, 3))
    aim = desired([cp(1)], [worker(n) for n in (1, 2, 3) if n != number])
    assert found(nothing(site, aim), "host-listed") == [worker(number)]
    made = plan(site, aim, prune=True)
    assert [(step.verb, step.subject) for step in made.steps] == [(Verb.LEAVE, worker(number))]
    done(site, aim, prune=True)
    assert not site.machines[worker(number)].ours
    assert found(nothing(site, aim), "host-listed") == []


def test_32_one_that_does_not_answer_is_refused_with_the_flag_that_helps() -> None:
    site = built(wanted(1, 2))
    site.power(worker(2), on=False)
    aim = wanted(1, 1)
    (refused,) = refusal(site, aim, prune=True).refusals
    assert refused.rule == "BND-HOST-SILENT"
    assert f"--gone {worker(2)}" in refused.fix
    made = plan(site, aim, gone=frozenset({worker(2)}))
    assert [(step.verb, step.subject) for step in made.steps] == [(Verb.DELETE_NODE, worker(2))]
    done(site, aim, gone=frozenset({worker(2)}))


def _pod(site: Site, host: str, name: str = "shop/cart-1", **changes: object) -> Site:
    pod = replace(Pod(name, site.machines[host].name), **changes)  # type: ignore[arg-type]  # real fields
    site.pods.append(pod)
    return site


def test_33_a_budget_that_allows_no_eviction_is_named_and_the_choice_goes_along() -> None:
    site = _pod(built(wanted(1, 2)), worker(2), budget="shop/cart", allowed=0)
    aim = wanted(1, 1)
    made = plan(site, aim, prune=True)
    assert found(made, "drain-blocked") == [worker(2)]
    assert "shop/cart" in next(each.text for each in made.findings if each.id == "drain-blocked")
    assert of(made, Verb.LEAVE)[0].inputs["blocked"] == "stop"
    (step,) = of(plan(site, aim, prune=True, blocked=Blocked.SKIP), Verb.LEAVE)
    assert step.inputs["blocked"] == "skip"


@pytest.mark.parametrize("trouble", [{"owner": Owner.NONE}, {"bound": True}])
def test_34_pods_that_nothing_brings_back_have_to_be_named(trouble: dict[str, object]) -> None:
    site = _pod(built(wanted(1, 2)), worker(2), "default/debug", **trouble)
    aim = wanted(1, 1)
    assert rules(site, aim, prune=True) == {"BND-DRAIN-POD"}
    assert not rules(site, aim)
    (step,) = of(plan(site, aim, prune=True, delete_pods=frozenset({"default/debug"})), Verb.LEAVE)
    assert step.inputs["deleted"] == "default/debug"


def test_34_scratch_data_under_a_controller_is_listed_and_goes() -> None:
    site = _pod(built(wanted(1, 2)), worker(2), scratch=True)
    (step,) = of(plan(site, wanted(1, 1), prune=True), Verb.LEAVE)
    assert step.inputs["scratch"] == "shop/cart-1"


@pytest.mark.parametrize("controls", [1, 3])
def test_35_without_workers_the_control_planes_take_pods_first(controls: int) -> None:
    site = built(wanted(controls, 1))
    aim = wanted(controls, 0)
    assert NO_PODS in site.node_at(cp(1)).taints
    assert found(nothing(site, aim), "host-listed") == [worker(1)]  # it stays, so pods have a place
    made = plan(site, aim, prune=True)
    order = [step.verb for step in made.steps]
    assert order.index(Verb.UNTAINT) < order.index(Verb.LEAVE)
    assert hosts(of(made, Verb.UNTAINT)) == {cp(n) for n in range(1, controls + 1)}
    assert found(made, "control-plane-takes-pods")
    done(site, aim, prune=True)


@pytest.mark.parametrize("leaver", [1, 2, 3])
def test_36_38_any_control_plane_may_leave_while_all_are_well(leaver: int) -> None:
    site = built(wanted(3, 1))
    stay = [cp(n) for n in (1, 2, 3) if n != leaver]
    aim = desired(stay, [worker(1)])
    made = plan(site, aim, prune=True)
    assert [(step.verb, step.subject) for step in made.stage.steps if step.verb is Verb.LEAVE] == [  # type: ignore[union-attr]
        (Verb.LEAVE, cp(leaver))
    ]
    assert found(made, "even-control-planes")
    done(site, aim, prune=True)
    assert {member.address for member in site.members} == set(stay)
    for host in (*stay, worker(1)):
        assert set(site.machines[host].lists["registries"]) == set(stay)


@pytest.mark.parametrize("leaver", [1, 2])
def test_37_a_healthy_one_may_not_leave_while_another_is_down(leaver: int) -> None:
    site = built(wanted(3, 1))
    site.power(cp(3), on=False)
    aim = desired([cp(n) for n in (1, 2, 3) if n != leaver], [worker(1)])
    assert "BND-QUORUM" in rules(site, aim, prune=True, without=frozenset({cp(3)}))


def test_37_the_dead_one_may() -> None:
    site = built(wanted(3, 1))
    site.power(cp(3), on=False)
    aim = wanted(2, 1)
    assert rules(site, aim, prune=True) == {"BND-HOST-SILENT"}
    made = plan(site, aim, gone=frozenset({cp(3)}))
    assert [step.verb for step in made.steps][:2] == [Verb.REMOVE_MEMBER, Verb.DELETE_NODE]
    done(site, aim, gone=frozenset({cp(3)}))


def test_37_one_of_two_that_is_dead_is_a_restore() -> None:
    site = built(wanted(2, 1))
    site.power(cp(2), on=False)
    assert "BND-QUORUM-LOST" in rules(site, wanted(1, 1), gone=frozenset({cp(2)}))


def test_39_who_was_removed_as_gone_and_comes_back_is_refused_until_it_is_wiped() -> None:
    site = built(wanted(3, 1))
    site.power(cp(3), on=False)
    aim = wanted(2, 1)
    done(site, aim, gone=frozenset({cp(3)}))
    site.power(cp(3), on=True)
    name = site.machines[cp(3)].name
    site.nodes[name] = Node(name, cp(3), control_plane=True)
    assert found(nothing(site, aim), "gone-returned") == [cp(3)]
    del site.nodes[name]
    assert rules(site, wanted(3, 1)) == {"BND-GONE-RETURNED"}
    site.machines[cp(3)].wipe()
    done(site, wanted(3, 1))


@pytest.mark.parametrize("consents", [{"prune": True}, {}])
def test_40_taking_everything_out_points_to_delete(consents: dict[str, object]) -> None:
    site = built(wanted(1, 2))
    aim = desired([], [worker(1)])
    (refused,) = refusal(site, aim, **consents).refusals  # type: ignore[arg-type]  # real fields
    assert refused.rule == "BND-NO-CONTROL-PLANE"
    assert "delete" in refused.fix


def test_40_all_others_in_one_edit_join_before_the_old_ones_leave() -> None:
    site = built(wanted(1, 1), cp(2), cp(3), cp(4), worker(2))
    aim = desired([cp(2), cp(3), cp(4)], [worker(2)])
    ran = done(site, aim, prune=True)
    joins = [n for n, key in enumerate(ran) if key.startswith("join-control-plane")]
    assert ran.index(f"leave/{cp(1)}") > max(joins)
    assert {member.address for member in site.members} == {cp(2), cp(3), cp(4)}


DELETE = Operation(Kind.DELETE)


def test_41_delete_takes_all_of_it_away() -> None:
    aim = wanted(3, 2)
    site = built(aim)
    ran = done(site, aim, Kind.DELETE)
    assert max(n for n, key in enumerate(ran) if key.startswith("mark-removal")) < ran.index(
        f"wipe/{worker(1)}"
    )
    assert not any(m.ours or m.traces.cluster for m in site.machines.values())
    assert done(site, aim)[-1:]  # and may be installed again
    assert site.inits == 2


@pytest.mark.parametrize("controls", [1, 3])
@pytest.mark.parametrize("inside", [0, 1])
@pytest.mark.parametrize("victim", ["mark-removal/10.0.0.21", "wipe/10.0.0.21", "wipe/10.0.0.11"])
def test_41_a_delete_that_was_broken_off_is_never_nothing_to_do(
    victim: str, inside: int, controls: int
) -> None:
    aim = wanted(controls, 2)
    site = built(aim)
    if victim.startswith("mark"):
        inside = 0
    site = broken(site, aim, victim, DELETE, inside=inside)
    again = done(site, aim)
    assert again or victim.startswith("mark")
    assert go(site, aim).stages == 0
    assert all(site.machines[host.address].traces.kubelet_conf for host in aim.hosts)
    assert site.record is not None
    assert all(host.state is HostState.MEMBER for host in site.record.hosts)


def test_41_with_the_data_of_a_majority_whole_it_is_started_again() -> None:
    aim = wanted(1, 1)
    site = broken(built(aim), aim, f"mark-removal/{worker(1)}", DELETE)
    kubelet = site.machines[cp(1)].units["kubelet.service"]
    site.machines[cp(1)].units["kubelet.service"] = replace(kubelet, active=False)
    done(site, aim)
    assert site.inits == 1
