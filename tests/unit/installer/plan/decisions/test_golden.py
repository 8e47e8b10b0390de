"""Plans as people read them, each a file. `BUNDLER_GOLDEN=write` writes them anew: read what changed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.installer.cli.decision_view import lines
from bundler.installer.facts.observed import FileState
from bundler.installer.plan.cluster import decide as planner
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan
from bundler.installer.plan.refused import RefusedError
from bundler.installer.site.desired import AppAim, Desired, Versions
from tests.fakes.site.recipe import CONTAINERD, cp, desired, worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan.decisions.kit import asked, broken, built, done, fresh, wanted

FOLDER = Path(__file__).parent / "golden"
Situation = tuple[Site, Desired, dict[str, Any]]


def first_install() -> Situation:
    aim = wanted(3, 2)
    return fresh(aim), aim, {}


def edit() -> Situation:
    """A worker more, one no longer listed, a kubelet setting, and a file that somebody edited."""
    site = built(wanted(1, 2), worker(3))
    site.machines[worker(2)].files[CONTAINERD] = FileState("by hand")
    aim = desired([cp(1)], [worker(2), worker(3)], settings={"kubelet": {"maxPods": "180"}})
    return site, aim, {}


def grown() -> Situation:
    return built(wanted(1, 1), cp(2), cp(3)), wanted(3, 1), {}


def first_replaced() -> Situation:
    return built(wanted(3, 1), cp(4)), desired([cp(2), cp(3), cp(4)], [worker(1)]), {"prune": True}


def next_minor() -> Situation:
    aim = wanted(3, 1)
    return built(aim), replace(aim, versions=Versions("shop", "3.0.0", "v1.37.2")), {}


def broken_join() -> Situation:
    aim = wanted(3, 1)
    return broken(built(wanted(1, 1), cp(2), cp(3)), aim, f"join-control-plane/{cp(2)}", inside=5), aim, {}


def broken_delete() -> Situation:
    aim = wanted(1, 1)
    return broken(built(aim), aim, f"wipe/{cp(1)}", Operation(Kind.DELETE), inside=1), aim, {}


def app_gone() -> Situation:
    """One app is no longer in the bundle, one was deleted by hand, one was scaled."""
    apps = (AppAim("shop", "1"), AppAim("mail", "1"), AppAim("extra", "1"))
    site = built(wanted(1, 1, apps=apps))
    site.releases["shop"] = replace(site.releases["shop"], missing=("Deployment shop/cart",))
    scaled = ("Deployment mail/smtp (5 replicas, not 2)",)
    site.releases["mail"] = replace(site.releases["mail"], changed=scaled)
    return site, wanted(1, 1, apps=apps[:2]), {"prune": True}


def product_gone() -> Situation:
    """A product is deleted while another one lives on the cluster."""
    site = built(wanted(1, 1))
    mail = replace(wanted(1, 1, apps=(AppAim("mail", "1"),)), versions=Versions("post", "1", "v1.36.3"))
    done(site, mail)
    return site, mail, {"kind": Kind.DELETE, "volumes": frozenset({"mail"})}


def quorum() -> Situation:
    site = built(wanted(3, 1))
    site.power(cp(3), on=False)
    return site, desired([cp(1), cp(3)], [worker(1)]), {"prune": True, "without": frozenset({cp(3)})}


def silent() -> Situation:
    aim = wanted(1, 1)
    site = built(aim)
    site.power(cp(1), on=False)
    return site, aim, {}


SITUATIONS: tuple[Callable[[], Situation], ...] = (
    first_install, edit, grown, first_replaced, next_minor, broken_join, broken_delete, app_gone,
    product_gone, quorum, silent,
)  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__)
def test_a_plan_reads_as_it_did(situation: Callable[[], Situation]) -> None:
    site, aim, consents = situation()
    decision = asked(site, aim, **consents)
    text = "\n".join(lines(decision)) if isinstance(decision, Plan) else str(RefusedError(decision, aim.name))
    file = FOLDER / f"{situation.__name__}.txt"
    if os.environ.get("BUNDLER_GOLDEN") == "write":
        file.write_text(f"{text}\n", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == f"{text}\n"


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__)
def test_what_is_foreseen_is_the_same_where_nothing_is_left_out(
    situation: Callable[[], Situation], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, aim, consents = situation()
    short = asked(site, aim, **consents)
    monkeypatch.setattr(planner, "_unread", lambda _view, _whole: frozenset())
    assert asked(site, aim, **consents) == short
