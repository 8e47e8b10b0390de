"""One run at a time on a host: a lock that goes with the connection, and can be taken over once that is gone.

A script on the host holds flock(2) and reads signs of life (templates/site/lock.sh). When its connection
ends, so does the lock. Where the host hasn't noticed yet that a connection is gone, the next run sees no sign
and takes over; steps of the old run are refused from then on (guard.sh). Steps that it has left running are
waited for, each for as long as it was given, then ended: what they have noted in the journal counts.
"""

import contextlib
import getpass
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import tame
from bundler.installer.scripts.render import script
from bundler.installer.transport.parallel import on_each
from bundler.installer.transport.protocol import Outcome, Transport

FOLDER: Final = "/run/bundler"  # on the host; gone after a restart, as the holder is

TAKEN_OVER: Final = 76  # the exit status of a step whose run no longer has the host (guard.sh)

_BEAT: Final = 5.0  # seconds between two signs of life
_QUIET: Final = 20  # seconds without one after which a holder counts as gone
_FOR_EVER: Final = 30 * 86400.0
_LETTING_GO: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Claim:
    """The run that wants the hosts. owner: this run's token, never the same again; who: for people."""

    owner: str
    who: str
    folder: str = FOLDER

    @classmethod
    def ours(cls) -> "Claim":
        """This process's."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a number without a name
            user = str(os.getuid())
        return cls(secrets.token_hex(16), tame(f"{user}@{socket.gethostname()}, process {os.getpid()}"))

    def prelude(self) -> str:
        """Shell text with the function `guard`, which every step calls first."""
        return script("guard.sh", lock_folder=self.folder, lock_owner=self.owner)

    def holding(self) -> str:
        """The script that holds a host."""
        return script(
            "lock.sh", lock_folder=self.folder, lock_owner=self.owner, who=self.who, quiet=str(_QUIET)
        )


class HostLock:
    """The lock of one host: `take` it, then `release` it. lost: another run has taken it from us."""

    def __init__(self, transport: Transport, claim: Claim, tell: Callable[[str], None]) -> None:
        self.lost = False
        self._transport = transport
        self._claim = claim
        self._tell = tell
        self._settled = threading.Event()  # it is ours, or it is known that it isn't
        self._over = threading.Event()
        self._held = False
        self._busy = ""
        self._error: BundlerError | None = None
        self._thread = threading.Thread(target=self._hold, name="lock", daemon=True)

    def take(self) -> None:
        """Wait until it is ours.

        Raises BundlerError: BUSY where another run is at work, STEP where the host can't be locked, and what
        the transport raises.
        """
        self._thread.start()
        self._settled.wait()
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        """Let go of it, if it is ours, and wait until the host has heard of it."""
        self._over.set()
        if self._held:
            self._thread.join(_LETTING_GO)

    def _hold(self) -> None:
        """Runs in a thread of its own, from the first question to the end."""
        try:
            outcome = self._transport.run(
                self._claim.holding(), stdin=self._signs(), timeout=_FOR_EVER, on_output=self._hear
            )
            if not self._held:
                self._error = self._refusal(outcome)
            elif not self._over.is_set():
                self.lost = True
                self._transport.close()  # whatever runs there is no longer ours to run
        except BundlerError as error:  # the connection; steps find that out by themselves
            self._error = error
        finally:
            self._settled.set()

    def _signs(self) -> Iterator[bytes]:
        while not self._over.wait(_BEAT):
            yield b"\n"
        yield b"done\n"

    def _hear(self, line: str) -> None:
        word, _, text = line.partition(" ")
        match word:
            case "held":
                self._held = True
                self._settled.set()
            case "busy":
                self._busy = tame(text)
                self._over.set()  # nothing more to say to that host
            case "wait":
                self._tell(f"{self._transport.address}: {tame(text)}")

    def _refusal(self, outcome: Outcome) -> BundlerError:
        if self._busy:
            return BundlerError(
                "another run is working on this host",
                where=self._transport.address,
                why=self._busy,
                code=ExitCode.BUSY,
                fix=f"wait until it ends, or end it; {_QUIET} s after its machine disappears, "
                "the lock expires",
            )
        return BundlerError(
            "the host can't be locked",
            where=self._transport.address,
            why=outcome.stderr.strip()[-2000:],
            code=ExitCode.STEP,
        )


@contextlib.contextmanager
def held(
    transports: Mapping[str, Transport],
    first: str,
    claim: Claim,
    *,
    parallel: int,
    tell: Callable[[str], None],
) -> Iterator[None]:
    """Hold every host. first: the one that is asked before all others, so that of two runs one gets them all.

    Raises BundlerError: what `HostLock.take` does, BUSY where another run took a host meanwhile.
    """
    locks = {address: HostLock(transport, claim, tell) for address, transport in transports.items()}
    try:
        locks[first].take()
        on_each({address: lock.take for address, lock in locks.items() if address != first}, parallel)
        yield
    except BundlerError:
        if lost := [address for address, lock in locks.items() if lock.lost]:
            raise taken_over(", ".join(lost)) from None
        raise
    finally:
        for lock in locks.values():
            lock.release()


def taken_over(where: str) -> BundlerError:
    """The error of a run that lost a host to another one."""
    return BundlerError(
        "another run has taken this host over",
        where=where,
        why=f"the host had not heard from this machine for {_QUIET} s when the other run began",
        code=ExitCode.BUSY,
        id="BND-TAKEN-OVER",
        fix="find out whose run it is before you run this again",
    )
