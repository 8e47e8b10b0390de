"""Situations 60 to 72: several hands, several products, half-way, and odd."""

from dataclasses import replace
from typing import Any

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.facts.etcd import Member
from bundler.installer.facts.observed import Component
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.site.desired import AppAim, Desired, Endpoint, EndpointKind, Versions
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp, desired, with_pieces, worker
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


def other(kubernetes: str = "v1.37.2", fits: str = ">=1.30.0", version: str = "1.0.0") -> Desired:
    return replace(
        wanted(1, 1),
        versions=Versions("mail", version, kubernetes),
        settings={"kubelet": {"maxPods": "5"}},
        apps=(AppAim("mail", "1", fits),),
    )


def test_60_another_product_adds_its_apps_and_leaves_kubernetes_alone() -> None:
    site = built(wanted(1, 1))
    made = plan(site, other())
    assert [(step.verb, step.about) for step in made.steps] == [(Verb.APP, "mail")]
    done(site, other())
    assert site.record is not None
    assert [product.name for product in site.record.products] == ["shop", "mail"]
    assert site.record.kubernetes == "v1.36.3"
    nothing(site, wanted(1, 1))
    assert rules(site, replace(other(), hosts=wanted(1, 2).hosts)) >= {"BND-NOT-OWNER"}


def test_60_an_app_that_does_not_fit_is_refused() -> None:
    assert rules(built(wanted(1, 1)), other(fits=">=1.37.0")) == {"BND-KUBEVERSION"}


def test_60_delete_takes_only_its_own_apps_while_others_live_here() -> None:
    site = built(wanted(1, 1))
    done(site, other())
    assert [(step.verb, step.about) for step in plan(site, other(), Kind.DELETE).steps] == [
        (Verb.UNINSTALL, "mail")
    ]
    assert done(site, other(), Kind.DELETE) == ["uninstall/mail"]
    assert site.record is not None
    assert [product.name for product in site.record.products] == ["shop"]
    assert site.record.operation == ""
    nothing(site, wanted(1, 1))


@pytest.mark.parametrize("first", [True, False])
def test_60_the_cluster_goes_with_the_last_product(*, first: bool) -> None:
    aim = wanted(1, 1)
    site = built(aim)
    done(site, other())
    one, last = (aim, other()) if first else (other(), aim)
    assert {key.partition("/")[0] for key in done(site, one, Kind.DELETE)} == {"uninstall"}
    assert "wipe" in {key.partition("/")[0] for key in done(site, last, Kind.DELETE)}
    assert not any(machine.traces.cluster for machine in site.machines.values())


def test_60_a_delete_of_one_product_that_was_broken_off_never_takes_the_cluster() -> None:
    site = built(wanted(1, 1))
    done(site, other())
    site = broken(site, other(), "uninstall/mail", Operation(Kind.DELETE), inside=0)
    assert "wipe" not in {step.verb.value for step in plan(site, wanted(1, 1)).steps}
    done(site, other(), Kind.DELETE)


@pytest.mark.parametrize("own", [True, False])
def test_61_an_older_copy_is_refused_and_rollback_named(*, own: bool) -> None:
    site = built(wanted(1, 1))
    aim = replace(wanted(1, 1), versions=Versions("shop", "2.0.0", "v1.36.3"))
    if not own:
        done(site, other(version="1.10"))
        aim = other(version="1.9")
    (refused,) = refusal(site, aim).refusals
    assert (refused.rule, "rollback" in refused.fix) == ("BND-DOWNGRADE", True)


def test_62_a_changed_key_is_trusted_by_a_person_first() -> None:
    site = built(wanted(1, 1))
    (refused,) = refusal(site, replace(wanted(1, 1), key="SHA256:new")).refusals
    assert (refused.rule, refused.code) == ("BND-KEY-CHANGED", ExitCode.TRUST)
    assert "SHA256:vendor" in refused.where


@pytest.mark.parametrize("number", [1, 2, 3])
def test_63_a_control_plane_that_is_off_may_be_left_out_by_name(number: int) -> None:
    site = built(wanted(3, 1), worker(2), cp(4), cp(5))
    site.power(cp(number), on=False)
    assert rules(site, wanted(3, 2)) == {"BND-HOST-SILENT"}
    without = frozenset({cp(number)})
    assert hosts(of(plan(site, wanted(3, 2), without=without), Verb.JOIN)) == {worker(2)}
    newer = replace(wanted(3, 1), versions=Versions("shop", "3.0", "v1.36.4"))
    vip = wanted(3, 1, endpoint=Endpoint(EndpointKind.VIP, "10.0.0.100"))
    for aim in (wanted(5, 1), newer, vip):
        assert "BND-NEEDS-CONTROL-PLANE" in rules(site, aim, without=without)
    ended = go(site, wanted(3, 2), _without(cp(number)))
    assert ended.done
    site.power(cp(number), on=True)
    done(site, wanted(3, 2))


def _without(host: str) -> Any:  # an Operation
    from bundler.installer.plan.cluster.operation import Consents, Operation  # noqa: PLC0415  (used once)

    return Operation(Kind.APPLY, Consents(without=frozenset({host})))


@pytest.mark.parametrize("off", [(1, 2), (2, 3), (1, 3)])
@pytest.mark.parametrize("consents", [{}, {"max_failed": 9}, {"prune": True}])
def test_64_without_a_majority_everything_is_refused(
    off: tuple[int, int], consents: dict[str, object]
) -> None:
    site = built(wanted(3, 1))
    for number in off:
        site.power(cp(number), on=False)
    (refused,) = refusal(site, wanted(3, 1), **consents).refusals  # type: ignore[arg-type]  # real fields
    assert refused.rule == "BND-QUORUM-LOST"
    assert "restore" in refused.fix
    assert rules(site, wanted(3, 1), without=frozenset({cp(n) for n in off}))


JOIN = f"join-control-plane/{cp(2)}"


@pytest.mark.parametrize("inside", [1, 2, 3, 4, 5, 6])
def test_65_a_join_that_was_broken_off_is_settled_and_finished(inside: int) -> None:
    site = broken(built(wanted(1, 1), cp(2), cp(3)), wanted(3, 1), JOIN, inside=inside)
    aim = wanted(3, 1)
    learner = next((member for member in site.members if member.learner), None)
    if learner is not None:
        verb = Verb.PROMOTE if learner.started else Verb.REMOVE_MEMBER
        stage = plan(site, aim).stage
        assert stage is not None
        assert hosts(stage.verbs(verb)) == {cp(2)}
        assert not stage.verbs(Verb.JOIN_CONTROL_PLANE)
    done(site, aim)
    assert len(site.members) == 3
    assert site.inits == 1


def test_65_a_learner_on_a_silent_host_needs_a_word() -> None:
    site = broken(built(wanted(1, 1), cp(2)), wanted(2, 1), JOIN, inside=4)
    assert site.members[-1].learner
    site.power(cp(2), on=False)
    assert rules(site, wanted(2, 1)) & {"BND-HOST-SILENT", "BND-LEARNER"}
    aim = wanted(1, 1)
    done(site, aim, gone=frozenset({cp(2)}))
    assert len(site.members) == 1


@pytest.mark.parametrize("workers", [1, 3])
def test_66_the_only_control_plane_reinstalled_is_no_reason_to_init(workers: int) -> None:
    aim = wanted(1, workers)
    site = built(aim)
    site.reinstall(cp(1))
    (refused,) = refusal(site, aim).refusals
    assert refused.rule in {"BND-CLUSTER-LOST", "BND-REPLACED"}
    assert "restore" in refused.fix
    assert "delete" in refused.fix
    done(site, aim, Kind.DELETE)
    done(site, aim)


def test_67_known_machines_at_other_addresses() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    site.machines[worker(9)] = moved = site.machines.pop(worker(2))
    moved.address = worker(9)
    (refused,) = refusal(site, desired([cp(1)], [worker(1), worker(9)]), max_failed=1).refusals
    assert (refused.rule, "readdress" in refused.fix) == ("BND-READDRESS", True)


def test_67_clones_are_refused_and_a_new_hostname_changes_nothing() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    site.machines[worker(2)].name = "renamed"
    site.nodes = dict(site.nodes)
    assert not of(plan(site, aim), Verb.JOIN, Verb.DELETE_NODE)
    site.machines[worker(2)].machine_id = site.machines[worker(1)].machine_id
    assert rules(site, aim) == {"BND-CLONES"}


def test_68_a_member_that_is_not_listed_is_upgraded_too() -> None:
    site = built(wanted(1, 2))
    newer = replace(wanted(1, 1), versions=Versions("shop", "3.0", "v1.36.4"))
    newer = with_pieces(newer, [worker(2)])
    made = plan(site, newer)
    assert worker(2) in hosts(of(made, Verb.UPGRADE_NODE))
    assert found(made, "host-listed") == [worker(2)]
    done(site, newer)
    site.power(worker(2), on=False)
    (refused,) = refusal(site, newer).refusals
    assert "--gone" in refused.fix


@pytest.mark.parametrize("inside", [0, 1, 2, 3])
def test_69_a_leave_that_was_broken_off_is_finished_without_the_flag(inside: int) -> None:
    aim = wanted(1, 1)
    site = broken(built(wanted(1, 2)), aim, f"leave/{worker(2)}", _prune(), inside=inside)
    assert hosts(of(plan(site, aim), Verb.LEAVE)) == {worker(2)}
    done(site, aim)


@pytest.mark.parametrize("inside", [0, 1, 2, 3])
def test_69_one_that_is_wanted_again_leaves_and_joins(inside: int) -> None:
    site = broken(built(wanted(1, 2)), wanted(1, 1), f"leave/{worker(2)}", _prune(), inside=inside)
    ran = done(site, wanted(1, 2))
    assert ran.index(f"leave/{worker(2)}") < ran.index(f"join/{worker(2)}")


def _prune() -> Any:  # an Operation
    from bundler.installer.plan.cluster.operation import Consents, Operation  # noqa: PLC0415  (used once)

    return Operation(Kind.APPLY, Consents(prune=True))


def test_70_one_edit_with_everything_keeps_the_order() -> None:
    site = built(wanted(3, 2), cp(4), worker(3))
    site.power(cp(3), on=False)
    aim = desired(
        [cp(1), cp(2), cp(4)],
        [worker(1), worker(3)],
        versions=Versions("shop", "3.0.0", "v1.36.4"),
        settings={"kubelet": {"maxPods": "180"}},
        apps=(AppAim("shop", "chart-2"),),
    )
    units = site.machines[worker(1)].units
    units["containerd.service"] = replace(units["containerd.service"], active=False)
    ran = done(site, aim, prune=True, gone=frozenset({cp(3)}))

    def last(start: str) -> int:
        return max(n for n, key in enumerate(ran) if key.startswith(start))

    def first(start: str) -> int:
        return min(n for n, key in enumerate(ran) if key.startswith(start))

    assert first(f"containerd/{worker(1)}") < first("upgrade-control-plane")
    assert last("remove-member") < first("upgrade-control-plane")
    assert last("upgrade-control-plane") < first("join-control-plane")
    assert first("join-control-plane") < len(ran)
    assert site.nodes[f"node-{cp(4)}"].version == "v1.36.4"


@pytest.mark.parametrize("revision", [1, 4])
def test_71_a_release_left_pending_is_settled_first(revision: int) -> None:
    aim = wanted(1, 1)
    site = built(aim)
    release = site.releases["shop"]
    site.releases["shop"] = replace(release, status="pending-upgrade", revision=revision, digest="half")
    assert [step.verb for step in plan(site, aim).steps] == [Verb.RECOVER, Verb.APP]
    done(site, aim)
    assert not site.releases["shop"].pending


@pytest.mark.parametrize("host", [cp(1), worker(1)])
def test_72_a_kill_between_a_file_and_its_unit_is_seen_by_what_the_unit_runs_with(host: str) -> None:
    plain = wanted(1, 1)
    aim = with_pieces(plain, pause="pause:3.11")
    site = broken(built(plain), aim, f"containerd-config/{host}")
    left = {step.key for step in plan(site, aim).steps}
    assert f"containerd/{host}" in left
    assert f"containerd-config/{host}" not in left
    done(site, aim)


def test_a_member_that_nobody_knows_is_told_and_left() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.members.append(Member("stranger", "x", "10.0.0.99", started=False))
    assert found(nothing(site, aim), "member-unknown") == ["10.0.0.99"]


def test_a_setting_is_not_rolled_out_while_versions_are_mixed() -> None:
    site = built(wanted(1, 1))
    aim = replace(
        wanted(1, 1),
        versions=Versions("shop", "3.0", "v1.36.4"),
        settings={"kube-apiserver": {"new-in-4": "1"}},
    )
    ran = done(site, aim)
    upgrades = [n for n, key in enumerate(ran) if key.startswith("upgrade-")]
    assert max(upgrades) < next(n for n, key in enumerate(ran) if key.startswith("settings/"))
    assert site.machines[cp(1)].components["kube-apiserver"] == Component("v1.36.4", {"new-in-4": "1"})
