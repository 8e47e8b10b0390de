"""A session's site behind the loop's interface: looked at by gathering, acted upon by steps over ssh."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.observed import Observed
from bundler.installer.facts.seen import Present
from bundler.installer.operations.drains import Choose, carried, left
from bundler.installer.operations.session import Session
from bundler.installer.plan.aim import observed_of
from bundler.installer.plan.cluster.blocked import HeldUp
from bundler.installer.plan.cluster.operation import Blocked, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Refused, Stage
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.power import api_awaited
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended, run
from bundler.installer.scripts.render import script
from bundler.installer.site.desired import Desired
from bundler.installer.site.record import Record


@dataclass(slots=True)
class SiteRun:
    """carry_out: does a plan's steps, with view and log. fresh: nothing was done since facts were read."""

    session: Session
    carry_out: Callable[[Plan], None]
    fresh: bool = True
    made: Plan | None = None
    begun: bool = False
    waited: bool = False

    def observe(self) -> Observed:
        """Everything that the planner asks for; what was read just now is not read again."""
        if not self.fresh:
            self.session.observe()
        self.fresh = False
        return observed_of(self.session.facts)

    def aim(self, _observed: Observed) -> Desired:
        """What is wanted of the site as it was just seen."""
        return self.session.prepare().desired

    def check(self, plan: Decided) -> None:
        """Make the steps, and look whether the hosts can bear them; then the file must be whole."""
        self.made = self.session.steps(plan)
        if not self.begun:
            self.session.settle()
            self.begun = True

    def commit(self, record: Record, before: Record | None) -> None:
        """On every control plane that answers, and in the cluster if the API does."""
        self.session.keep(record, before)

    def perform(self, _stage: Stage) -> BundlerError | None:
        """Carry the stage's steps out."""
        if self.made is None:
            raise BundlerError("a stage was not checked", code=ExitCode.BUG)
        try:
            self.carry_out(self.made)
        except BundlerError as error:
            if error.code in {ExitCode.INTERRUPTED, ExitCode.BUSY}:
                raise
            return error
        return None

    def api_comes(self) -> bool:
        """Wait on one control plane, as a step that is shown and logged."""
        session = self.session
        asked = next((h for h in session.site.control_planes if h.address in session.transports), None)
        if self.waited or asked is None:
            return False
        self.waited = True
        try:
            self.carry_out(Plan(session.title, (api_awaited(asked),)))
        except BundlerError as error:
            if error.code in {ExitCode.INTERRUPTED, ExitCode.BUSY}:
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Drained:
    """A session's run between two drains."""

    session: Session
    doing: SiteRun

    def once(self, operation: Operation) -> Ended:
        self.session.state.operation = operation
        return run(
            self.doing,
            self.doing.aim,
            operation,
            run_id=secrets.token_hex(8),
            fresh_id=secrets.token_hex(16),
        )

    def look(self, operation: Operation) -> View:
        observed = self.doing.observe()
        return View(self.doing.aim(observed), observed, operation)

    def lift(self, held: HeldUp) -> None:
        first = next(a for a, host in self.session.facts.hosts.items() if isinstance(host.api, Present))
        self.session.ask(first, script("kubectl.sh", "uncordon.sh", node=held.node))


def carry_on(
    session: Session,
    carry_out: Callable[[Plan], None],
    doing: SiteRun | None = None,
    choose: Choose = lambda _held: Blocked.STOP,
) -> Ended:
    """Run until nothing is left to do. choose: what to do at a drain that budgets hold up.

    Raises RefusedError, a step's failure, NOT_READY where it is stuck.
    """
    came = carried(_Drained(session, doing or SiteRun(session, carry_out)), session.operation, choose)
    ended = came.ended
    skipped = came.operation.consents.skipped
    session.state.lost = {**session.lost, **left(skipped, session.bundle.index.kubernetes)}
    if ended.error is not None:
        raise ended.error
    if isinstance(ended.decision, Refused):
        raise session.refused(ended.decision)
    if ended.stuck:
        raise _stuck(ended)
    return ended


def _stuck(ended: Ended) -> BundlerError:
    return BundlerError(
        "the same steps are needed again, although they succeeded",
        where=", ".join(ended.stuck[:3]),
        why="their result can't be observed afterwards",
        fix="look at these hosts with `exec` and `facts`; the log has what the steps said",
        code=ExitCode.NOT_READY,
    )
