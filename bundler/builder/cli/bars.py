"""Bars with bytes, rate and time left, for a terminal."""

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from bundler.builder.lib.progress import Transfer

_WIDEST = 40  # characters of a name beside its bar


class Bars:
    """A row for each transfer; below them what is being done, and what it said last.

    console: that of standard error unless named.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            _OnlyBytes(BarColumn(bar_width=24)),
            _OnlyBytes(DownloadColumn()),
            _OnlyBytes(TransferSpeedColumn()),
            _OnlyBytes(TimeRemainingColumn(compact=True)),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._phase = ""
        self._row = self._progress.add_task("", visible=False, total=None)
        self._progress.start()

    def begin(self, phase: str) -> None:
        """A new stretch."""
        self._phase = phase
        self._progress.update(self._row, description=phase, visible=True)

    def detail(self, text: str) -> None:
        """What it is busy with."""
        rest = max(10, self._progress.console.width - len(self._phase) - 6)
        self._progress.update(self._row, description=f"{self._phase}  {text.strip()[:rest]}")

    def transfer(self, name: str, total: int | None) -> Transfer:
        """Bytes move."""
        return _Bar(self._progress, name[:_WIDEST], total)

    def line(self, text: str) -> None:
        """Something to read."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """No more will come."""
        self._progress.stop()


class _OnlyBytes(ProgressColumn):
    """A column that says nothing about the row that tells the phase."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column(task) if task.total is not None or task.completed else ""


class _Bar:
    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=total)

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def close(self) -> None:
        self._progress.remove_task(self._task)
