"""Situations 1 to 11: first install, and going on."""

from dataclasses import replace

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.facts.observed import Certificate, Holder, Traces
from bundler.installer.plan.cluster.steps import Cause, Verb
from bundler.installer.site.record import HostState
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp, worker
from tests.fakes.site.site import DAY
from tests.unit.installer.plan.decisions.kit import (
    asked,
    broken,
    built,
    done,
    found,
    fresh,
    hosts,
    nothing,
    of,
    plan,
    refusal,
    rules,
    wanted,
)

SIZES = [(1, 0), (1, 1), (3, 2), (5, 1)]


@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_01_nothing_anywhere_is_installed_in_one_plan(controls: int, workers: int) -> None:
    aim = wanted(controls, workers)
    made = plan(fresh(aim), aim)
    assert made.stage is not None
    assert [step.host for step in made.stage.verbs(Verb.INIT)] == [cp(1)]
    assert len(made.stage.verbs(Verb.JOIN_CONTROL_PLANE)) == controls - 1
    assert len(made.stage.verbs(Verb.JOIN)) == workers
    assert made.stage.verbs(Verb.APP)


def test_01_control_planes_join_one_behind_the_other_and_workers_at_once() -> None:
    aim = wanted(3, 2)
    made = plan(fresh(aim), aim)
    second, third = of(made, Verb.JOIN_CONTROL_PLANE)
    assert second.key in third.after
    joins = of(made, Verb.JOIN)
    assert not {join.key for join in joins} & {name for join in joins for name in join.after}


@pytest.mark.parametrize("last", ["init/10.0.0.11", "join-control-plane/10.0.0.12", "join/10.0.0.21"])
def test_02_an_install_that_was_broken_off_goes_on_without_another_init(last: str) -> None:
    aim = wanted(3, 2)
    site = broken(fresh(aim), aim, last)
    assert last not in done(site, aim)
    assert site.inits == 1


def test_02_without_a_record_in_the_cluster_it_goes_on_too() -> None:
    aim = wanted(1, 2)
    site = broken(fresh(aim), aim, "join/10.0.0.21")
    site.record = None
    made = plan(site, aim)
    assert not of(made, Verb.INIT, Verb.FINISH_INIT)
    assert hosts(of(made, Verb.JOIN)) == {worker(2)}


def test_03_with_data_the_init_is_finished_with_the_recorded_inputs() -> None:
    aim = wanted(1, 1)
    site = broken(fresh(aim), aim, "init/10.0.0.11", inside=4)
    assert site.members
    site.machines[cp(1)].certificates = [Certificate("expired", 0, 1)]  # so that no API comes up
    (step,) = of(plan(site, aim), Verb.FINISH_INIT)
    assert step.inputs["podSubnet"] == aim.fixed["podSubnet"]
    assert not of(plan(site, aim), Verb.INIT)
    other = replace(aim, fixed={**aim.fixed, "podSubnet": "10.9.0.0/16"})
    assert rules(site, other) == {"BND-FIXED-SETTING"}
    done(site, aim)
    assert site.inits == 1


def test_03_without_data_it_is_undone_and_begun_again() -> None:
    aim = wanted(1, 1)
    site = fresh(aim)
    machine = site.machines[cp(1)]
    machine.ours = True
    machine.trace(pki=True, kubelet_conf=True, static_pods=True)
    made = plan(site, aim)
    undo, init = of(made, Verb.UNDO_INIT, Verb.INIT)
    assert undo.key in init.after
    assert done(site, aim)


@pytest.mark.parametrize("host", [cp(1), worker(1)])
@pytest.mark.parametrize("trace", ["kubelet_conf", "static_pods", "etcd_data"])
def test_03_somebody_elses_leftovers_are_listed_and_left(host: str, trace: str) -> None:
    aim = wanted(1, 1)
    site = fresh(aim)
    site.machines[host].traces = Traces(**{trace: True})
    refused = refusal(site, aim)
    assert [each.rule for each in refused.refusals] == ["BND-LEFTOVERS"]
    assert host in refused.refusals[0].where
    assert "rm -rf" in refused.refusals[0].fix


@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_04_a_second_run_has_nothing_to_do(controls: int, workers: int) -> None:
    aim = wanted(controls, workers)
    nothing(built(aim), aim)


def test_05_the_second_of_two_installers_names_the_first() -> None:
    aim = wanted(3, 1)
    site = fresh(aim)
    site.machines[cp(3)].holder = Holder("anna@deploy1, process 71", "2027-03-02 14:02 UTC")
    refused = refusal(site, aim)
    assert refused.code is ExitCode.BUSY
    assert "anna@deploy1" in refused.refusals[0].why
    assert "2027-03-02" in refused.refusals[0].why
    site.machines[cp(3)].holder = Holder("anna@deploy1, process 71", "2027-03-02", alive=False)
    assert not rules(site, aim)


@pytest.mark.parametrize("off", [[1], [2], [1, 2]])
def test_06_a_worker_that_is_off_is_excused_by_number_and_joins_later(off: list[int]) -> None:
    aim = wanted(1, 3)
    site = fresh(aim)
    for number in off:
        site.power(worker(number), on=False)
    assert rules(site, aim) == {"BND-HOST-SILENT"}
    assert rules(site, aim, max_failed=len(off) - 1) == {"BND-HOST-SILENT"}
    made = plan(site, aim, max_failed=len(off))
    assert set(made.partial) == {worker(number) for number in off}
    assert not hosts(list(made.steps)) & set(made.partial)
    done(site, aim, max_failed=len(off))
    assert set(found(nothing(site, aim, max_failed=len(off)), "host-silent")) == set(made.partial)
    for number in off:
        site.power(worker(number), on=True)
    assert hosts(list(plan(site, aim).steps)) == set(made.partial)


def test_06_traces_of_another_cluster_on_the_late_worker_are_seen() -> None:
    aim = wanted(1, 1)
    site = fresh(aim)
    site.power(worker(1), on=False)
    done(site, aim, max_failed=1)
    site.power(worker(1), on=True)
    site.machines[worker(1)].trace(kubelet_conf=True)
    site.machines[worker(1)].machine_id = "somebody-else"
    assert "BND-LEFTOVERS" in rules(site, aim)


def test_06_no_number_excuses_a_control_plane() -> None:
    aim = wanted(3, 1)
    site = fresh(aim)
    site.power(cp(2), on=False)
    assert rules(site, aim, max_failed=9) == {"BND-CLUSTER-UNKNOWN"}


def test_07_a_full_disk_is_refused_with_what_it_needs() -> None:
    aim = wanted(1, 2)
    site = fresh(aim)
    site.machines[worker(2)].disk_free["/"] = 1 << 20
    (refused,) = refusal(site, aim).refusals
    assert (refused.rule, refused.code) == ("BND-HOST-SPACE", ExitCode.PREFLIGHT)
    assert worker(2) in refused.where
    assert "needs" in refused.why
    assert "has 1 MiB" in refused.why


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("controls", [1, 3])
def test_08_a_control_plane_that_does_not_answer_is_not_absent(*, known: bool, controls: int) -> None:
    aim = wanted(controls, 1)
    site = built(aim) if known else fresh(aim)
    for number in range(1, controls + 1):
        site.power(cp(number), on=False)
    assert rules(site, aim) & {"BND-CLUSTER-UNKNOWN", "BND-QUORUM-LOST"}
    assert rules(site, aim, max_failed=9, without=frozenset({cp(1)}), prune=True)


def test_09_an_api_that_is_down_is_mended_by_what_is_ours() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    kubelet = site.machines[cp(1)].units["kubelet.service"]
    site.machines[cp(1)].units["kubelet.service"] = replace(kubelet, active=False)
    made = plan(site, aim)
    assert hosts(of(made, Verb.PUT)) == {cp(1)}
    assert not of(made, Verb.INIT, Verb.FINISH_INIT, Verb.UNDO_INIT)
    done(site, aim)


def test_09_where_nothing_of_ours_is_wrong_the_containers_last_lines_are_told() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    machine = site.machines[cp(1)]
    machine.certificates = [
        Certificate("expired", site.now, site.now + 300 * DAY)
    ]  # the API does not come up
    machine.last_lines = "etcd: cannot allocate memory"
    (refused,) = refusal(site, aim).refusals
    assert refused.rule == "BND-API-DOWN"
    assert "cannot allocate memory" in refused.why


def test_09_an_api_whose_kubelet_this_run_started_is_given_its_time() -> None:
    """As after a `delete` that was killed when it had stopped what runs: found on machines."""
    aim = wanted(1, 1)
    site = built(aim)
    unit = site.machines[cp(1)].units["kubelet.service"]
    site.machines[cp(1)].units["kubelet.service"] = replace(unit, active=False)
    site.api_late = True
    ended = go(site, aim)
    assert ended.done, ended.decision
    assert not site.api_late


def test_09_an_api_that_is_silent_from_the_start_is_not_waited_for() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.api_late = True
    assert not go(site, aim).done
    assert site.api_late


def test_10_a_worker_that_was_reinstalled_is_replaced_and_this_is_said() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    site.reinstall(worker(2))
    made = plan(site, aim)
    delete, join = of(made, Verb.DELETE_NODE, Verb.JOIN)
    assert (delete.subject, join.host) == (worker(2), worker(2))
    assert delete.key in join.after
    assert "another machine" in str(delete.because)
    assert hosts(of(made, Verb.PUT)) == {worker(2)}
    done(site, aim)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_10_a_control_plane_that_was_reinstalled_needs_a_word(number: int) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.reinstall(cp(number))
    assert rules(site, aim) == {"BND-REPLACED"}
    made = plan(site, aim, replaced=frozenset({cp(number)}))
    order = [(step.verb, step.subject) for step in made.steps if step.verb is not Verb.PUT]
    assert order[:2] == [(Verb.REMOVE_MEMBER, cp(number)), (Verb.DELETE_NODE, cp(number))]
    assert (Verb.JOIN_CONTROL_PLANE, cp(number)) in order
    done(site, aim, replaced=frozenset({cp(number)}))
    assert site.record is not None
    assert all(host.state is HostState.MEMBER for host in site.record.hosts)


def test_10_and_not_if_the_quorum_would_be_lost_by_it() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.reinstall(cp(1))
    site.reinstall(cp(2))
    assert rules(site, aim, replaced=frozenset({cp(1), cp(2)}))


@pytest.mark.parametrize("host", [cp(1), cp(2), worker(1)])
def test_11_a_changed_host_key_is_refused_before_all_else(host: str) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.host_keys.add(host)
    refused = refusal(site, replace(aim, name="another"), max_failed=9)
    assert refused.refusals[0].rule == "BND-HOST-KEY"
    assert refused.code is ExitCode.TRUST
    assert "known_hosts line" in refused.refusals[0].where
    assert "another machine" in refused.refusals[0].why
    assert "reinstalled" in refused.refusals[0].why


def test_explanations_name_the_input_and_both_values() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    changed = replace(aim, settings={**aim.settings, "kubelet": {"maxPods": "180"}})
    step = of(plan(site, changed), Verb.SETTINGS)[0]
    assert step.because.cause is Cause.CHANGED
    assert str(step.because) == "maxPods changed from 110 to 180"
    assert asked(site, changed) == asked(site, changed)
    assert go(site, changed).done
