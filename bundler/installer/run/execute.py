"""Carrying a plan out: what is ready runs, hosts in parallel; the first failure stops what has not begun."""

import contextlib
import queue
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.duration import work
from bundler.installer.plan.steps import Deliver, Phase, Plan, Step
from bundler.installer.run.actions import StepContext, perform
from bundler.installer.run.deliver import items
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    Sink,
    StepFailed,
    StepFinished,
    StepOutput,
    StepProgress,
    StepStarted,
)
from bundler.installer.run.schedule import Schedule, ScheduleLimits
from bundler.installer.run.waits import Waits
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport

_LOOK_UP: Final = 1.0  # seconds after which the walking thread looks at what takes long
GO_ON: Final = "fix the cause, then run the same command again: finished steps are skipped"


@dataclass(frozen=True, slots=True)
class Excused:
    """Hosts that may fail without ending the run, at most so many of them."""

    hosts: frozenset[str] = frozenset()
    most: int = 0


@dataclass(frozen=True, slots=True)
class _StepResult:
    """A step that came back: error None for a success."""

    step: Step
    seconds: float
    error: BaseException | None


def execute(
    plan: Plan,
    transports: Mapping[str, Transport],
    context: StepContext,
    sink: Sink,
    *,
    limits: ScheduleLimits | None = None,
    excused: Excused | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Mapping[str, BundlerError]:
    """Do all steps of the plan; events go to `sink`, one at a time. The hosts that failed and were excused.

    transports: by address, one for every host of the plan. excused: hosts that may fail.
    Raises BundlerError: all failures, once the steps under way have ended; INTERRUPTED after Ctrl-C.
    """
    return _Run(
        plan, transports, context, sink, limits or ScheduleLimits(), clock, excused or Excused()
    ).walk()


@dataclass(slots=True)
class _Phases:
    """When each phase began and how many of its steps are left."""

    left: Counter[Phase]
    began: dict[Phase, float] = field(default_factory=dict)

    def start(self, phase: Phase, now: float) -> None:
        self.began.setdefault(phase, now)

    def finish(self, phase: Phase, now: float) -> PhaseFinished | None:
        self.left[phase] -= 1
        return None if self.left[phase] else PhaseFinished(phase, now - self.began[phase])


class _Run:
    """One walk over a plan. Only the walking thread touches the schedule and sends events to the sink."""

    def __init__(
        self,
        plan: Plan,
        transports: Mapping[str, Transport],
        context: StepContext,
        sink: Sink,
        limits: ScheduleLimits,
        clock: Callable[[], float],
        excused: Excused,
    ) -> None:
        self._plan = plan
        self._transports = transports
        self._context = context
        self._sink = sink
        self._clock = clock
        self._limits = limits
        self._schedule = Schedule(plan, limits)
        self._phases = _Phases(Counter(step.phase for step in plan.steps))
        self._inbox: queue.SimpleQueue[Event | _StepResult] = queue.SimpleQueue()
        self._failures: dict[str, BundlerError] = {}  # by host, its first one
        self._lost: dict[str, BundlerError] = {}
        self._excused = excused
        self._waits = Waits(clock)

    def walk(self) -> Mapping[str, BundlerError]:
        began = self._clock()
        steps, done = self._plan.steps, len(self._plan.done)
        self._sink(RunStarted(self._plan.title, len(steps), done, self._size(), work(steps)))
        pool = ThreadPoolExecutor(self._limits.total, "step")
        try:
            self._until_done(pool)
        except KeyboardInterrupt:
            self._stop_all(pool)
            raise BundlerError(
                "interrupted; what ran on the hosts was ended",
                code=ExitCode.INTERRUPTED,
                fix="run the same command again: finished steps are skipped",
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self._sink(RunFinished(self._clock() - began, self._schedule.left))
        if self._failures:
            raise _ended(self._failures, len(self._transports))
        return self._lost

    def _size(self) -> int:
        deliveries = [step for step in self._plan.steps if isinstance(step, Deliver)]
        return sum(item.size for step in deliveries for item in items(step, self._context.source))

    def _until_done(self, pool: ThreadPoolExecutor) -> None:
        while True:
            if not self._failures:
                self._start_ready(pool)
            if not self._schedule.running:
                return
            match self._next():
                case _StepResult() as came:
                    self._waits.end(came.step)
                    self._take(came)
                case StepOutput() as output:
                    self._waits.hear(output)
                    self._sink(output)
                case None:
                    pass
                case event:
                    self._sink(event)
            if waiting := self._waits.due():
                self._sink(waiting)

    def _next(self) -> Event | _StepResult | None:
        try:
            return self._inbox.get(timeout=_LOOK_UP)
        except queue.Empty:
            return None

    def _start_ready(self, pool: ThreadPoolExecutor) -> None:
        for step in self._schedule.take():
            self._phases.start(step.phase, self._clock())
            self._sink(StepStarted(step))
            self._waits.begin(step)
            pool.submit(self._perform, step, tuple(self._lost))

    def _perform(self, step: Step, lost: tuple[str, ...]) -> None:
        """Runs in a thread of the pool; everything it has to tell goes through the inbox."""
        began = self._clock()
        error: BaseException | None = None
        context = self._context
        if lost:  # scripts that look at all hosts leave these out
            context = replace(
                context, prelude=f"bundler_lost={shlex.quote(' '.join(lost))}\n{context.prelude}"
            )
        try:
            perform(
                step,
                self._transports[step.host],
                context,
                on_bytes=lambda size: self._inbox.put(StepProgress(step, size)),
                on_line=lambda line: self._inbox.put(StepOutput(step, line)),
            )
        except BaseException as caught:  # noqa: BLE001  (it is raised again by the walking thread)
            error = caught
        self._inbox.put(_StepResult(step, self._clock() - began, error))

    def _take(self, came: _StepResult) -> None:
        match came.error:
            case None:
                self._schedule.succeeded(came.step)
                self._sink(StepFinished(came.step, came.seconds))
                finished = self._phases.finish(came.step.phase, self._clock())
                if finished:
                    self._sink(finished)
            case BundlerError() as error:
                self._schedule.failed(came.step)
                failed = error.revised(fix=error.fix or GO_ON)
                if self._is_excused(came.step.host, failed):
                    self._lost.setdefault(came.step.host, failed)
                    self._schedule.abandon(came.step.host)
                else:
                    self._failures.setdefault(came.step.host, failed)
                self._sink(StepFailed(came.step, came.seconds, failed))
            case bug:
                raise bug

    def _is_excused(self, host: str, error: BundlerError) -> bool:
        if host not in self._excused.hosts or error.code in {ExitCode.BUSY, ExitCode.INTERRUPTED}:
            return False
        return host in self._lost or len(self._lost) < self._excused.most

    def _stop_all(self, pool: ThreadPoolExecutor) -> None:
        """End what runs on the hosts, all at once, and let the steps come back."""
        pool.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(
            KeyboardInterrupt
        ):  # a second Ctrl-C: the hosts may be slow, the user is not
            close_all(self._transports)


def _ended(failures: Mapping[str, BundlerError], total: int) -> BundlerError:
    """All failures in one; of a single one, that and how many hosts are fine."""
    if len(failures) > 1:
        return together(failures, total)
    (error,) = failures.values()
    if total == 1:
        return error
    fine = f"{total - 1} of {hosts(total)} {'is' if total == 2 else 'are'} fine"
    return error.revised(why=f"{error.why}\n  {fine}" if error.why else fine)


def close_all(transports: Mapping[str, Transport]) -> None:
    """Close every connection, at once; one that fails to close is gone already."""
    if not transports:
        return
    with ThreadPoolExecutor(min(len(transports), 64), "close") as pool:
        futures: list[Future[None]] = [pool.submit(each.close) for each in transports.values()]
    for future in futures:
        future.exception()
