"""`SiteAccess` for a simulated site, with a kill that can fall at any micro-step."""

from copy import deepcopy
from dataclasses import dataclass, field

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.observed import Observed
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.cluster.steps import Plan, Stage, Verb
from bundler.installer.run.loop import Ended, run
from bundler.installer.site.desired import Desired
from bundler.installer.site.record import Record
from tests.fakes.site.site import Site
from tests.fakes.site.verbs import VERBS, DrainError


class KilledError(Exception):
    """kill -9 of the installer, the laptop's lid, a lost link."""


@dataclass
class Access:
    """kill_at: after so many micro-steps; 0 for never. fails: verbs that fail instead of acting."""

    site: Site
    desired: Desired
    kill_at: int = 0
    ticks: int = 0
    fails: frozenset[Verb] = frozenset()
    moments: list[str] = field(default_factory=list)  # at each micro-step, the key of the step
    copies: list[Site] | None = None  # the site as a kill at each micro-step leaves it, where it is wanted

    def observe(self) -> Observed:
        return self.site.observe()

    def commit(self, record: Record, before: Record | None) -> None:
        self.site.commit(record, before)
        self._tick()

    def check(self, plan: Plan) -> None:
        assert plan.stage is not None

    def perform(self, stage: Stage) -> BundlerError | None:
        done: set[str] = set()
        keys = {step.key for step in stage.steps}
        for step in stage.steps:
            assert all(name in done for name in step.after if name in keys), f"{step.key} before {step.after}"
            if step.verb in self.fails:
                return BundlerError(f"{step.verb.value} failed", code=ExitCode.STEP)
            self.site.log.append(step.key)
            try:
                for _ in VERBS[step.verb](self.site, self.desired, step):
                    self._tick()
            except DrainError as node:
                return BundlerError(f"{node} still runs pods", code=ExitCode.STEP)
            done.add(step.key)
        return None

    def api_comes(self) -> bool:
        """A simulated API is up as soon as it can be, unless a test has it come late."""
        late, self.site.api_late = self.site.api_late, False
        return late

    def _tick(self) -> None:
        self.ticks += 1
        self.moments.append(self.site.log[-1] if self.site.log else "commit")
        if self.copies is not None:
            self.copies.append(deepcopy(self.site))
        if self.ticks == self.kill_at:
            raise KilledError


def go(site: Site, desired: Desired, operation: Operation | None = None, *, kill_at: int = 0) -> Ended:
    """One run, as one installer. Raises KilledError."""
    access = Access(site, desired, kill_at)
    site.ids += 1
    return run(
        access,
        lambda _: desired,
        operation or Operation(),
        run_id=f"run-{site.ids}",
        fresh_id=f"site-{site.ids}",
    )


def moments(site: Site, desired: Desired, operation: Operation | None = None) -> list[str]:
    """Every moment of an unbroken run at which a kill can fall, by the step that it falls into."""
    return _unbroken(Access(site, desired), operation).moments


def killed(site: Site, desired: Desired, operation: Operation | None = None) -> list[Site]:
    """Go on to the end; the site as a kill at each micro-step on the way would have left it."""
    return _unbroken(Access(site, desired, copies=[]), operation).copies or []


def _unbroken(access: Access, operation: Operation | None) -> Access:
    access.site.ids += 1
    ended = run(
        access,
        lambda _: access.desired,
        operation or Operation(),
        run_id=f"run-{access.site.ids}",
        fresh_id=f"site-{access.site.ids}",
    )
    assert ended.done, ended
    return access
