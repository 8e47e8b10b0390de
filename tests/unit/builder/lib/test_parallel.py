"""Work done a few pieces at a time."""

import threading
import time
from functools import partial
from typing import Any

import pytest

from bundler.builder.lib.parallel import Stop, StoppedError, run_all
from bundler.core.errors import BundlerError, ExitCode


def test_results_come_in_the_order_of_the_work() -> None:
    def piece(number: Any) -> Any:
        time.sleep(0.02 if number == 0 else 0)
        return number

    assert run_all([partial(piece, n) for n in range(9)], 4, Stop()) == list(range(9))
    assert run_all([], 4, Stop()) == []


def test_a_failure_is_a_result_and_stops_nothing() -> None:
    error = BundlerError("no", code=ExitCode.NETWORK)

    def fail() -> None:
        raise error

    assert run_all([fail, lambda: 1, fail, lambda: 2], 2, Stop()) == [error, 1, error, 2]


def test_a_bug_ends_all_at_once_and_is_raised() -> None:
    stop = Stop()
    started = threading.Event()
    done = []

    def long() -> None:
        started.set()
        for _ in range(500):
            stop.check()
            time.sleep(0.01)
        done.append("long")

    def bug() -> None:
        started.wait(5)
        raise ZeroDivisionError

    begin = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run_all([long, bug, *[lambda: done.append("late")] * 5], 2, stop)
    assert time.monotonic() - begin < 4
    assert done == []


def test_stopped_work_says_so() -> None:
    stop = Stop()
    stop.check()
    stop.now()
    with pytest.raises(StoppedError):
        stop.check()


def test_ctrl_c_may_come_before_all_threads_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []

    class Interrupted(threading.Thread):
        def start(self) -> None:
            if started:
                raise KeyboardInterrupt
            started.append(self)
            super().start()

    monkeypatch.setattr("bundler.builder.lib.parallel.threading.Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_all([lambda: 1, lambda: 2, lambda: 3], 3, Stop())
