"""Parts for the installer's unit tests that keep the real interfaces.

`MemoryTransport` implements `Transport` in memory: it runs no script, a function answers in the host's place.
`private_transport` is the real `LocalTransport` as the caller's own user.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bundler.installer.run.hostlock import Claim
from bundler.installer.scripts.render import load
from bundler.installer.transport.local import LocalTransport
from bundler.installer.transport.protocol import Outcome

Answer = Callable[[str, bytes], Outcome]

OK = Outcome(0, "", "")


class MemoryTransport:
    """A host that is a function from script and input to an outcome; counts what runs at once."""

    def __init__(
        self, address: str, answer: Answer = lambda _script, _stdin: OK, *, delay: float = 0.0
    ) -> None:
        self._address = address
        self._answer = answer
        self._delay = delay
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.scripts: list[str] = []
        self.closed = threading.Event()

    @property
    def address(self) -> str:
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
        assert timeout > 0
        data = b"".join(stdin)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.scripts.append(script)
        time.sleep(self._delay)
        outcome = self._answer(script, data)
        with self._lock:
            self._now -= 1
        if on_bytes is not None:
            on_bytes(outcome.stdout.encode())
            return Outcome(outcome.status, "", outcome.stderr)
        if on_output is not None:
            for line in outcome.stdout.splitlines():
                on_output(line)
        return outcome

    def close(self) -> None:
        self.closed.set()


def private_transport(address: str) -> LocalTransport:
    """Scripts run as the tests' own user: no root, no sudo."""
    transport = LocalTransport(address)
    transport._prefix = ()
    return transport


def prelude(folder: Path) -> str:
    """What stands in front of every step, on a host whose state and lock are below `folder`."""
    claim = Claim("token", "a test", str(folder / "lock"))
    (folder / "lock").mkdir(exist_ok=True)
    (folder / "lock" / "lock").write_text("token 1 a test\n")
    return claim.prelude() + load("ledger.sh").replace("/var/lib/bundler", str(folder / "state"))
