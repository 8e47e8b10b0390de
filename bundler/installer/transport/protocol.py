"""How the executor and the gatherer reach a host: one small protocol, two ways (ssh, local)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command on a host gave; output is text, bytes that are none replaced, and capped to its end."""

    status: int
    stdout: str
    stderr: str


class Transport(Protocol):
    """One host. Implementations are thread-safe: several commands may run at once."""

    @property
    def address(self) -> str:
        """The host's address as the Clusterfile names it."""

    def run(
        self,
        script: str,
        *,
        stdin: Iterable[bytes] = (),
        timeout: float,
        on_output: Callable[[str], None] | None = None,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        """Run a POSIX sh script as root and wait for its end.

        The script itself never stands in an argv. `stdin` is streamed, one chunk at a time. on_output: gets
        each line of output. on_bytes: gets standard output as it is, which then is not kept.
        Raises BundlerError (HOST) when the connection is lost and (STEP) when `timeout` seconds pass.
        """

    def close(self) -> None:
        """End the connection and everything that was started through it."""
