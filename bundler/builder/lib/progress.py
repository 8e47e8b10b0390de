"""How the builder tells what it does: the protocol that every stage reports through (`view` shows it)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Transfer(Protocol):
    """One thing that grows in bytes, such as a download."""

    def advance(self, count: int) -> None:
        """`count` more bytes; a negative number when it had to begin again. Thread-safe."""

    def close(self) -> None:
        """It has ended, well or not."""


class Progress(Protocol):
    """Where the builder reports to. Implementations are thread-safe."""

    def begin(self, phase: str) -> None:
        """A stretch of the build begins, and with it the one before ends."""

    def transfer(self, name: str, total: int | None) -> Transfer:
        """Bytes will move; `total` is how many, where known."""

    def say(self, line: str) -> None:
        """Something that everybody should see."""

    def log(self, line: str) -> None:
        """Something for the log file, and for those who asked for more."""


@contextmanager
def transferring(progress: Progress, name: str, total: int | None) -> Iterator[Transfer]:
    """A transfer that is closed at the end in any case."""
    transfer = progress.transfer(name, total)
    try:
        yield transfer
    finally:
        transfer.close()


class Counted:
    """Tells a transfer of the chunks that pass through, and how many `bytes` these were."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self.bytes = 0

    def passed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks themselves."""
        for chunk in chunks:
            self.bytes += len(chunk)
            self._transfer.advance(len(chunk))
            yield chunk


class _Nothing:
    def advance(self, count: int) -> None:
        pass

    def close(self) -> None:
        pass


class Silent:
    """Reports to no one."""

    def begin(self, phase: str) -> None:
        """Nothing is reported."""

    def transfer(self, name: str, total: int | None) -> Transfer:  # noqa: ARG002  (the protocol's signature)
        """Nothing is reported."""
        return _Nothing()

    def say(self, line: str) -> None:
        """Nothing is reported."""

    def log(self, line: str) -> None:
        """Nothing is reported."""


class ByName:
    """Transfers told by their names (what `bundler.builder.images` reports), passed on to a Progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open: dict[str, Transfer] = {}

    def expect(self, count: int, size: int) -> None:
        """That many more transfers with that many bytes in all will come."""
        if count:
            self._progress.log(f"{count} blobs with {size} bytes to fetch")

    def begin(self, name: str, size: int) -> None:
        """A transfer of `size` bytes starts."""
        self._open[name] = self._progress.transfer(name, size)

    def advance(self, name: str, count: int) -> None:
        """So many bytes came in; a negative number takes back."""
        self._open[name].advance(count)

    def end(self, name: str) -> None:
        """The transfer is over, well or not."""
        self._open.pop(name).close()
