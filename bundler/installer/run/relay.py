"""A file from one host of the site to another, through this machine: a stream, never held as a whole."""

import queue
import shlex
import threading
from collections.abc import Callable, Iterator
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Relay
from bundler.installer.transport.protocol import Outcome, Transport

_TIMEOUT: Final = 900.0
_DEPTH: Final = 16  # pieces under way at most
_PATIENCE: Final = 1.0  # seconds between two looks whether the other end still takes anything


class _Pipe:
    """Bytes from the thread that reads one host to the one that writes to the other."""

    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_DEPTH)
        self._closed = threading.Event()
        self._on_bytes = on_bytes

    def put(self, piece: bytes | None) -> None:
        """Wait for space; what is no longer read is dropped."""
        while not self._closed.is_set():
            try:
                self._pieces.put(piece, timeout=_PATIENCE)
            except queue.Full:
                continue
            return

    def pieces(self) -> Iterator[bytes]:
        """Until the sender has ended."""
        while (piece := self._pieces.get()) is not None:
            self._on_bytes(len(piece))
            yield piece

    def close(self) -> None:
        """Nothing is read any more."""
        self._closed.set()


def relay(
    step: Relay, source: Transport, target: Transport, script: str, on_bytes: Callable[[int], None]
) -> Outcome:
    """script: reads the file from standard input on the target, with `wanted` set to its digest.

    Raises BundlerError (STEP) when the source can't give the file, and what the transports raise.
    """
    wanted = _digest(step, source)
    pipe, failed = _Pipe(on_bytes), list[BundlerError]()

    def send() -> None:
        try:
            source.run(f"exec cat {shlex.quote(step.source_path)}", timeout=_TIMEOUT, on_bytes=pipe.put)
        except BundlerError as error:
            failed.append(error)
        finally:
            pipe.put(None)

    sender = threading.Thread(target=send, name=f"relay-{step.source}", daemon=True)
    sender.start()
    try:
        outcome = target.run(f"wanted={wanted}\n{script}", stdin=pipe.pieces(), timeout=_TIMEOUT)
    finally:
        pipe.close()
        sender.join(timeout=_TIMEOUT)
    if failed:
        raise failed[0]
    return outcome


def _digest(step: Relay, source: Transport) -> str:
    asked = source.run(f"sha256sum {shlex.quote(step.source_path)}", timeout=_TIMEOUT)
    digest = asked.stdout[:64]
    if asked.status or len(digest) != 64:
        raise BundlerError(
            f"{step.source_path} can't be read",
            where=f"{step.source}, step {step.id}",
            why=asked.stderr.strip(),
            code=ExitCode.STEP,
        )
    return digest
