"""Readers of a web page: they ask again and again at one machine, and note what they met."""

import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from tests.site.spec import Machine

_TRY = 5.0  # seconds that a reader waits for one answer
_PAUSE = 0.25  # from one request to the next
_SLOW = 0.5  # seconds from which a request is noted


@dataclass(frozen=True, slots=True)
class Met:
    """What readers at one machine met. In seconds."""

    machine: Machine
    requests: int
    failed: int
    well_after: float  # the end of the last request that failed, from the beginning on
    slowest: float  # of the requests that were answered
    slow: tuple[tuple[float, float], ...] = ()  # those over half a second: asked when, took how long
    failures: tuple[tuple[float, str], ...] = ()  # when each one ended, and how

    def __str__(self) -> str:
        """A line for people."""
        told = f"asked at {self.machine.name}: {self.requests} requests, {self.failed} failed"
        after = f", all well after {self.well_after:.1f} s" if self.failed else ""
        return f"{told}{after}, the slowest took {self.slowest:.2f} s"


@dataclass(slots=True)
class Reader:
    """Asks for the page at one machine until it is told to stop."""

    machine: Machine
    words: str
    stop: threading.Event
    requests: int = 0
    slowest: float = 0.0
    slow: list[tuple[float, float]] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)

    def read(self) -> None:
        began = time.monotonic()
        while not self.stop.is_set():
            asked = time.monotonic()
            self._ask(began)
            self.stop.wait(max(0.0, _PAUSE - (time.monotonic() - asked)))

    def _ask(self, began: float) -> None:
        self.requests += 1
        asked = time.monotonic()
        failure = self._failure()
        ended = time.monotonic()
        if failure:
            self.failures.append((round(ended - began, 1), f"{failure} after {ended - asked:.2f} s"))
        else:
            self._note(asked - began, ended - asked)

    def _failure(self) -> str:
        """How a request fails; nothing when the page is there."""
        try:
            text = read(f"http://{self.machine.address}/")
        except (OSError, HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return "" if self.words in text else f"a page without {self.words!r}: {text[:200]!r}"

    def _note(self, when: float, took: float) -> None:
        self.slowest = max(self.slowest, took)
        if took > _SLOW:
            self.slow.append((round(when, 1), round(took, 2)))

    def met(self) -> Met:
        failed, well_after = len(self.failures), max((when for when, _ in self.failures), default=0.0)
        noted = tuple(self.slow), tuple(self.failures)
        return Met(self.machine, self.requests, failed, well_after, self.slowest, *noted)


@contextmanager
def reading(machines: Sequence[Machine], words: str) -> Iterator[list[Reader]]:
    """Readers at each of the machines, for as long as the block lasts."""
    stop = threading.Event()
    readers = [Reader(machine, words, stop) for machine in machines]
    threads = [threading.Thread(target=reader.read) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def read(address: str) -> str:
    """A page as this host sees it. Raises OSError, HTTPException."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the site is never behind a proxy
    with opener.open(address, timeout=_TRY) as answer:
        text: str = answer.read(1 << 20).decode()
        return text
