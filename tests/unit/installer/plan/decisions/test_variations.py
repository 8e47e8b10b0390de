"""Situations of the same kinds as the 72, and what a field engineer expects of each.

They are from the rules of a running cluster (quorum, one control plane at a time, nothing of other people's)
and not from what the planner says.
"""

from dataclasses import replace

import pytest

from bundler.installer.facts.api import Cordon
from bundler.installer.facts.observed import BlobState, Certificate, FileState
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.site.desired import AppAim, Versions
from tests.fakes.site.access import go
from tests.fakes.site.recipe import CONTAINERD, cp, desired, worker
from tests.fakes.site.site import DAY
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
    rules,
    wanted,
)


def newer(controls: int, workers: int, kubernetes: str = "v1.37.2", *carried: str):  # type: ignore[no-untyped-def]  # a Desired
    return replace(
        wanted(controls, workers), versions=Versions("shop", "9.0", kubernetes, (*carried, kubernetes))
    )


# --- first install, and going on


def test_a_control_plane_that_is_off_at_the_first_install_is_never_excused() -> None:
    aim = wanted(3, 2)
    site = fresh(aim)
    site.power(cp(2), on=False)
    assert rules(site, aim)
    assert rules(site, aim, max_failed=5)
    assert site.inits == 0


def test_more_workers_off_than_are_excused_are_too_many() -> None:
    aim = wanted(1, 3)
    site = fresh(aim)
    for number in (2, 3):
        site.power(worker(number), on=False)
    assert rules(site, aim, max_failed=1)
    assert plan(site, aim, max_failed=2).partial == (worker(2), worker(3))


def test_an_install_cut_between_two_joins_of_control_planes_begins_no_second_cluster() -> None:
    aim = wanted(3, 1)
    site = broken(fresh(aim), aim, f"join-control-plane/{cp(2)}")
    made = plan(site, aim)
    assert not of(made, Verb.INIT, Verb.FINISH_INIT, Verb.UNDO_INIT)
    done(site, aim)
    assert (site.inits, len(site.members)) == (1, 3)


# --- nothing to do, and drift


def test_two_kinds_of_drift_on_one_host_are_both_shown_and_mended_at_once() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    machine = site.machines[worker(1)]
    machine.files[CONTAINERD] = FileState("by hand")
    machine.sysctls.clear()
    made = plan(site, aim)
    assert hosts(made.steps) == {worker(1)}
    assert len(found(made, "drift")) >= 2
    done(site, aim)


def test_a_blob_that_is_damaged_on_one_control_plane_is_copied_there_alone() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.machines[cp(3)].blobs["sha256:bb"] = BlobState.DAMAGED
    assert hosts(plan(site, aim).steps) == {cp(3)}
    done(site, aim)


def test_a_persons_cordon_outlives_an_upgrade() -> None:
    site = built(wanted(1, 2))
    site.change_node(worker(1), cordon=Cordon.PERSON)
    made = plan(site, wanted(1, 2))
    assert not of(made, Verb.UNCORDON)
    assert site.node_at(worker(1)).cordon is Cordon.PERSON


def test_a_persons_label_and_taint_stay_when_others_change() -> None:
    site = built(wanted(1, 1))
    site.change_node(worker(1), labels={"theirs": "yes"}, taints=frozenset({"theirs:NoSchedule"}))
    aim = wanted(1, 1)
    aim = replace(aim, hosts=tuple(replace(h, labels={"disk": "ssd"}) for h in aim.hosts))
    done(site, aim)
    node = site.node_at(worker(1))
    assert node.labels == {"theirs": "yes", "disk": "ssd"}
    assert "theirs:NoSchedule" in node.taints


def test_one_expired_certificate_of_three_control_planes_is_renewed_there_and_the_others_serve() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    machine = site.machines[cp(2)]
    names = frozenset({"api.berlin.internal"})
    machine.certificates = [Certificate("apiserver", site.now - 360 * DAY, site.now + 5 * DAY, names)]
    made = plan(site, aim)
    assert hosts(of(made, Verb.RENEW)) == {cp(2)}


# --- growing


def test_two_control_planes_more_join_in_two_stages_and_never_at_once() -> None:
    site = built(wanted(1, 1), cp(2), cp(3))
    made = plan(site, wanted(3, 1))
    stages = [made.stage, *made.forecast]
    counts = [len(stage.verbs(Verb.JOIN_CONTROL_PLANE)) for stage in stages if stage]
    assert [count for count in counts if count] == [1, 1]


def test_a_join_of_a_control_plane_waits_for_a_member_that_is_down() -> None:
    site = built(wanted(3, 1), cp(4), cp(5))
    site.power(cp(2), on=False)
    assert rules(site, wanted(5, 1))
    assert rules(site, wanted(5, 1), without=frozenset({cp(2)})) == {"BND-NEEDS-CONTROL-PLANE"}


def test_a_worker_joins_beside_an_app_that_is_new_and_the_app_comes_behind_it() -> None:
    site = built(wanted(1, 1), worker(2))
    aim = replace(wanted(1, 2), apps=(AppAim("shop", "chart-1"), AppAim("mail", "1")))
    done(site, aim)
    order = site.log
    assert order.index(f"join/{worker(2)}") < order.index("app/mail")


# --- shrinking, replacing


def test_from_five_to_three_the_members_leave_one_a_stage() -> None:
    site = built(wanted(5, 1))
    made = plan(site, wanted(3, 1), prune=True)
    for stage in (made.stage, *made.forecast):
        assert stage is None or len(stage.verbs(Verb.LEAVE)) <= 1
    done(site, wanted(3, 1), prune=True)
    assert len(site.members) == 3


def test_of_five_with_two_dead_a_healthy_one_may_not_leave_and_the_dead_ones_may() -> None:
    site = built(wanted(5, 1))
    for number in (4, 5):
        site.power(cp(number), on=False)
    healthy = desired([cp(1), cp(2), cp(4), cp(5)], [worker(1)])
    assert rules(site, healthy, prune=True)
    dead = frozenset({cp(4), cp(5)})
    done(site, wanted(3, 1), gone=dead)
    assert {member.address for member in site.members} == {cp(1), cp(2), cp(3)}


def test_the_last_control_plane_of_two_that_is_dead_is_no_reason_to_go_on_without_it() -> None:
    """One of two has no majority: its removal can't be voted."""
    site = built(wanted(2, 1))
    site.power(cp(2), on=False)
    assert rules(site, wanted(1, 1), gone=frozenset({cp(2)}))
    assert len(site.members) == 2


def test_all_control_planes_are_replaced_in_one_edit_and_joins_precede_leaves() -> None:
    site = built(wanted(1, 1), cp(2))
    aim = desired([cp(2)], [worker(1)])
    done(site, aim, prune=True)
    order = site.log
    assert order.index(f"join-control-plane/{cp(2)}") < order.index(f"leave/{cp(1)}")
    assert {member.address for member in site.members} == {cp(2)}
    assert site.inits == 1


def test_a_dead_worker_goes_only_by_its_name() -> None:
    site = built(wanted(1, 2))
    site.power(worker(2), on=False)
    assert rules(site, wanted(1, 1), prune=True)
    done(site, wanted(1, 1), gone=frozenset({worker(2)}))
    assert worker(2) not in {node.address for node in site.nodes.values()}


def test_a_host_that_came_back_after_gone_is_refused_until_it_is_wiped() -> None:
    site = built(wanted(3, 1))
    site.power(cp(3), on=False)
    two = desired([cp(1), cp(2)], [worker(1)])
    done(site, two, gone=frozenset({cp(3)}))
    site.power(cp(3), on=True)
    assert rules(site, wanted(3, 1))
    site.reinstall(cp(3))
    done(site, wanted(3, 1))
    assert len(site.members) == 3


# --- upgrades


def test_an_upgrade_waits_for_a_worker_that_is_off_and_changes_nothing_before() -> None:
    site = built(wanted(3, 2))
    site.power(worker(2), on=False)
    assert rules(site, newer(3, 2))
    assert site.snapshots == 0


def test_three_minors_further_without_those_between_is_refused_and_with_them_done() -> None:
    site = built(wanted(1, 1))
    assert rules(site, newer(1, 1, "v1.39.0")) == {"BND-MINOR-SKIPPED"}
    done(site, newer(1, 1, "v1.39.0", "v1.37.2", "v1.38.0"))
    assert {m.components["kubelet"].version for m in site.machines.values()} == {"v1.39.0"}


def test_a_new_worker_and_a_new_version_in_one_edit_join_at_the_new_version() -> None:
    site = built(wanted(1, 1), worker(2))
    done(site, newer(1, 2))
    assert site.machines[worker(2)].components["kubelet"].version == "v1.37.2"
    assert f"upgrade-node/{worker(2)}/v1.37.2" not in site.log


# --- several hands, half-way, and odd


@pytest.mark.parametrize("inside", [0, 1, 2])
def test_a_delete_cut_at_its_first_wipe_is_finished_by_delete(inside: int) -> None:
    aim = wanted(1, 2)
    site = broken(built(aim), aim, f"wipe/{worker(1)}", Operation(Kind.DELETE), inside=inside)
    done(site, aim, Kind.DELETE)
    assert not any(machine.traces.cluster or machine.ours for machine in site.machines.values())


def test_a_second_engineer_with_the_same_files_has_nothing_to_do_after_a_worker_came_back() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    site.power(worker(2), on=False)
    assert rules(site, aim)
    site.power(worker(2), on=True)
    nothing(site, aim)
    assert go(site, aim).stages == 0
