"""What the user sees of a run: a table that moves on a terminal, plain lines anywhere else."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Final, TextIO

from bundler.core.terminal import show, tame
from bundler.core.words import counted, lasting, mebibytes, roughly
from bundler.installer.cli.board import Board, waits
from bundler.installer.plan.steps import Await, Phase, Step
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunStarted,
    Sink,
    StepFailed,
    StepFinished,
    StepOutput,
    StepProgress,
    StepStarted,
    Waiting,
)
from bundler.installer.run.waits import EVERY

_WAITS: Final = 4  # lines on what takes long, every 15 s


def label(step: Step) -> str:
    """A step for those who asked for all of them: `10.0.0.2 runtime/containerd: why`."""
    what = f"waiting for {step.subject}" if isinstance(step, Await) else step.reason
    return f"{step.host} {step.phase.value}/{step.name}: {what}"


def _headline(board: Board, steps: int) -> str:
    """`demo 1.0 …, about 2 min, 802 MiB to copy`; only for long runs the forecast."""
    about = f", about {roughly(board.time_left)}" if board.time_left >= 1 else f", {counted(steps, 'step')}"
    size = f", {mebibytes(board.size)} to copy" if board.size else ""
    return f"{board.title}{about}{size}"


class PlainProgress(AbstractContextManager["PlainProgress"]):
    """A line with the time of day for each phase and each long wait; a sink. detail: also for each step.

    clock: seconds. now: the time of day.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        detail: bool,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._stream = stream
        self._detail = detail
        self._now = now
        self._clock = clock
        self._board = Board(clock)
        self._spoke: dict[Phase, float] = {}  # when the last line about a phase came

    def __exit__(self, *_: object) -> None:
        show(self._stream, "")

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        self._board(event)
        match event:
            case RunStarted(_, steps):
                moment = self._now()
                zone = f"{moment:%z}"
                stamp = f"{moment:%Y-%m-%d %H:%M:%S} {zone[:3]}:{zone[3:]}"
                show(self._stream, f"{stamp} {tame(_headline(self._board, steps))}\n")
            case StepProgress(step) | StepFinished(step):
                self._go_on(step.phase)
            case Waiting():
                self._wait(event)
            case StepFailed(step, seconds, error):
                what = f"{step.host} after {lasting(seconds)}: {error.what}"
                self._say("failed", step.phase, what)
            case PhaseFinished(phase, seconds):
                state = f"{self._board.state(phase)}, " if self._knows(phase) else ""
                self._say("ok", phase, f"{state}{lasting(seconds)}")
            case _:
                pass
        if self._detail:
            self._tell_step(event)

    def _tell_step(self, event: Event) -> None:
        match event:
            case StepStarted(step):
                self._line("step", f"{label(step)} …")
            case StepOutput(step, line):
                self._line("step", f"{step.host} | {line}")
            case StepFinished(step, seconds):
                self._line("step", f"{label(step)}: {lasting(seconds)}")
            case _:
                return

    def _knows(self, phase: Phase) -> bool:
        return phase in self._board.phases

    def _go_on(self, phase: Phase) -> None:
        """How far a phase is on its hosts, every 15 seconds, when it is at it for that long."""
        found = self._board.phases.get(phase)
        if found is None or found.began is None or not found.share:
            return
        counts = len(found.left) > 1 or phase is Phase.DISTRIBUTE  # of a single host there is nothing to say
        if counts and self._clock() - self._spoke.get(phase, found.began) >= EVERY:
            self._say("running", phase, f"{self._board.state(phase)}, {lasting(self._board.seconds(phase))}")

    def _wait(self, event: Waiting) -> None:
        found = list(waits(event))
        for phase, text in found[:_WAITS]:
            self._say("waiting", phase, text)
        if len(found) > _WAITS:
            self._line("waiting", f"and {len(found) - _WAITS} more (-v)")

    def _say(self, mark: str, phase: Phase, text: str) -> None:
        self._spoke[phase] = self._clock()
        self._line(mark, f"{phase.words}: {text}")

    def _line(self, mark: str, text: str) -> None:
        show(self._stream, f"{self._now():%H:%M:%S} {mark:<8} {tame(text)}\n")


def view(stream: TextIO | None = None, *, detail: bool) -> AbstractContextManager[Sink]:
    """The view that suits where the output goes, and what was asked for in front of the command."""
    where: TextIO | None = stream or sys.stderr
    if os.environ.get("BUNDLER_QUIET") or where is None:  # None: it was closed before we began
        return nullcontext(_nothing)
    if detail or os.environ.get("BUNDLER_NOPROGRESS") or not _moves(where):
        return PlainProgress(where, detail=detail)
    # rich takes a tenth of a second to load, and neither a log file nor a pipe needs it.
    from bundler.installer.cli.live_progress import LiveProgress  # noqa: PLC0415  (only on a terminal)

    return LiveProgress(where)


def _moves(stream: TextIO) -> bool:
    """Whether rows can be redrawn there, and their marks shown."""
    utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return stream.isatty() and utf8 and os.environ.get("TERM", "dumb") != "dumb"


def _nothing(_event: Event) -> None:
    """Shows nothing: errors have their own way."""
