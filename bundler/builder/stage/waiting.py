"""A command that takes long is never silent: every half minute what it is at."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bundler.builder.lib.progress import Progress

EVERY = 30.0  # seconds; CI ends jobs that say nothing for some minutes


@contextmanager
def told_at_times(what: str, progress: Progress, every: float = EVERY) -> Iterator[Callable[[str], None]]:
    """Say how long `what` has been at work, and its last line of output; gives what takes these lines."""
    last = ""
    ended = threading.Event()
    start = time.monotonic()

    def heard(line: str) -> None:
        nonlocal last
        last = line.strip() or last
        progress.log(line)

    def tell() -> None:
        while not ended.wait(every):
            said = f"; last line: {last[-200:]}" if last else "; it has written nothing so far"
            progress.say(f"{what}: running for {time.monotonic() - start:.0f} s{said}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield heard
    finally:
        ended.set()
        teller.join()
