"""Sessions on a host within what its sshd allows: MaxSessions, a limit for each connection (sshd_config(5)).

Nobody tells the limit beforehand. A session that is refused is tried again, since the host may not yet have
heard that another one ended; when it stays refused, as many as are open are the limit, and more wait. Below
four, a second or third connection makes room: the lock holds one session for as long as the run lasts.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import paramiko

from bundler.core.errors import BundlerError, ExitCode

OPEN_TIMEOUT: Final = 30.0  # seconds for the host to open a channel
_PAUSE: Final = 0.1  # seconds between two tries
_FIRST_TRIES: Final = 5  # until the limit is known
_TRIES: Final = 40  # afterwards: sessions that end are only slow to be forgotten
_ROOMY: Final = 4  # sessions from which on one connection is enough
_UNKNOWN: Final = 1 << 30
_CONNECTS: Final = 3  # failures to make another connection until no more are made
_LATER: Final = 2.0  # seconds until the next try

Connect = Callable[[], paramiko.Transport]


@dataclass(slots=True, eq=False)
class _Line:
    """One connection. limit: sessions that it takes; misses: refusals in a row."""

    connection: paramiko.Transport
    limit: int
    open: int = 0
    misses: int = 0


class Sessions:
    """The sessions of one host; thread-safe.

    where: the host in messages. connect: logs in once more. tell: is told of a limit, once.
    """

    def __init__(
        self, first: paramiko.Transport, where: str, connect: Connect, tell: Callable[[str], None]
    ) -> None:
        self._where = where
        self._connect = connect
        self._tell = tell
        self._limit = _UNKNOWN
        self._lines = [_Line(first, _UNKNOWN)]
        self._owners: dict[paramiko.Channel, _Line] = {}
        self._refusal: BundlerError | None = None  # of another connection, the last one
        self._failures = 0  # so many in a row
        self._not_before = 0.0
        self._changed = threading.Condition()
        self._over = threading.Event()

    @property
    def active(self) -> bool:
        """Whether there is still a connection."""
        return not self._over.is_set() and any(line.connection.is_active() for line in self._lines)

    def open(self, *, spare: bool = False) -> paramiko.Channel:
        """A session, as soon as there is room; give it back with `release`.

        spare: for ending what runs: may take a connection more instead of waiting.
        Raises BundlerError (HOST) where the host gives none at all, and what paramiko and `connect` raise.
        """
        with self._changed:
            while True:
                line = self._room(spare=spare)
                if line is None:
                    self._changed.wait(1.0)
                    continue
                try:
                    channel = line.connection.open_session(timeout=OPEN_TIMEOUT)
                except paramiko.ChannelException as error:
                    self._refused(line, error)
                    continue
                line.open, line.misses = line.open + 1, 0
                self._owners[channel] = line
                return channel

    def release(self, channel: paramiko.Channel) -> None:
        """Close a session; another one may begin."""
        try:
            channel.close()
        except (OSError, EOFError):  # the connection is gone
            pass
        finally:
            with self._changed:
                if (line := self._owners.pop(channel, None)) is not None:
                    line.open -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """End all connections."""
        self._over.set()
        for line in tuple(self._lines):  # without the lock: one that waits for a silent host has it
            line.connection.close()
        with self._changed:
            self._changed.notify_all()

    def _room(self, *, spare: bool) -> _Line | None:
        """A connection that takes one more, a new one if that helps, or None: wait."""
        if self._over.is_set():
            raise EOFError("the connection was closed")
        for line in self._lines:
            if line.open < line.limit:
                return line
        if len(self._lines) >= self._most() + spare:
            return None
        another = self._another(spare=spare)
        if another is None:
            return None
        self._lines.append(another)
        if self._over.is_set():  # meanwhile
            another.connection.close()
        return another

    def _another(self, *, spare: bool) -> _Line | None:
        """One more connection, or None where the host refuses it for now: what is open must do.

        Raises what `connect` does where waiting would never end: a script can't be ended without another
        session, and where there is but one, the lock has it.
        """
        if self._refusal is None or (spare and self._failures < _CONNECTS):
            pass
        elif self._failures >= _CONNECTS and (spare or self._limit == 1):
            raise self._refusal
        elif self._failures >= _CONNECTS or time.monotonic() < self._not_before:
            return None
        try:
            made = _Line(self._connect(), self._limit)
        except BundlerError as error:
            self._refusal, self._failures = error, self._failures + 1
            self._not_before = time.monotonic() + _LATER
            return self._another(spare=spare)
        self._refusal, self._failures = None, 0
        return made

    def _most(self) -> int:
        return 1 if self._limit >= _ROOMY else 3 if self._limit == 1 else 2

    def _refused(self, line: _Line, error: paramiko.ChannelException) -> None:
        line.misses += 1
        if line.misses < (_FIRST_TRIES if self._limit == _UNKNOWN and line.open else _TRIES):
            self._pause()
            return
        if not line.open:
            raise BundlerError(
                "the host accepts the login but opens no session",
                where=self._where,
                why=f"{error.text} ({error.code}), {line.misses} times",
                code=ExitCode.HOST,
                id="BND-HOST-SESSIONS",
                fix="look at MaxSessions in /etc/ssh/sshd_config there: 1 is enough, 10 is the default",
            )
        line.limit, line.misses = line.open, 0
        if line.limit < self._limit:
            self._limit = line.limit
            sessions = "1 session" if line.limit == 1 else f"{line.limit} sessions"
            self._tell(
                f"{self._where}: sshd takes {sessions} a connection (MaxSessions, 10 by default): "
                "fewer steps run there at once"
            )

    def _pause(self) -> None:
        until = time.monotonic() + _PAUSE
        while (left := until - time.monotonic()) > 0 and not self._over.is_set():
            self._changed.wait(left)
