"""The installer killed after every step of a rollback: the same command goes on to the same end.

Hosts work at the same time, so a kill falls into many orders of the same steps; some of each are tried.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

import pytest

from bundler.installer.facts.api import Cordon
from bundler.installer.plan.cluster.intent import moved_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.order import arrange
from bundler.installer.plan.rollback import rollback_steps
from bundler.installer.plan.steps import Exec, Plan, Step
from bundler.installer.plan.way_back import Spot, WayBack, closed, find, opened
from bundler.installer.site.record import Record
from tests.fakes.site.recipe import cp, worker
from tests.fakes.site.site import HarmError, Site
from tests.unit.installer.plan.decisions.kit import broken, built, wanted
from tests.unit.installer.plan.decisions.test_rollback import at, kept, record, upgraded

OLD = "v1.36.3"
SHAPES = {"1+1": (1, 1), "3+2": (3, 2)}


class KilledError(Exception):
    """kill -9 of the installer."""


@dataclass
class Disks:
    """What lies in etcd's folder of each control plane: `new`, or the token that it was restored under."""

    site: Site
    minor: bool  # whether the old version can't read what the new one wrote
    data: dict[str, str] = field(default_factory=dict)
    restores: int = 0

    def of(self, host: str) -> str:
        return self.data.get(host, "new")


def view(site: Site, target: str, shape: tuple[int, int]) -> View:
    return moved_on(View(at(target, *shape), site.observe(), Operation(Kind.ROLLBACK)))


def keep(site: Site, made: Record, controls: int) -> None:
    for n in range(1, controls + 1):
        site.machines[cp(n)].record = made
    if site.api_up:
        site.record = made


def planned(found: WayBack, controls: int) -> Plan:
    members = tuple(Spot(cp(n), f"node-{cp(n)}") for n in range(1, controls + 1))
    return arrange("back", rollback_steps(found, members))


def order(plan: Plan, chance: random.Random) -> Iterator[Step]:
    """One of the orders in which hosts that work at the same time may come to it."""
    left, done = list(plan.steps), set[str]()
    while left:
        ready = [step for step in left if done.issuperset(step.after)]
        step = chance.choice(ready)
        left.remove(step)
        done.add(step.id)
        yield step


def act(disks: Disks, step: Step) -> None:  # noqa: C901, PLR0912  (a case for each step)
    _, subject, what = step.id.split("/")
    machine = disks.site.machines[subject]
    match what.removeprefix("rollback-"):
        case "check":
            if OLD not in machine.generations:
                raise HarmError("a check of what is not kept")
        case "stop":
            machine.units["kubelet.service"] = replace(machine.units["kubelet.service"], active=False)
        case "files":
            for name, part in machine.components.items():
                machine.components[name] = replace(part, version=OLD)
        case "restore":
            assert isinstance(step, Exec)
            token = step.script.variables["token"]  # type: ignore[attr-defined]  # a Script
            if disks.of(subject) == token:
                return  # as etcd-restore.sh does: its mark says so
            if machine.units["kubelet.service"].active:
                raise HarmError("data is replaced under a running etcd")
            disks.data[subject] = token
            disks.restores += 1
        case "start":
            kubelet = machine.components["kubelet"]
            if machine.etcd_id and disks.minor and kubelet.version == OLD and disks.of(subject) == "new":
                raise HarmError(f"{subject}: the old version starts on what the new one wrote")
            machine.units["kubelet.service"] = replace(machine.units["kubelet.service"], active=True)
            node = disks.site.nodes[machine.name]
            disks.site.nodes[machine.name] = replace(node, version=kubelet.version, cordon=Cordon.NONE)
        case "answers" | "runs":
            if not disks.site.api_up:
                raise HarmError(f"{step.id} waits in vain")
        case "stored":
            pass
        case "done":
            machine.generations.pop(OLD, None)
        case other:
            raise AssertionError(other)


def go(disks: Disks, target: str, shape: tuple[int, int], seed: int, kill_after: int | None = None) -> int:
    """As operations/rollback.py: open the record, do the steps, close it. Gives how many steps there were."""
    site = disks.site
    found = find(view(site, target, shape))
    assert isinstance(found, WayBack), found
    now = view(site, target, shape).record
    assert now is not None
    keep(site, opened(now, "run", found.token), shape[0])
    number = 0
    for number, step in enumerate(order(planned(found, shape[0]), random.Random(seed)), 1):  # noqa: S311
        act(disks, step)
        if number == kill_after:
            raise KilledError
    again = view(site, target, shape).record
    assert again is not None
    keep(site, closed(again, "shop"), shape[0])
    return number


def end(disks: Disks) -> object:
    site = disks.site
    return (
        record(site).kubernetes,
        record(site).operation,
        {a: m.components["kubelet"].version for a, m in site.machines.items()},
        {a: m.units["kubelet.service"].active for a, m in site.machines.items()},
        {a: bool(m.generations.get(OLD)) for a, m in site.machines.items()},
        {a: disks.of(a) == "new" for a, m in site.machines.items() if m.etcd_id},
        site.api_up,
    )


@pytest.mark.parametrize("target", ["v1.37.2", "v1.36.4"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_kill_after_any_step_ends_as_an_unbroken_rollback(target: str, shape: tuple[int, int]) -> None:
    minor = target == "v1.37.2"
    start = upgraded(target, *shape)
    whole = Disks(deepcopy(start), minor)
    number = go(whole, target, shape, 0)
    wanted_end = end(whole)
    assert whole.restores == (shape[0] if minor else 0)
    for seed in range(2):
        for tick in range(1, number + 1):
            disks = Disks(deepcopy(start), minor)
            with pytest.raises(KilledError):
                go(disks, target, shape, seed, kill_after=tick)
            go(disks, target, shape, seed + 1)
            assert end(disks) == wanted_end, (seed, tick)
            assert disks.restores == whole.restores, (seed, tick)


def test_kills_on_kills_still_end() -> None:
    shape, chance = (3, 2), random.Random(5)  # noqa: S311  (no secret)
    start = upgraded("v1.37.2", *shape)
    whole = Disks(deepcopy(start), minor=True)
    number = go(whole, "v1.37.2", shape, 0)
    for seed in range(10):
        disks = Disks(deepcopy(start), minor=True)
        for _ in range(4):
            with pytest.raises(KilledError):
                go(disks, "v1.37.2", shape, seed, kill_after=chance.randint(1, number - 6))
        go(disks, "v1.37.2", shape, seed)
        assert end(disks) == end(whole)


def test_what_never_needed_data_needs_none_after_a_break() -> None:
    site = kept(broken(built(wanted(1, 1)), at("v1.37.2", 1, 1), f"keep/{worker(1)}/{OLD}"))
    found = find(view(site, "v1.37.2", (1, 1)))
    assert isinstance(found, WayBack)
    assert not found.data
    keep(site, opened(record(site), "run", found.token), 1)
    again = find(view(site, "v1.37.2", (1, 1)))
    assert isinstance(again, WayBack)
    assert not again.data
