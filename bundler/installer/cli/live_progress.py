"""What a terminal shows of a run: a row for each phase, drawn anew a few times a second."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Final, Self, TextIO, cast

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bundler.core.terminal import mute, tame
from bundler.core.words import lasting, roughly
from bundler.installer.cli.board import Board, PhaseProgress, at_work
from bundler.installer.plan.steps import Phase
from bundler.installer.run.events import Event

_A_SECOND: Final = 4  # times the table is drawn
_BAR: Final = 22  # characters
_LONG: Final = 5.0  # seconds from which on a step is named


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

    def _drawn(self) -> RenderableType:
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
