"""A run of the product on a machine that goes on while a test does something else, and may be killed."""

import time
from dataclasses import dataclass

from tests.site import ssh
from tests.site.spec import Machine, SiteSpec

_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Background:
    """`./demo.run WORDS` in /root of a machine, in a session of its own. log: the run's, of JSON lines."""

    spec: SiteSpec
    machine: Machine
    log: str

    def until(self, step: str, limit: float = 900.0) -> None:
        """Wait until the log says that a step has begun whose id matches. Fails when the run ends before."""
        begun = (
            f"grep '\"event\": \"start\"' /root/{self.log} 2>/dev/null | tr '\"' ' ' | grep -q -e '{step}'"
        )
        deadline = time.monotonic() + limit
        while self._fails(begun):
            assert not self._fails("test ! -e /root/background.code"), self.said()
            assert time.monotonic() < deadline, f"{step} did not begin within {limit:.0f} s: {self.said()}"
            time.sleep(_PAUSE)

    def kill(self) -> None:
        """As kill -9 does: the installer and all that it started here."""
        ssh.on(self.spec, self.machine, "kill -9 -$(cat /root/background.pid)")

    def end(self, limit: float = 1800.0) -> int:
        """Wait for the end; gives the exit code."""
        deadline = time.monotonic() + limit
        while self._fails("test -s /root/background.code"):
            assert time.monotonic() < deadline, f"no end within {limit:.0f} s: {self.said()}"
            time.sleep(_PAUSE)
        return int(ssh.on(self.spec, self.machine, "cat /root/background.code"))

    def said(self) -> str:
        """The last that it said."""
        return ssh.try_on(self.spec, self.machine, "tail -n 60 /root/background.said").stdout

    def _fails(self, script: str) -> bool:
        return ssh.try_on(self.spec, self.machine, script).returncode != 0


def start(spec: SiteSpec, machine: Machine, words: str, *, log: str = "demo-apply.log") -> Background:
    """Start it; nothing is left of one before."""
    ssh.on(
        spec,
        machine,
        f"cd /root && rm -f {log} background.said background.code background.pid && ("
        f"setsid sh -c './demo.run {words} >background.said 2>&1; echo $? >background.code'"
        " </dev/null >/dev/null 2>&1 & echo $! >background.pid)",
    )
    return Background(spec, machine, log)
