"""What a host's command prints, as chunks that are read here while it runs: a few ahead, never all of it."""

import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.transport.protocol import Transport

_AHEAD: Final = 64  # chunks that wait for who reads them


def fetched(
    transport: Transport,
    script: str,
    *,
    timeout: float,
    failed: Callable[[str], BundlerError] | None = None,
) -> Iterator[bytes]:
    """The rest is dropped when reading stops.

    failed: makes the error of a command that failed out of what it said; else that is one of a step.
    Raises BundlerError: that one, and what the transport raises.
    """
    told = failed or partial(_failed, transport.address)
    arrived: queue.Queue[bytes | BundlerError | None] = queue.Queue(_AHEAD)
    given_up = threading.Event()

    def take(chunk: bytes) -> None:
        if not given_up.is_set():
            arrived.put(chunk)

    def fetch() -> None:
        try:
            outcome = transport.run(script, timeout=timeout, on_bytes=take)
            end = None if outcome.status == 0 else told(outcome.stderr)
        except BundlerError as error:
            end = error
        if not given_up.is_set():
            arrived.put(end)

    threading.Thread(target=fetch, daemon=True).start()
    try:
        while isinstance(piece := arrived.get(), bytes):
            yield piece
        if piece is not None:
            raise piece
    finally:
        given_up.set()
        while not arrived.empty():  # a blocked writer may go on
            arrived.get_nowait()


def _failed(address: str, said: str) -> BundlerError:
    return BundlerError("the host sent no whole file", where=address, why=said.strip(), code=ExitCode.STEP)
