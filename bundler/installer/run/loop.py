"""Observe, decide, commit, act, and again, until nothing is left to do. All I/O is behind `SiteAccess`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from bundler.core.errors import BundlerError
from bundler.installer.facts.observed import Observed
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.intent import advance, intend, leaves_others, moved_on, settle
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.probes import Once
from bundler.installer.plan.cluster.steps import Plan, Refused, Stage, Verb
from bundler.installer.plan.cluster.verdict import Satisfied
from bundler.installer.plan.cluster.view import View
from bundler.installer.site.desired import Desired
from bundler.installer.site.record import Record

BOUND: Final = 200  # stages of one run


class SiteAccess(Protocol):
    """A site that can be looked at and acted upon: real machines, or simulated ones."""

    def observe(self) -> Observed:
        """Everything that the planner asks for."""

    def commit(self, record: Record, before: Record | None) -> None:
        """Keep the record in the cluster and on control planes; `before` has to be what is there.

        While a site is removed, only where one is left: a host that is clean stays so.

        Raises BundlerError (BUSY) where another run has committed meanwhile.
        """

    def check(self, plan: Plan) -> None:
        """Whether the hosts can bear the plan's stage. Raises BundlerError before anything is changed."""

    def perform(self, stage: Stage) -> BundlerError | None:
        """Do the stage's steps; the error of the first that failed, once all have ended."""

    def api_comes(self) -> bool:
        """Give the API of hosts that this run has just mended its time, once; whether it answers."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. error: of a step that failed, or None; stages: how many were done."""

    decision: Plan | Refused
    stages: int = 0
    error: BundlerError | None = None
    partial: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the site is what was wanted."""
        return isinstance(self.decision, Plan) and self.decision.stage is None and self.error is None


def run(
    access: SiteAccess,
    aim: Callable[[Observed], Desired],
    operation: Operation,
    *,
    run_id: str,
    fresh_id: str,
) -> Ended:
    """aim: what is wanted, once it is known what is there."""
    last: frozenset[str] | None = None
    for number in range(BOUND):
        observed = access.observe()
        found = View(aim(observed), observed, operation)
        view = moved_on(found)
        decision = decide(view.desired, observed, operation)
        if isinstance(decision, Refused):
            if number and _awaits_api(decision) and access.api_comes():
                continue
            return Ended(decision, number)
        if decision.stage is None:
            _settle(access, view, found.record, run_id, fresh_id)
            return Ended(decision, number, partial=decision.partial)
        keys = frozenset(step.key for step in decision.stage.steps)
        if last == keys:
            return Ended(decision, number, stuck=tuple(sorted(keys)))
        last = keys
        access.check(decision)
        access.commit(advance(view, intend(view, run_id, fresh_id)), found.record)
        failed = access.perform(decision.stage)
        if decision.stage.verbs(Verb.RESTORE) and failed is None:
            operation = replace(operation, kind=Kind.APPLY)  # from here on it is an ordinary site
        if failed is not None and not _succeeded_after_all(access, decision.stage):
            return Ended(decision, number + 1, error=failed)
    return Ended(decision, BOUND)


def _awaits_api(refused: Refused) -> bool:
    """Whether a silent API is all that is wrong: a kubelet that was just started needs a while."""
    return [each.rule for each in refused.refusals] == ["BND-API-DOWN"]


def _settle(access: SiteAccess, view: View, old: Record | None, run_id: str, fresh_id: str) -> None:
    """The record ends as what is there; a site that was taken down keeps none.

    A site without a record is taken over here when nothing of it has to be changed.
    """
    gone = view.operation.kind is Kind.DELETE and not leaves_others(view)
    if gone or (old is None and view.api is None):
        return
    settled = settle(view, intend(view, old.run if old else run_id, fresh_id))
    if old is None or replace(settled, serial=old.serial) != old:
        access.commit(settled, old)


def _succeeded_after_all(access: SiteAccess, stage: Stage) -> bool:
    """A program can miss that what it did succeeded; look before believing it."""
    observed = access.observe()
    lasting = [step for step in stage.steps if not isinstance(step.probe, Once)]
    return all(isinstance(judge(step.probe, observed), Satisfied) for step in lasting)
