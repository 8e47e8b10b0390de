"""Hosts behind a bastion: one connection to it, and a channel through it for each host (`direct-tcpip`).

The bastion carries bytes. The host's own key is checked at this end, as without it, and so is the bastion's.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import paramiko

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Bastion, Host, Secret
from bundler.installer.transport import login
from bundler.installer.transport.dialling import CONNECT_TIMEOUT, Dial, where
from bundler.installer.transport.login import Credentials, Trust


class Jumps:
    """The bastions of a site; thread-safe. password_of: of a bastion that has one."""

    def __init__(self, home: Path, trust: Trust, password_of: Callable[[Host], Secret | None]) -> None:
        self._home, self._trust, self._password_of = home, trust, password_of
        self._lines: dict[Bastion, paramiko.Transport] = {}
        self._locks: dict[Bastion, threading.Lock] = {}
        self._lock = threading.Lock()

    def dial_for(self, host: Host) -> Dial | None:
        """How this host is called; None for one that is called from here."""
        bastion = host.login.jump
        return None if bastion is None else lambda behind: self._through(bastion, behind)

    def _through(self, bastion: Bastion, host: Host) -> paramiko.Channel:
        """A channel to the host's sshd. Raises BundlerError (HOST, TRUST)."""
        line = self._line(bastion)
        try:
            return line.open_channel(
                "direct-tcpip", (host.address, host.login.port), ("127.0.0.1", 0), timeout=CONNECT_TIMEOUT
            )
        except paramiko.ChannelException as error:
            refused = error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
            fix = "allow it there: AllowTcpForwarding yes, and PermitOpen" if refused else "is the host up?"
            raise _lost(bastion, host, error.text, fix) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise _lost(
                bastion, host, str(error) or "it closed the connection", "is the bastion up?"
            ) from None

    def _line(self, bastion: Bastion) -> paramiko.Transport:
        """The connection to a bastion: made by the first who needs it, and again where it was lost."""
        with self._lock:
            lock = self._locks.setdefault(bastion, threading.Lock())
        with lock:
            line = self._lines.get(bastion)
            if line is None or not line.is_active():
                there = Host(bastion.address, frozenset(), bastion.login)
                credentials = Credentials.of(there, self._password_of(there), self._home)
                line = self._lines[bastion] = login.connect(there, credentials, self._trust)
            return line


def _lost(bastion: Bastion, host: Host, why: str, fix: str) -> BundlerError:
    there = Host(bastion.address, frozenset(), bastion.login)
    return BundlerError(
        "the host can't be reached through the bastion",
        where=f"{where(host)} through {where(there)}",
        why=why,
        code=ExitCode.HOST,
        fix=fix,
    )
