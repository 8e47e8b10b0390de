"""How far a run has come, phase by phase: what its views show. Pure but for the clock that is handed in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bundler.core.words import lasting, mebibytes
from bundler.installer.plan.duration import PhaseWork, copying
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Step
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    Waiting,
)
from bundler.installer.site.ranges import folded, hosts

_MIB: Final = 1 << 20


@dataclass(slots=True)
class PhaseProgress:
    """One phase. left: steps by host. began, ended: seconds of the clock; None where that has not come."""

    work: PhaseWork
    left: dict[str, int]
    began: float | None = None
    ended: float | None = None
    failed: bool = False

    @property
    def ready(self) -> int:
        """Hosts on which nothing of it is left to do."""
        return sum(not count for count in self.left.values())

    @property
    def share(self) -> float:
        """How much of it is left, from 1 to 0."""
        total = sum(self.work.steps.values())
        return sum(self.left.values()) / total if total else 0.0


@dataclass(slots=True)
class Board:
    """A sink that keeps count. under_way: steps that run, with the moment at which each began."""

    clock: Callable[[], float]
    title: str = ""
    size: int = 0
    copied: int = 0
    began: float = 0.0
    copying: float | None = None  # when the first delivery began
    over: bool = False
    phases: dict[Phase, PhaseProgress] = field(default_factory=dict)
    under_way: dict[str, tuple[Step, float]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # the last line of each step that takes long

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case RunStarted():
                self._open(event)
            case StepStarted(step):
                self._start(step)
            case StepProgress(_, size):
                self.copied += size
            case Waiting(steps):
                self.said = {step.id: line for step, _, line in steps if line}
            case StepFinished(step):
                self._end(step)
            case StepFailed(step):
                self._fail(step)
            case PhaseFinished(phase) if phase in self.phases:
                self.phases[phase].ended = self.clock()
            case RunFinished():
                self.over = True
            case _:
                return

    def _open(self, started: RunStarted) -> None:
        self.title, self.size, self.began = started.title, started.size, self.clock()
        self.phases = {each.phase: PhaseProgress(each, dict(each.steps)) for each in started.work}

    def _fail(self, step: Step) -> None:
        self.under_way.pop(step.id, None)
        if phase := self.phases.get(step.phase):
            phase.failed = True

    def _start(self, step: Step) -> None:
        now = self.clock()
        self.under_way[step.id] = step, now
        if isinstance(step, Deliver) and self.copying is None:
            self.copying = now
        if (phase := self.phases.get(step.phase)) and phase.began is None:
            phase.began = now

    def _end(self, step: Step) -> None:
        self.under_way.pop(step.id, None)
        phase = self.phases.get(step.phase)
        if phase and phase.left.get(step.host):
            phase.left[step.host] -= 1

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.began

    @property
    def time_left(self) -> float:
        """A forecast in seconds: of each phase the share that is not done, and the bytes at today's rate."""
        phases = sum(each.work.seconds * each.share for each in self.phases.values())
        rate, rest = self.rate, max(0, self.size - self.copied)
        return phases + (rest / rate if rate else copying(rest))

    @property
    def rate(self) -> float:
        """Bytes a second since the first delivery began; 0 before."""
        if self.copying is None:
            return 0.0
        return self.copied / max(self.clock() - self.copying, 0.1)

    def seconds(self, phase: Phase) -> float:
        """How long it took, or has been at it."""
        found = self.phases[phase]
        if found.began is None:
            return 0.0
        return (self.clock() if found.ended is None else found.ended) - found.began

    def state(self, phase: Phase) -> str:
        """`3 of 3 hosts`, `4,402 of 6,936 MiB, 79 MiB/s, 32 s left`, or the one host that it is about."""
        found = self.phases[phase]
        if phase is Phase.DISTRIBUTE and self.size:
            return self._bytes(done=found.ended is not None)
        if len(found.left) == 1:
            return next(iter(found.left))
        return f"{found.ready} of {hosts(len(found.left))}"

    def _bytes(self, *, done: bool) -> str:
        rate = f", {mebibytes(int(self.rate))}/s" if self.rate >= _MIB else ""
        if done:
            return f"{mebibytes(self.size)}{rate}"
        rest = max(0, self.size - self.copied)
        left = f", {lasting(rest / self.rate)} left" if self.rate and rest else ""
        return f"{self.copied // _MIB:,} of {mebibytes(self.size)}{rate}{left}"

    def longest(self, phase: Phase) -> tuple[Step, float] | None:
        """The step of the phase that has been under way for longest, and its seconds."""
        now = self.clock()
        found = [(step, now - since) for step, since in self.under_way.values() if step.phase is phase]
        return max(found, key=lambda each: each[1], default=None)


def waits(event: Waiting) -> Iterator[tuple[Phase, str]]:
    """What takes long, by phase: equal steps of several hosts in one text."""
    groups: dict[tuple[Phase, str], list[tuple[Step, float, str]]] = {}
    for each in event.steps:
        groups.setdefault((each[0].phase, each[0].name), []).append(each)
    for (phase, _), group in groups.items():
        step, since, line = max(group, key=lambda each: each[1])
        yield phase, at_work(step, folded(each.host for each, _, _ in group), since, line)


def at_work(step: Step, where: str, since: float, line: str) -> str:
    """`10.0.0.21-23 (3) waiting 31 s for their nodes to be Ready, limit 5 min: no pod network yet`."""
    said = f": {line}" if line else ""
    match step:
        case Await(subject=subject, deadline=limit):
            return f"{where} waiting {lasting(since)} for {subject}, limit {lasting(limit)}{said}"
        case Exec(timeout=limit):
            return f"{where} {step.name} for {lasting(since)}, limit {lasting(limit)}{said}"
        case _:
            return f"{where} {step.name} for {lasting(since)}{said}"
