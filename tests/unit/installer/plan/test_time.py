"""Clocks that are off, on a site of its own time servers."""

from dataclasses import replace

import pytest

from bundler.core.errors import Problems
from bundler.installer.plan.cluster.decide import decide as ask_planner
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import concrete, prepare
from bundler.installer.plan.steps import Exec, Plan
from tests.unit.installer.plan import kit


def made(*, fix: bool, ntp: tuple[str, ...] = ("10.0.0.9",), offset: float = -90.0) -> tuple[Plan, Decided]:
    of = replace(kit.site(2), ntp=ntp)
    found = kit.facts(of, worker={"clock_offset": offset})
    operation = Operation(Kind.APPLY, Consents(fix=fix))
    contents = Contents(kit.index(), kit.files_of(kit.index()))
    prepared = prepare(of, found, contents, kit.of_site(kit.SECRETS, of), operation=operation)
    decision = ask_planner(prepared.desired, prepared.observed, operation)
    assert isinstance(decision, Decided), decision
    return concrete(prepared, decision), decision


def test_with_fix_the_clock_is_set_before_anything_else_and_looked_at_again() -> None:
    plan, decision = made(fix=True)
    (step,) = plan.steps
    assert isinstance(step, Exec)
    assert (step.host, step.id) == (kit.WORKER, f"preflight/{kit.WORKER}/set-clock")
    assert "servers=10.0.0.9\n" in step.script
    assert decision.forecast[0].verbs(Verb.INIT)


@pytest.mark.parametrize(("fix", "ntp"), [(False, ("10.0.0.9",)), (True, ())])
def test_without_the_word_or_a_server_it_is_refused_and_the_way_is_named(
    *, fix: bool, ntp: tuple[str, ...]
) -> None:
    with pytest.raises(Problems) as caught:
        made(fix=fix, ntp=ntp)
    assert "the clock is 90 s behind the control plane's" in str(caught.value)
    assert "--fix" in str(caught.value)


def test_a_clock_that_is_right_is_left_alone() -> None:
    plan, _ = made(fix=True, offset=2.0)
    assert len(plan.steps) > 1
    assert not [step for step in plan.steps if step.id.endswith("/set-clock")]
