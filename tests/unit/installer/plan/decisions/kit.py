"""Situations are made on a simulated site by what would make them in life; then the planner is asked."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Decision, Plan, Refused, Step, Verb
from bundler.installer.site.desired import Desired
from tests.fakes.site.access import KilledError, go, moments
from tests.fakes.site.recipe import cp, desired, worker
from tests.fakes.site.site import Site


def names(control_planes: int, workers: int) -> tuple[list[str], list[str]]:
    return [cp(n) for n in range(1, control_planes + 1)], [worker(n) for n in range(1, workers + 1)]


def wanted(control_planes: int = 1, workers: int = 1, **changes: Any) -> Desired:
    return desired(*names(control_planes, workers), **changes)


def fresh(aim: Desired, *more: str) -> Site:
    return Site.of([*(host.address for host in aim.hosts), *more])


def built(aim: Desired, *more: str) -> Site:
    """A site on which this was installed; more: machines that are there and not in use."""
    site = fresh(aim, *more)
    assert go(site, aim).done
    site.log.clear()
    return site


def broken(
    site: Site, aim: Desired, at: str, operation: Operation | None = None, *, inside: int | None = None
) -> Site:
    """The site after a kill: at the micro-step `inside` the named step, else when it has just ended."""
    passed = moments(deepcopy(site), aim, operation)
    first = passed.index(at)
    last = len(passed) - passed[::-1].index(at)
    site = deepcopy(site)
    with pytest.raises(KilledError):
        go(site, aim, operation, kill_at=first + 1 + inside if inside is not None else last + 1)
    return site


def asked(site: Site, aim: Desired, kind: Kind = Kind.APPLY, **consents: object) -> Decision:
    since = site.now + 1 if kind is Kind.RENEW else 0.0
    operation = Operation(kind, replace(Consents(), **consents), since)  # type: ignore[arg-type]  # real fields
    decision = decide(aim, site.observe(), operation)
    assert decision == decide(aim, site.observe(), operation)  # pure
    return decision


def plan(site: Site, aim: Desired, kind: Kind = Kind.APPLY, **consents: object) -> Plan:
    decision = asked(site, aim, kind, **consents)
    assert isinstance(decision, Plan), decision
    return decision


def rules(site: Site, aim: Desired, kind: Kind = Kind.APPLY, **consents: object) -> set[str]:
    decision = asked(site, aim, kind, **consents)
    if isinstance(decision, Plan):
        return set()
    for refusal in decision.refusals:
        assert refusal.what
        assert refusal.where
        assert refusal.why
        assert refusal.fix
    return {refusal.rule for refusal in decision.refusals}


def refusal(site: Site, aim: Desired, kind: Kind = Kind.APPLY, **consents: object) -> Refused:
    decision = asked(site, aim, kind, **consents)
    assert isinstance(decision, Refused), decision
    return decision


def done(site: Site, aim: Desired, kind: Kind = Kind.APPLY, **consents: object) -> list[str]:
    """Carry it out and see that nothing is left; the keys of all steps that ran."""
    since = site.now + 1 if kind is Kind.RENEW else 0.0
    operation = Operation(kind, replace(Consents(), **consents), since)  # type: ignore[arg-type]  # real fields
    site.log.clear()
    ended = go(site, aim, operation)
    assert ended.done, ended
    ran = list(site.log)
    assert go(site, aim, operation).stages == 0
    return ran


def of(made: Plan, *verbs: Verb) -> list[Step]:
    """Steps of this stage and of the forecast with these verbs."""
    return [step for step in made.steps if step.verb in verbs]


def hosts(steps: Iterable[Step]) -> set[str]:
    return {step.subject for step in steps}


def nothing(site: Site, aim: Desired, **consents: Any) -> Plan:
    made = plan(site, aim, **consents)
    assert made.stage is None, [step.key for step in made.steps]
    return made


def found(made: Plan, finding: str) -> list[str]:
    return [each.where for each in made.findings if each.id == finding]
