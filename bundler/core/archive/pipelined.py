"""Hashing and writing behind the caller, who meanwhile reads and verifies what comes next."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from bundler.core.archive.newparts import Out

_AHEAD = 6  # jobs, two a batch; bounds the memory when the disk is slow


class PipelinedWriter:
    """Two threads: batches are hashed by one and written by the other, each in the order they came.

    Both let go of the interpreter's lock, so that the three of them use as many processors.
    """

    def __init__(self, out: Out) -> None:
        self._out = out
        self._hashing = ThreadPoolExecutor(1, "hashing")
        self._writing = ThreadPoolExecutor(1, "writing")
        self._jobs: deque[Future[None]] = deque()

    def put(self, batch: bytes, hashing: Callable[[bytes], None]) -> None:
        """Give a batch to `hashing`, and write it at the end. Raises what writing an earlier one did."""
        self.wait(_AHEAD)
        self._jobs.append(self._hashing.submit(hashing, batch))
        self._jobs.append(self._writing.submit(self._out.write, batch))

    def fill(self, count: int) -> None:
        """Write zero bytes at the end, that no section has. Raises like `put`."""
        self._jobs.append(self._writing.submit(self._out.write, bytes(count)))
        self.wait()

    def wait(self, most: int = 0) -> None:
        """Until no more than so many jobs are under way. Raises what writing has raised."""
        while len(self._jobs) > most:
            self._jobs.popleft().result()

    def close(self) -> None:
        """End the threads; what has not been begun is left."""
        for pool in (self._hashing, self._writing):
            pool.shutdown(cancel_futures=True)
