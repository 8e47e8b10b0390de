"""How long compiling will still take, and saying so."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORES = 2  # what the seconds of a program were measured on
TRUST = 120.0  # seconds as planned that count for as much as those that were seen
TICK = 5.0  # seconds between two words about the time left


@dataclass(slots=True)
class Clock:
    """How long it will still take, by how long it took so far."""

    left: float  # planned seconds of what has not begun
    planned: float = 0.0  # of what is done
    took: float = 0.0  # what that really took
    began: float = 0.0
    current: float = 0.0  # planned seconds of what is being done

    def start(self, seconds: float) -> None:
        """The next program begins."""
        self.current, self.began = seconds, time.monotonic()
        self.left -= seconds

    def stop(self) -> float:
        """It is done; how many seconds it took."""
        seconds = time.monotonic() - self.began
        self.planned += self.current
        self.took += seconds
        return seconds

    def remaining(self) -> str:
        """`about 14 min left`."""
        par = CORES / min(os.cpu_count() or CORES, 8)
        pace = (self.took + par * TRUST) / (self.planned + TRUST)
        seconds = pace * self.left + max(pace * self.current - (time.monotonic() - self.began), 0)
        return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {max(seconds, 1):.0f} s left"


@contextlib.contextmanager
def ticking(text: Callable[[], str]) -> Iterator[None]:
    """Say where things stand at once and every few seconds."""
    over = threading.Event()

    def tick() -> None:
        while True:
            say(text())
            if over.wait(TICK):
                return

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
