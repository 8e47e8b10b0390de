"""The way back from an upgrade: whether it is open, by which steps, and what the record then says."""

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bundler.installer.plan.cluster.intent import moved_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Refused, Verb
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.order import arrange
from bundler.installer.plan.rollback import rollback_steps
from bundler.installer.plan.steps import Exec, Plan, Step
from bundler.installer.plan.way_back import Spot, WayBack, closed, find, opened
from bundler.installer.scripts.render import Script
from bundler.installer.site.desired import Desired, Versions
from bundler.installer.site.record import Record
from tests.fakes.site.recipe import cp, worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan.decisions.kit import broken, built, done, of, plan, rules, wanted

FOLDER = Path(__file__).parent / "golden"
SNAPSHOT = "ab" * 32


def at(kubernetes: str, controls: int = 3, workers: int = 2, version: str = "3.0.0") -> Desired:
    return replace(wanted(controls, workers), versions=Versions("shop", version, kubernetes))


def kept(site: Site, version: str = "v1.36.3") -> Site:
    """As the hosts are after the snapshot's step: each control plane has it."""
    for machine in site.machines.values():
        if version in machine.generations and machine.etcd_id:
            machine.generations[version] = SNAPSHOT
    return site


def upgraded(target: str = "v1.37.2", controls: int = 3, workers: int = 2) -> Site:
    site = built(wanted(controls, workers))
    done(site, at(target, controls, workers))
    return kept(site)


def view(site: Site, target: str = "v1.37.2", controls: int = 3, workers: int = 2) -> View:
    return moved_on(View(at(target, controls, workers), site.observe(), Operation(Kind.ROLLBACK)))


def way(site: Site, target: str = "v1.37.2", controls: int = 3, workers: int = 2) -> WayBack:
    found = find(view(site, target, controls, workers))
    assert isinstance(found, WayBack), found
    return found


def against(site: Site) -> set[str]:
    found = find(view(site))
    assert isinstance(found, Refused), found
    return {each.rule for each in found.refusals}


def steps(back: WayBack, controls: int = 3) -> Plan:
    members = tuple(Spot(cp(n), f"node-{cp(n)}") for n in range(1, controls + 1))
    return arrange("back", rollback_steps(back, members))


def behind(made: Plan) -> dict[str, set[str]]:
    """Of each step, all that has ended before it begins."""
    found: dict[str, set[str]] = {}
    for step in made.steps:
        found[step.id] = {each for name in step.after for each in (name, *found[name])}
    return found


def named(made: Plan, what: str) -> list[Step]:
    return [step for step in made.steps if step.id.endswith(f"/rollback-{what}")]


def record(site: Site) -> Record:
    assert site.record is not None
    return site.record


# --- what an upgrade leaves for it


def test_what_runs_is_kept_on_every_host_before_anything_of_it_changes() -> None:
    site = built(wanted(3, 2))
    made = plan(site, at("v1.37.2"))
    assert made.stage is not None
    assert {step.host for step in made.stage.verbs(Verb.KEEP)} == {*map(cp, (1, 2, 3)), *map(worker, (1, 2))}
    done(site, at("v1.37.2"))
    assert all("v1.36.3" in machine.generations for machine in site.machines.values())


def test_an_upgrade_that_goes_on_keeps_nothing_a_second_time() -> None:
    site = broken(built(wanted(3, 2)), at("v1.37.2"), f"upgrade-node/{cp(2)}/v1.37.2")
    assert not of(plan(site, at("v1.37.2")), Verb.KEEP)


def test_the_record_remembers_what_was_wanted_before() -> None:
    before = record(upgraded()).previous
    assert (before["kubernetes"], before["product"]) == ("v1.36.3", "2.1.0")


# --- which way


def test_a_minor_takes_etcds_data_back_everywhere() -> None:
    back = way(upgraded())
    assert (back.now, back.version, back.data) == ("v1.37.2", "v1.36.3", True)
    assert [spot.address for spot in back.hosts] == [*map(cp, (1, 2, 3)), *map(worker, (1, 2))]


def test_a_patch_touches_no_data() -> None:
    back = way(upgraded("v1.36.4"), "v1.36.4")
    assert not back.data
    assert not named(steps(back), "restore")


def test_an_upgrade_that_stopped_half_way_goes_back_with_data() -> None:
    site = broken(built(wanted(3, 2)), at("v1.37.2"), f"upgrade-node/{cp(1)}/v1.37.2")
    back = way(kept(site))
    assert back.data
    assert len(back.hosts) == 5


def test_programs_that_came_ahead_of_an_upgrade_that_never_began_go_back_without_data() -> None:
    site = broken(built(wanted(1, 1)), at("v1.37.2", 1, 1), f"keep/{worker(1)}/v1.36.3")
    assert not way(kept(site), controls=1, workers=1).data


@pytest.mark.parametrize("target", ["v1.37.2", "v1.36.4"])
def test_the_restore_of_one_snapshot_has_one_name_however_often_it_is_begun(target: str) -> None:
    site = upgraded(target)
    assert way(site, target) == way(site, target)


# --- why not


def test_a_site_that_was_never_upgraded_has_nothing_to_go_back_to() -> None:
    assert against(built(wanted(3, 2))) == {"BND-NO-WAY-BACK"}


def test_a_silent_host_is_not_left_behind() -> None:
    site = upgraded()
    site.power(worker(1), on=False)
    assert against(site) == {"BND-ROLLBACK-SILENT"}


def test_a_host_that_joined_after_the_upgrade_has_no_way_back() -> None:
    site = upgraded()
    del site.machines[worker(2)].generations["v1.36.3"]
    assert against(site) == {"BND-NO-WAY-BACK"}


@pytest.mark.parametrize("digest", ["", "cd" * 32])
def test_every_control_plane_has_the_one_snapshot(digest: str) -> None:
    site = upgraded()
    site.machines[cp(3)].generations["v1.36.3"] = digest
    assert against(site) == {"BND-NO-WAY-BACK"}


# --- the steps


def test_nothing_is_stopped_before_every_host_has_shown_that_it_can_go_back() -> None:
    made = steps(way(upgraded()))
    checks = {step.id for step in named(made, "check")}
    assert len(checks) == 5
    for step in named(made, "stop"):
        assert checks <= behind(made)[step.id]


def test_no_member_starts_before_all_of_them_have_the_same_data() -> None:
    made = steps(way(upgraded()))
    stops, restores = ({step.id for step in named(made, what)} for what in ("stop", "restore"))
    assert len(restores) == 3
    for step in named(made, "restore"):
        assert stops <= behind(made)[step.id]
    for step in named(made, "start"):
        assert restores <= behind(made)[step.id]
    shared = [
        (step.script.variables["token"], step.script.variables["cluster"])
        for step in named(made, "restore")
        if isinstance(step, Exec) and isinstance(step.script, Script)
    ]
    assert len(shared) == 3
    assert len(set(shared)) == 1


def test_of_a_patch_one_host_at_a_time_is_away() -> None:
    made = steps(way(upgraded("v1.36.4"), "v1.36.4"))
    waits = named(made, "runs")
    assert len(waits) == 5
    for step, following in pairwise(named(made, "files")):
        (runs,) = [each.id for each in waits if step.host in each.id]
        assert runs in behind(made)[following.id]


@pytest.mark.parametrize(
    ("name", "target", "shape"), [("minor", "v1.37.2", (3, 1)), ("patch", "v1.36.4", (1, 1))]
)
def test_a_rollback_reads_as_it_did(name: str, target: str, shape: tuple[int, int]) -> None:
    made = steps(way(upgraded(target, *shape), target, *shape), shape[0])
    places = {step.id: number for number, step in enumerate(made.steps, 1)}
    text = "".join(
        f"{places[step.id]:>2} {step.host:<11} {step.id.rpartition('/')[2]:<17} {step.reason}"
        f" (after {', '.join(str(places[each]) for each in step.after) or 'nothing'})\n"
        for step in made.steps
    )
    file = FOLDER / f"rollback_{name}.txt"
    if os.environ.get("BUNDLER_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


# --- the record


def test_an_apply_over_a_rollback_that_was_broken_off_is_refused() -> None:
    site = upgraded()
    going = opened(record(site), "run")
    site.record = going
    for n in (1, 2, 3):
        site.machines[cp(n)].record = going
    assert rules(site, at("v1.37.2")) == {"BND-ROLLBACK-OPEN"}
    assert way(site).version == "v1.36.3"


def test_once_back_the_site_can_be_upgraded_again_and_has_no_second_way_back() -> None:
    settled = closed(opened(record(upgraded()), "run"), "shop")
    assert (settled.kubernetes, settled.operation, settled.previous) == ("v1.36.3", "", {})
    assert [product.version for product in settled.products] == ["2.1.0"]
    assert settled.settings == record(built(wanted(3, 2))).settings


def test_once_back_the_old_file_sees_no_change_of_a_setting() -> None:
    """An upgrade brought another etcd along; it went back with the rest."""
    upgrade = record(upgraded())
    before = {"cluster": {"etcd.local.imageTag": "3.6.16-0"}}
    upgrade = replace(
        upgrade,
        previous={**upgrade.previous, "settings": json.dumps(before)},
        rolled={"cluster": {"etcd.local.imageTag": "3.7.3-0"}},
    )
    assert closed(opened(upgrade, "run"), "shop").rolled == before
