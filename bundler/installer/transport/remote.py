"""What both transports send to a host's shell, and how they read what comes back.

A tiny fixed command reads the script from the first bytes of standard input and evaluates it with the rest of
standard input as its own. So neither script nor secret stands in an argv or in a file. The script runs in a
process group of its own, whose number is told on standard error so that it can be ended.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.transport.protocol import Outcome

STDOUT_LIMIT = 8 << 20  # bytes kept of standard output; facts and journals of big hosts fit
STDERR_LIMIT = 256 << 10
LINES_LIMIT = 20_000  # lines of one script that are shown and logged
LINE_LIMIT = 16 << 10  # bytes of each
_HEAD = 16 << 10  # bytes of standard error among which our line stands; sudo's lecture may come before it

_MARK = "bundler-process-group"
_GROUP = re.compile(rf"^{_MARK} ([1-9][0-9]{{0,9}})\n", re.MULTILINE)

# What setsid says of a script that a signal ended; we report who ended it.
_SETSID = re.compile(r"^setsid: child \d+ did not exit normally.*\n?", re.MULTILINE)

# What programs say is read by us: PAM may have set another language.
_ENGLISH = "LC_ALL=C.UTF-8"

# `exec` lets no shell wait in between; dd reads exactly the script and leaves the rest of stdin alone.
_BODY = (
    f"echo {_MARK} $$ >&2; "
    "script=$(dd bs={size} count=1 iflag=fullblock 2>/dev/null) && "
    '[ "${{#script}}" -gt 0 ] || {{ echo "the script did not arrive" >&2; exit 125; }}; '
    'eval "$script"'
)


def command(script: bytes) -> str:
    """The fixed shell text that runs a script which arrives as the first bytes of standard input."""
    return f"exec env {_ENGLISH} setsid -w /bin/sh -c '{_BODY.format(size=max(len(script), 1))}'"


def kill_script(group: int) -> str:
    """Ends a process group: asks first, forces after two seconds."""
    return (
        f"kill -s TERM -- -{group} 2>/dev/null || exit 0; "
        f"for n in 1 2 3 4 5 6 7 8 9 10; do kill -s 0 -- -{group} 2>/dev/null || exit 0; sleep 0.2; done; "
        f"kill -s KILL -- -{group} 2>/dev/null; :"
    )


class Tail:
    """Keeps the last `limit` bytes of a stream; hands on whole lines as they come. Thread-safe."""

    def __init__(self, limit: int, on_output: Callable[[str], None] | None = None) -> None:
        self._limit = limit
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._on_output = on_output
        self._line = b""
        self._passed = 0  # lines handed on
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Take what arrived; at least one byte."""
        with self._lock:
            self._parts.append(data)
            self._size += len(data)
            while self._size - len(self._parts[0]) >= self._limit:
                self._size -= len(self._parts.popleft())
        if self._on_output is not None:
            self._pass_on(data, self._on_output)

    def text(self) -> str:
        """What was kept, without our own line, undecodable bytes replaced."""
        with self._lock:
            data = b"".join(self._parts)[-self._limit :]
        return _SETSID.sub("", _GROUP.sub("", data.decode(errors="replace"), count=1))

    def _pass_on(self, data: bytes, on_output: Callable[[str], None]) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[-LINE_LIMIT:]  # a line without end is not copied again and again
        for line in lines:
            text = line[-LINE_LIMIT:].decode(errors="replace")
            if text.startswith(_MARK) or _SETSID.fullmatch(text):
                continue
            self._passed += 1
            if self._passed <= LINES_LIMIT:
                on_output(text)
            elif self._passed == LINES_LIMIT + 1:
                on_output(f"… more than {LINES_LIMIT:,} lines; the rest is left out here")


class Running:
    """One script under way: what it has said so far and, once it told, its process group."""

    def __init__(
        self,
        on_output: Callable[[str], None] | None = None,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> None:
        self.stdout = Tail(STDOUT_LIMIT, on_output)
        self.take_output = on_bytes or self.stdout.add
        self.stderr = Tail(STDERR_LIMIT, on_output)
        self.group: int | None = None
        self.late = False  # its time is over and it was ended for that
        self._head = b""

    def add_error(self, data: bytes) -> None:
        """Take what arrived on standard error."""
        if self.group is None and len(self._head) < _HEAD:
            self._head += data
            found = _GROUP.search(self._head.decode(errors="replace"))
            self.group = int(found[1]) if found else None
        self.stderr.add(data)

    def outcome(self, status: int) -> Outcome:
        """What it gave in the end."""
        return Outcome(status, self.stdout.text(), self.stderr.text())


class Runner(ABC):
    """The half of a `Transport` that is the same by any way: it knows what runs, to end it on `close`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._closed = False

    @property
    def address(self) -> str:
        """The host's address as the Clusterfile names it."""
        return self._address

    def run(
        self,
        script: str,
        *,
        stdin: Iterable[bytes] = (),
        timeout: float,
        on_output: Callable[[str], None] | None = None,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        """Run a script as root; see `Transport.run`."""
        running = Running(on_output, on_bytes)
        with self._lock:
            if self._closed:
                raise stopped(self._address)
            self._running.add(running)
        try:
            status = self._finish(running, script.encode(), stdin, timeout)
        finally:
            with self._lock:
                self._running.discard(running)
        if running.late:
            raise timed_out(self._address, timeout, running)
        if self._closed:
            raise stopped(self._address)
        return running.outcome(status)

    def close(self) -> None:
        """End every script that still runs; no other starts from here on."""
        with self._lock:
            self._closed = True
            under_way = tuple(self._running)
        for running in under_way:
            self._kill(running)

    @abstractmethod
    def _finish(self, running: Running, script: bytes, stdin: Iterable[bytes], timeout: float) -> int:
        """Start the script, feed it, and wait; its exit status. Sets `running.late` if it had to be ended."""

    @abstractmethod
    def _kill(self, running: Running) -> None:
        """End a script's process group, if it has told one."""


def stopped(address: str) -> BundlerError:
    """The error for a script that was ended because the run was interrupted."""
    return BundlerError("the run was interrupted", where=address, code=ExitCode.INTERRUPTED)


def timed_out(address: str, timeout: float, running: Running) -> BundlerError:
    """The error for a script that was ended because it took too long."""
    return BundlerError(
        f"a command took longer than {timeout:g} s and was ended",
        where=address,
        why=running.stderr.text().strip()[-2000:],
        code=ExitCode.STEP,
        id="BND-STEP-TIMEOUT",
        fix="look at the host's load and its log, then run the same command again",
    )
