"""What the user sees of a run: bars on a terminal, plain lines anywhere else."""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, Self, TextIO, cast

from bundler.core.terminal import mute, show, tame
from bundler.core.words import counted
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Step
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
    Waiting,
)
from bundler.installer.site.ranges import folded

if TYPE_CHECKING:
    from rich.progress import TaskID

_MIB = 1 << 20
_WAITS = 4  # lines on what takes long, every 15 s
_LAST_WORDS = 60  # characters of a step's last line beside a bar


def label(step: Step) -> str:
    """A step as a person reads it: `10.0.0.2 runtime/containerd: why`; ids are `phase/host/name`."""
    what = f"waiting for {step.subject}" if isinstance(step, Await) else step.reason
    return tame(f"{step.host} {step.phase.value}/{step.id.rpartition('/')[2]}: {what}")


def waiting(event: Waiting) -> list[str]:
    """What takes long, equal steps of several hosts in one line; at most a few lines."""
    groups: dict[tuple[Phase, str], list[tuple[Step, float, str]]] = {}
    for each in event.steps:
        groups.setdefault((each[0].phase, each[0].id.rpartition("/")[2]), []).append(each)
    lines = [_waiting(group) for group in list(groups.values())[:_WAITS]]
    left = len(event.steps) - sum(len(group) for group in list(groups.values())[:_WAITS])
    return [*lines, *([f"and {left} more steps take long"] if left else [])]


def _waiting(group: list[tuple[Step, float, str]]) -> str:
    step, since, line = max(group, key=lambda each: each[1])
    where = label(step).partition(" ")[2]
    on = folded(each.host for each, _, _ in group)
    said = f": {line}" if line else ""
    return f"{on} {where}, for {since:.0f} s, limit {_limit(step)}{said}"


def _limit(step: Step) -> str:
    match step:
        case Await(deadline=seconds) | Exec(timeout=seconds):
            return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
        case _:
            return "by its size"


class PlainProgress(AbstractContextManager["PlainProgress"]):
    """Lines with the seconds since the start; a sink. detail: also starts and every step's end."""

    def __init__(self, stream: TextIO, *, detail: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._detail = detail
        self._clock = clock
        self._began = clock()
        self._bytes = 0
        self._size = 0

    def __exit__(self, *_: object) -> None:
        show(self._stream, "")

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case RunStarted(title, steps, done, size):
                self._size = size
                self._say(
                    f"{title}: {counted(steps, 'step')}, {done} done before, {size / _MIB:.0f} MiB to copy"
                )
            case StepProgress(_, size):
                self._bytes += size
            case StepStarted(step) if self._detail or isinstance(step, Await):
                self._say(f"{label(step)} …")
            case StepOutput(step, line) if self._detail:
                self._say(f"{step.host} | {line}")
            case Waiting():
                for line in waiting(event):
                    self._say(line)
            case StepFinished(step, seconds):
                self._say(f"{label(step)}: {seconds:.1f} s{self._copied(step)}")
            case StepFailed(step, seconds, _):
                self._say(f"{label(step)}: FAILED after {seconds:.1f} s")
            case PhaseFinished(phase, seconds):
                self._say(f"== {phase.value}: {seconds:.1f} s")
            case _:
                return

    def _copied(self, step: Step) -> str:
        if not isinstance(step, Deliver):
            return ""
        return f", {self._bytes / _MIB:.0f} of {self._size / _MIB:.0f} MiB copied"

    def _say(self, text: str) -> None:
        show(self._stream, f"{self._clock() - self._began:7.1f} s  {text}\n")


class _Lasting(io.TextIOBase):
    """A terminal for rich that may go away: nothing is drawn from then on, and nobody is stopped by it."""

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


class BarProgress(AbstractContextManager["BarProgress"]):
    """A bar for the steps and one for the bytes, and a line for each step under way; a sink."""

    def __init__(self, stream: TextIO) -> None:
        # rich takes a tenth of a second to load, and a log file needs none of it
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
        )
        self._progress = Progress(
            *columns, console=Console(file=cast("IO[str]", _Lasting(stream))), transient=False
        )
        self._under_way: dict[str, TaskID] = {}
        self._steps = self._progress.add_task("steps", total=None, figures="")
        self._copy = self._progress.add_task("copied", total=None, figures="", visible=False)
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case RunStarted(title, steps, _, size):
                self._progress.update(self._steps, description=tame(title), total=steps)
                self._progress.update(self._copy, total=size, visible=size > 0)
            case StepStarted(step):
                self._under_way[step.id] = self._progress.add_task(label(step), total=None, figures="")
            case StepProgress(_, size):
                self._progress.advance(self._copy, size)
                self._tell_copy()
            case Waiting(steps):
                for step, _, line in steps:
                    self._progress.update(self._under_way[step.id], figures=tame(line)[:_LAST_WORDS])
            case StepFinished(step) | StepFailed(step):
                self._progress.remove_task(self._under_way.pop(step.id))
                self._progress.advance(self._steps)
                self._tell_steps()
            case PhaseFinished(phase, seconds):
                self._progress.console.print(f"{phase.value:<16} {seconds:7.1f} s", highlight=False)
            case RunFinished():
                self._progress.update(self._copy, visible=False)
            case _:
                return

    def _tell_steps(self) -> None:
        task = self._progress.tasks[self._progress.task_ids.index(self._steps)]
        self._progress.update(self._steps, figures=f"{task.completed:.0f}/{task.total or 0:.0f}")

    def _tell_copy(self) -> None:
        task = self._progress.tasks[self._progress.task_ids.index(self._copy)]
        rate = task.completed / max(time.monotonic() - self._began, 0.1)
        left = ((task.total or 0) - task.completed) / rate if rate else 0
        figures = f"{task.completed / _MIB:.0f} MiB, {rate / _MIB:.0f} MiB/s, {left:.0f} s left"
        self._progress.update(self._copy, figures=figures)


def view(stream: TextIO | None = None, *, detail: bool) -> AbstractContextManager[Sink]:
    """The view that suits where the output goes, and what was asked for in front of the command."""
    where: TextIO | None = stream or sys.stderr
    if os.environ.get("BUNDLER_QUIET") or where is None:  # None: it was closed before we began
        return nullcontext(_nothing)
    moving = where.isatty() and not detail and not os.environ.get("BUNDLER_NOPROGRESS")
    return BarProgress(where) if moving else PlainProgress(where, detail=detail)


def _nothing(_event: Event) -> None:
    """Shows nothing: errors have their own way."""
