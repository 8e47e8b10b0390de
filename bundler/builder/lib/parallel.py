"""A few pieces of work at a time, all of them tried, with an end in sight when the user presses Ctrl-C."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from bundler.core.errors import BundlerError

T = TypeVar("T")

_PARTING = 2.0  # seconds that interrupted work gets to put its files in order


class StoppedError(Exception):
    """Raised inside a piece of work that shall end because the whole was interrupted."""


class Stop:
    """Lets running work know that it shall end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def now(self) -> None:
        """End all work at its next `check`."""
        self._event.set()

    def check(self) -> None:
        """Raise StoppedError once `now` was called."""
        if self._event.is_set():
            raise StoppedError


def run_all(work: Sequence[Callable[[], T]], at_once: int, stop: Stop) -> list[T | BundlerError]:
    """Do every piece, `at_once` at a time; the results come in the order of the work.

    A BundlerError is a result like any other, so that all failures can be told together. Any other exception
    ends the whole and is raised. On Ctrl-C, `stop` is told and KeyboardInterrupt is raised at once: the
    threads are daemons, so none of them can hold up the end of the program.
    """
    crew = _Crew(work, stop)
    threads = [threading.Thread(target=crew.labour, daemon=True) for _ in range(min(at_once, len(work)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        stop.now()
        for thread in threads:
            if thread.is_alive():  # Ctrl-C may have come before the last ones were started
                thread.join(_PARTING / len(threads))
        raise
    return crew.results()


class _Crew(Generic[T]):
    """Threads that take the next piece of work until none is left."""

    def __init__(self, work: Sequence[Callable[[], T]], stop: Stop) -> None:
        self._work = work
        self._stop = stop
        self._todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(work)):
            self._todo.put(number)
        self._done: dict[int, T | BundlerError] = {}
        self._surprises: list[Exception] = []

    def labour(self) -> None:
        """What each thread does."""
        while not self._surprises:
            try:
                self._take(self._todo.get_nowait())
            except queue.Empty:
                return
            except Exception as error:  # noqa: BLE001  (raised again in the caller's thread, by `results`)
                self._surprises.append(error)
                self._stop.now()

    def _take(self, number: int) -> None:
        self._stop.check()
        try:
            self._done[number] = self._work[number]()
        except BundlerError as error:
            self._done[number] = error

    def results(self) -> list[T | BundlerError]:
        """All that was done, in order. Raises the first unforeseen exception."""
        if self._surprises:
            raise self._surprises[0]
        return [self._done[number] for number in range(len(self._work))]
