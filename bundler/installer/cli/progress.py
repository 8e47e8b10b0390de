"""What the user sees of a run: a table that moves on a terminal, plain lines anywhere else."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final, Self, TextIO, cast

from bundler.core.terminal import mute, show, tame
from bundler.core.words import counted, lasting, mebibytes, roughly
from bundler.installer.cli.board import Board, PhaseProgress, at_work, waits
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

if TYPE_CHECKING:
    from rich.console import JustifyMethod, RenderableType

_WAITS: Final = 4  # lines on what takes long, every 15 s
_A_SECOND: Final = 4  # times the table is drawn
_BAR: Final = 22  # characters
_LONG: Final = 5.0  # seconds from which on a step is named


def label(step: Step) -> str:
    """A step for those who asked for all of them: `10.0.0.2 runtime/containerd: why`."""
    what = f"waiting for {step.subject}" if isinstance(step, Await) else step.reason
    return f"{step.host} {step.phase.value}/{step.id.rpartition('/')[2]}: {what}"


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


class _Lasting(io.TextIOBase):
    """A terminal for rich that may go away: nothing is drawn from then on, and the run goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream does."""
        with self._kept():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As the stream does."""
        with self._kept():
            self._stream.flush()

    def isatty(self) -> bool:
        """As the stream is."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a variable; it is read only
        """The stream's."""
        return self._stream.encoding

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            mute(self._stream)


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A row for each phase, below it what has been under way for longest; a sink."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        # rich takes a tenth of a second to load, and a log file needs none of it
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        self._board = Board(clock)
        self._guard = threading.Lock()  # rich draws from a thread of its own
        console = Console(file=cast("IO[str]", _Lasting(stream)), highlight=False)
        self._live = Live(
            console=console,
            get_renderable=self._drawn,
            refresh_per_second=_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        with self._guard:
            self._board(event)

    def _drawn(self) -> "RenderableType":
        from rich.console import Group  # noqa: PLC0415  (loaded by now)
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        with self._guard:
            table = Table.grid(padding=(0, 1))
            columns: tuple[JustifyMethod, ...] = ("left", "left", "right", "left")
            for align in columns:
                table.add_column(justify=align, overflow="fold")
            for phase, progress in self._board.phases.items():
                mark, style = _mark(progress)
                took = lasting(self._board.seconds(phase)) if progress.began is not None else ""
                table.add_row(Text(mark, style), phase.words, took, Text(self._said(phase, progress)))
            head = Text(tame(self._board.title), "bold")
            return Group(head, table, Text(self._foot(), "dim")) if self._board.phases else head

    def _said(self, phase: Phase, progress: PhaseProgress) -> str:
        """How far it is; behind it, on a line of its own, what takes longest."""
        if progress.began is None:
            return "" if self._board.over else "later"
        state = self._board.state(phase)
        if phase is Phase.DISTRIBUTE and progress.ended is None:
            state = f"{_bar(self._board)} {state}"
        longest = None if progress.ended is not None else self._board.longest(phase)
        if longest is None or longest[1] < _LONG:
            return tame(state)
        step, since = longest
        return f"{tame(state)}\n{tame(at_work(step, step.host, since, self._board.said.get(step.id, '')))}"

    def _foot(self) -> str:
        took = lasting(self._board.elapsed)
        if self._board.over:
            return took
        left = self._board.time_left
        forecast = f", about {roughly(left)} left" if left >= 1 else ""
        return f"{took}{forecast}. Ctrl-C stops safely; the same command goes on."


def _mark(progress: PhaseProgress) -> tuple[str, str]:
    """The mark of a row and its colour."""
    if progress.failed:
        return "✗", "red"
    if progress.ended is not None:
        return "✓", "green"
    return ("→", "") if progress.began is not None else ("•", "dim")


def _bar(board: Board) -> str:
    full = round(_BAR * min(board.copied / board.size, 1.0)) if board.size else 0
    return f"[{'#' * full}{'-' * (_BAR - full)}]"


def view(stream: TextIO | None = None, *, detail: bool) -> AbstractContextManager[Sink]:
    """The view that suits where the output goes, and what was asked for in front of the command."""
    where: TextIO | None = stream or sys.stderr
    if os.environ.get("BUNDLER_QUIET") or where is None:  # None: it was closed before we began
        return nullcontext(_nothing)
    if detail or os.environ.get("BUNDLER_NOPROGRESS") or not _moves(where):
        return PlainProgress(where, detail=detail)
    return LiveProgress(where)


def _moves(stream: TextIO) -> bool:
    """Whether rows can be redrawn there, and their marks shown."""
    utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return stream.isatty() and utf8 and os.environ.get("TERM", "dumb") != "dumb"


def _nothing(_event: Event) -> None:
    """Shows nothing: errors have their own way."""
