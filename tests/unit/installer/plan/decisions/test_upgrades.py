"""Situations 48 to 59: upgrades and the way back."""

from dataclasses import replace

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.facts.api import Budget, Owner, Pod
from bundler.installer.facts.observed import Certificate
from bundler.installer.plan.cluster.hops import minor
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.site.desired import Desired, Piece, Versions
from bundler.installer.site.expected import Journalled
from tests.fakes.site.access import KilledError, go
from tests.fakes.site.recipe import cp, desired, with_pieces, worker
from tests.fakes.site.site import DAY, Site
from tests.unit.installer.plan.decisions.kit import (
    broken,
    built,
    done,
    found,
    fresh,
    hosts,
    of,
    plan,
    refusal,
    rules,
    wanted,
)


def at(
    kubernetes: str, *carried: str, controls: int = 3, workers: int = 2, version: str = "3.0.0"
) -> Desired:
    aim = wanted(controls, workers)
    return replace(aim, versions=Versions("shop", version, kubernetes, (*carried, kubernetes)))


def test_48_all_certificates_expired_and_the_api_down() -> None:
    aim = wanted(3, 1)
    site = built(aim)
    old = Certificate(
        "expired", site.now - 400 * DAY, site.now - 35 * DAY, frozenset({"api.berlin.internal"})
    )
    for number in (1, 2, 3):
        site.machines[cp(number)].certificates = [old]
    site.machines[cp(2)].clock_offset = -3000.0
    assert not site.api_up
    assert rules(site, aim) == {"BND-CLOCK"}
    timed = replace(aim, time_server="ntp.example")
    made = plan(site, timed, fix=True)
    assert made.stage is not None
    assert made.stage.verbs(Verb.SET_CLOCK)
    done(site, timed, fix=True)
    assert site.inits == 1
    assert site.api_up


@pytest.mark.parametrize("target", ["v1.36.4", "v1.37.2"])
@pytest.mark.parametrize(("controls", "workers"), [(1, 1), (3, 2)])
def test_49_50_control_planes_one_by_one_behind_a_snapshot_then_workers(
    target: str, controls: int, workers: int
) -> None:
    site = built(wanted(controls, workers))
    aim = at(target, controls=controls, workers=workers)
    made = plan(site, aim)
    order = [(step.verb, step.subject) for step in made.steps]
    upgrades = [n for n, (verb, _) in enumerate(order) if verb is Verb.UPGRADE_CONTROL_PLANE]
    assert order.index((Verb.SNAPSHOT, cp(1))) < min(upgrades)
    assert len(upgrades) == controls
    assert min(order.index((Verb.UPGRADE_NODE, worker(n + 1))) for n in range(workers)) > max(upgrades)
    for stage in (made.stage, *made.forecast):
        assert stage is not None
        assert len(stage.verbs(Verb.UPGRADE_CONTROL_PLANE)) <= 1
    done(site, aim)
    assert site.snapshots == 1
    assert {node.version for node in site.nodes.values()} == {target}


def test_50_images_and_programs_come_ahead() -> None:
    site = built(wanted(3, 1))
    aim = with_pieces(at("v1.37.2", workers=1), pause="pause:3.11")
    made = plan(site, aim)
    assert made.stage is not None
    done(site, aim)


def test_51_two_minors_take_two_hops_of_control_planes_and_one_of_workers() -> None:
    site = built(wanted(3, 2))
    aim = at("v1.38.1", "v1.37.2")
    made = plan(site, aim)
    targets = [step.inputs["version"] for step in of(made, Verb.UPGRADE_CONTROL_PLANE)]
    assert targets == ["v1.37.2"] * 3 + ["v1.38.1"] * 3
    workers = [step for step in of(made, Verb.UPGRADE_NODE) if step.subject in {worker(1), worker(2)}]
    assert [step.inputs["version"] for step in workers] == ["v1.38.1"] * 2
    done(site, aim)


def test_51_kubelets_never_fall_more_than_three_minors_behind() -> None:
    site = built(wanted(1, 1))
    aim = at("v1.41.0", "v1.37.0", "v1.38.0", "v1.39.0", "v1.40.0", controls=1, workers=1)
    for step in plan(site, aim).steps:
        if step.verb is Verb.UPGRADE_CONTROL_PLANE:
            assert minor(step.inputs["version"]) - 36 <= 3 or any(
                s.verb is Verb.UPGRADE_NODE and s.subject == worker(1) for s in plan(site, aim).steps
            )
    done(site, aim)


@pytest.mark.parametrize("carried", [(), ("v1.38.0",)])
def test_52_a_minor_that_the_bundle_lacks_is_refused_by_name(carried: tuple[str, ...]) -> None:
    site = built(wanted(3, 1))
    (refused,) = refusal(site, at("v1.38.1", *carried, workers=1)).refusals
    assert refused.rule == "BND-MINOR-SKIPPED"
    assert "v1.36.3" in refused.what
    assert "v1.37" in refused.fix


@pytest.mark.parametrize(
    ("version", "kubernetes"), [("2.0.9", "v1.36.3"), ("2.1.0", "v1.36.2"), ("3.0", "v1.35.9")]
)
def test_53_an_older_bundle_is_refused_and_rollback_named(version: str, kubernetes: str) -> None:
    site = built(wanted(1, 1))
    (refused,) = refusal(site, at(kubernetes, controls=1, workers=1, version=version)).refusals
    assert refused.rule == "BND-DOWNGRADE"
    assert "rollback" in refused.fix


def test_53_a_record_of_an_unknown_schema_allows_nothing_but_collect() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    assert site.record is not None
    strange = replace(site.record, schema=99)
    site.record = site.machines[cp(1)].record = strange
    (refused,) = refusal(site, aim).refusals
    assert refused.rule == "BND-RECORD-SCHEMA"
    assert "collect" in refused.fix


def _halfway(target: str = "v1.37.2") -> Site:
    return broken(built(wanted(3, 2)), at(target), f"upgrade-node/{cp(2)}/{target}")


def test_54_an_upgrade_that_was_broken_off_goes_on() -> None:
    site = _halfway()
    made = plan(site, at("v1.37.2"))
    assert found(made, "mixed-versions")
    assert hosts(of(made, Verb.UPGRADE_CONTROL_PLANE)) == {cp(3)}
    assert not of(made, Verb.SNAPSHOT)
    done(site, at("v1.37.2"))


def test_54_a_later_patch_may_finish_it_and_nothing_else() -> None:
    site = _halfway()
    assert not rules(site, at("v1.37.4"))
    assert "BND-UPGRADE-OPEN" in rules(site, at("v1.38.0", "v1.37.2"))
    assert "BND-DOWNGRADE" in rules(site, at("v1.37.1"))
    done(site, at("v1.37.4"))


@pytest.mark.parametrize(("target", "refused"), [("v1.34.9", False), ("v1.35.0", True), ("v1.37.2", True)])
def test_55_cgroup_v1_and_its_exception(*, target: str, refused: bool) -> None:
    aim = at(target, controls=1, workers=1)
    site = fresh(aim)
    site.machines[worker(1)].cgroup_v1 = True
    assert rules(site, aim) == ({"BND-CGROUP-V1"} if refused else set())
    assert not rules(site, replace(aim, fail_cgroup_v1=False))


@pytest.mark.parametrize("trouble", [{"alarms": ("NOSPACE",)}, {"db_size": 3 << 30}, {"lag": 90000}])
@pytest.mark.parametrize("number", [0, 2])
def test_56_a_sick_etcd_is_mended_first(trouble: dict[str, object], number: int) -> None:
    site = built(wanted(3, 2), cp(4), cp(5))
    site.members[number] = replace(site.members[number], **trouble)  # type: ignore[arg-type]  # real fields
    (refused,) = refusal(site, at("v1.37.2")).refusals
    assert refused.rule == "BND-ETCD-SICK"
    assert "etcdctl" in refused.fix
    assert rules(site, wanted(5, 2)) == {"BND-ETCD-SICK"}
    assert not rules(site, wanted(3, 2))


def test_57_one_that_went_back_leaves_mixed_versions_and_says_what_is_left() -> None:
    site = _halfway()
    for name in ("etcd", "kube-apiserver"):
        components = site.machines[cp(2)].components
        components[name] = replace(components[name], version="v1.36.3")
    made = plan(site, at("v1.37.2"))
    assert hosts(of(made, Verb.UPGRADE_CONTROL_PLANE)) == {cp(2), cp(3)}
    (text,) = [each.text for each in made.findings if each.id == "mixed-versions"]
    assert "rollback" in text


def test_58_a_patch_goes_back_without_touching_data() -> None:
    site = built(wanted(3, 1))
    done(site, at("v1.36.4", workers=1))
    back = replace(wanted(3, 1), versions=Versions("shop", "2.1.0", "v1.36.3"))
    made = plan(site, back, Kind.ROLLBACK)
    assert not of(made, Verb.RESTORE)
    assert hosts(of(made, Verb.UPGRADE_CONTROL_PLANE)) == {cp(1), cp(2), cp(3)}
    done(site, back, Kind.ROLLBACK)


def test_58_a_minor_says_what_would_be_lost_and_needs_a_word() -> None:
    site = built(wanted(1, 1))
    done(site, at("v1.37.2", controls=1, workers=1))
    site.written = {"Secret": 3, "Deployment": 2}
    back = wanted(1, 1)
    (refused,) = refusal(site, back, Kind.ROLLBACK).refusals
    assert refused.rule == "BND-DATA-LOSS"
    assert "2 Deployment, 3 Secret" in refused.why
    assert "--confirm berlin" in refused.fix
    made = plan(site, back, Kind.ROLLBACK, lose=True)
    assert found(made, "data-goes-back")
    assert of(made, Verb.RESTORE)


def test_59_a_restore_on_fresh_machines_maps_the_addresses_in_one_plan() -> None:
    old = wanted(1, 1)
    record = built(old).record
    assert record is not None
    aim = desired([cp(5)], [worker(5)])
    site = fresh(aim)
    site.machines[cp(5)].record = record
    made = plan(site, aim, Kind.RESTORE)
    (restore,) = of(made, Verb.RESTORE)
    assert restore.inputs["readdress"] == f"{cp(1)}={cp(5)} {worker(1)}={worker(5)}"
    assert not of(made, Verb.INIT)
    assert (refusal(built(old), old, Kind.RESTORE).code) is ExitCode.REFUSED


# --- what an upgrade would stumble over, told before it begins


def test_everything_that_an_upgrade_would_stumble_over_is_told_at_once() -> None:
    site = built(wanted(3, 2))
    site.pods = [Pod("default/debug-shell", site.node_at(worker(1)).name, Owner.NONE)]
    site.budgets = [Budget("shop/cart", 2, 2), Budget("shop/web", 3, 2)]
    site.members = [replace(each, db_size=100 << 20) for each in site.members]
    site.machines[cp(2)].disk_free = {"/": 200 << 20}
    refused = refusal(site, at("v1.37.2"))
    assert [(each.rule, each.where.split(" ")[0].rstrip(",")) for each in refused.refusals] == [
        ("BND-DRAIN-POD", worker(1)),
        ("BND-BUDGET", "shop/cart"),
        ("BND-SNAPSHOT-SPACE", cp(2)),
    ]
    assert "--delete-pod default/debug-shell" in refused.refusals[0].fix


def test_a_pod_that_was_named_is_deleted_by_the_drain_of_its_node() -> None:
    site = built(wanted(3, 2))
    site.pods = [Pod("default/debug-shell", site.node_at(worker(1)).name, Owner.NONE)]
    made = plan(site, at("v1.37.2"), delete_pods=frozenset({"default/debug-shell"}))
    doomed = {step.subject: step.inputs.get("deleted", "") for step in of(made, Verb.UPGRADE_NODE)}
    assert {address for address, named in doomed.items() if named} == {worker(1)}


def test_the_only_node_is_not_drained_so_nothing_on_it_stands_in_the_way() -> None:
    site = built(wanted(1, 0))
    site.pods = [Pod("default/debug-shell", site.node_at(cp(1)).name, Owner.NONE)]
    site.budgets = [Budget("shop/cart", 1, 1)]
    assert not rules(site, at("v1.37.2", controls=1, workers=0))


def test_a_budget_that_allows_a_drain_once_a_pod_is_back_is_waited_for() -> None:
    site = built(wanted(1, 2))
    site.budgets = [Budget("shop/web", 2, 1), Budget("shop/none", 0, 1)]
    assert not rules(site, at("v1.37.2", controls=1))


def test_apps_wait_until_kubernetes_is_upgraded() -> None:
    site = built(wanted(3, 2))
    aim = at("v1.37.2")
    late = Piece("apps/x/ready", cp(1), "the app x", Journalled(), {"inputs": "2"}, late=True)
    aim = replace(aim, pieces=(*aim.pieces, late))
    made = plan(site, aim)
    stages = [{step.key for step in stage.steps} for stage in (made.stage, *made.forecast) if stage]
    last = max(n for n, keys in enumerate(stages) if any(key.startswith("upgrade-") for key in keys))
    assert [n for n, keys in enumerate(stages) if late.key in keys] == [last + 1]
    ran = done(site, aim)
    assert ran.index(late.key) > max(n for n, key in enumerate(ran) if key.startswith("upgrade-"))


@pytest.mark.parametrize("stopped", [(1,), (2, 3)])
@pytest.mark.parametrize("at_step", [0, 12, 24])
def test_a_registry_that_goes_off_during_an_upgrade_comes_back_and_the_upgrade_ends(
    stopped: tuple[int, ...], at_step: int
) -> None:
    site, aim, unit = built(wanted(3, 2)), at("v1.37.2", workers=2), "bundler-registry.service"
    if at_step:
        with pytest.raises(KilledError):
            go(site, aim, kill_at=at_step)
    for n in stopped:
        units = site.machines[cp(n)].units
        units[unit] = replace(units[unit], active=False)
    assert go(site, aim).done
    assert all(site.machines[cp(n)].units[unit].active for n in (1, 2, 3))
    assert {m.components["kubelet"].version for m in site.machines.values()} == {"v1.37.2"}
