"""What the person at the keyboard sees of a build: bars (bars.py) or plain lines; and the log."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from bundler.builder.lib.progress import Transfer
from bundler.core.words import sized

_EVERY = 5.0  # seconds between two lines about the same transfers
_BUSY = 30.0  # seconds without a line until one says what a RUN is at; CI ends jobs that say nothing


class Display(Protocol):
    """One of the two ways of showing."""

    def begin(self, phase: str) -> None:
        """A new stretch."""

    def transfer(self, name: str, total: int | None) -> Transfer:
        """Bytes move."""

    def detail(self, text: str) -> None:
        """What it is busy with; the next one takes its place."""

    def line(self, text: str) -> None:
        """Something to read."""

    def close(self) -> None:
        """No more will come."""


def display(*, quiet: bool = False) -> Display:
    """Bars where standard error is a terminal, otherwise plain lines; quiet: always plain lines."""
    if quiet or not sys.stderr.isatty():
        return Lines(_to_stderr)
    from bundler.builder.cli.bars import Bars  # noqa: PLC0415  (rich: 30 ms that pipes and logs do without)

    return Bars()


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


class View:
    """Shows a build and writes its log; a `bundler.builder.lib.progress.Progress`.

    log: everything goes there, with seconds since the start. verbose: show what else only the log gets.
    quiet: show nothing but what `say` says.
    """

    def __init__(self, display: Display, log: TextIO, *, verbose: bool = False, quiet: bool = False) -> None:
        self._display = display
        self._log = log
        self._verbose = verbose
        self._quiet = quiet
        self._start = time.monotonic()
        self._guard = threading.Lock()

    def begin(self, phase: str) -> None:
        """A stretch of the build begins, and with it the one before ends."""
        self._write(f"== {phase}")
        if not self._quiet:
            self._display.begin(phase)

    def transfer(self, name: str, total: int | None) -> Transfer:
        """Bytes will move."""
        return _NoTransfer() if self._quiet else self._display.transfer(name, total)

    def say(self, line: str) -> None:
        """Something that everybody should see."""
        self._write(line)
        self._display.line(line)

    def log(self, line: str) -> None:
        """Something for the log file, and for those who asked for more."""
        self._write(line)
        if self._verbose:
            self._display.line(f"  {line}")
        elif not self._quiet:
            self._display.detail(line)

    def note(self, line: str) -> None:
        """Something for the log file only."""
        self._write(line)

    def _write(self, line: str) -> None:
        with self._guard, suppress(OSError):  # a full disk ends what needs the space, not its log
            self._log.write(f"{time.monotonic() - self._start:9.3f} {line}\n")
            self._log.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.close()


class Lines:
    """Plain lines, for logs and pipes. out: writes one line; clock: seconds."""

    def __init__(self, out: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._start = self._told = self._began = self._spoke = clock()
        self._guard = threading.Lock()
        self._done = self._total = 0

    def begin(self, phase: str) -> None:
        """A new stretch."""
        with self._guard:
            self._done = self._total = 0
            self._told = self._began = self._clock()
        self._say(f"[{self._clock() - self._start:6.1f} s] {phase}")

    def transfer(self, name: str, total: int | None) -> Transfer:  # noqa: ARG002  (the protocol's signature)
        """Bytes move; every few seconds a line tells of all together."""
        with self._guard:
            self._total += total or 0
        return _Counted(self)

    def detail(self, text: str) -> None:
        """What it is busy with, twice a minute: with all of them there would be no end."""
        with self._guard:
            quiet = self._clock() - self._spoke
        if quiet >= _BUSY:
            self._say(f"           {text.strip()}")

    def line(self, text: str) -> None:
        """Something to read."""
        self._say(text)

    def close(self) -> None:
        """No more will come."""

    def _say(self, text: str) -> None:
        with self._guard:
            self._spoke = self._clock()
        self._out(text)

    def count(self, number: int) -> None:
        """More bytes of any transfer."""
        with self._guard:
            self._done += number
            now = self._clock()
            if now - self._told < _EVERY:
                return
            self._told = now
            text = _moved(self._done, self._total, now - self._began)
        self._say(f"           {text}")


def _moved(done: int, total: int, seconds: float) -> str:
    """`120 MB of 400 MB, 24 MB/s, 12 s left`."""
    rate = done / seconds if seconds > 0 else 0.0
    of = f" of {sized(total)}" if total >= done else ""
    left = f", {(total - done) / rate:.0f} s left" if rate > 0 and total > done else ""
    return f"{sized(done)}{of}, {sized(int(rate))}/s{left}"


class _Counted:
    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def advance(self, count: int) -> None:
        self._lines.count(count)

    def close(self) -> None:
        pass


class _NoTransfer:
    def advance(self, count: int) -> None:
        pass

    def close(self) -> None:
        pass


def log_path(cache: Path, name: str, *, now: float, keep: int = 20) -> Path:
    """A new log file's path in the cache; all but the newest `keep` older ones are removed.

    now: seconds since the epoch.
    """
    folder = cache / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[:-keep]:
        old.unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return folder / f"{stamp}-{name}.log"
