"""Calling a host's sshd: TCP, and trying again where it turns callers away for a while.

sshd drops connections beyond MaxStartups and PerSourceMaxStartups, and for some time those of a source that
failed to log in (PerSourcePenalties). It says so in place of its greeting, or just closes. All that passes.
"""

import socket
import time
from collections.abc import Callable
from typing import Final

import paramiko

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import tame
from bundler.installer.site.model import Host
from bundler.installer.transport import hostkeys

CONNECT_TIMEOUT: Final = 15.0  # seconds, for each of: TCP, key exchange, one try to log in
_DEAD_AFTER: Final = 60_000  # milliseconds without an answer (tcp(7), TCP_USER_TIMEOUT)
_GREETING: Final = 255  # bytes of a first line (RFC 4253, 4.2)
_BUSY: Final = ("Exceeded MaxStartups", "Not allowed at this time")  # sshd's words, which name what passes
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between tries
_PAUSES_CLOSED: Final = _PAUSES[:3]  # who says nothing may never take us: it may be no sshd

Dial = Callable[[Host], socket.socket | paramiko.Channel]


def where(host: Host) -> str:
    """The host as messages name it."""
    login = host.login
    return f"{login.user}@{hostkeys.host_name(host.address, login.port)}"


def unreachable(host: Host, why: str, fix: str) -> BundlerError:
    """The error for a host that can't be spoken with."""
    return BundlerError("no ssh connection", where=where(host), why=why, code=ExitCode.HOST, fix=fix)


def tcp(host: Host) -> socket.socket:
    """A connection from this machine. Raises BundlerError (HOST)."""
    try:
        connection = socket.create_connection((host.address, host.login.port), CONNECT_TIMEOUT)
    except OSError as error:
        raise unreachable(host, str(error), "is it up, and is the address and the ssh port right?") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER)
    return connection


def admitted(host: Host, dial: Dial) -> socket.socket | paramiko.Channel:
    """A connection at whose other end somebody has begun to greet us. Raises BundlerError (HOST)."""
    tries = 0
    while True:
        connection = dial(host)
        if isinstance(connection, paramiko.Channel):  # the bastion has made it: nothing to look at before
            return connection
        said = _refusal(host, connection)
        if said is None:
            return connection
        connection.close()
        pauses = _PAUSES if said.startswith(_BUSY) else _PAUSES_CLOSED
        if tries == len(pauses):
            raise _turned_away(host, said, tries + 1)
        time.sleep(pauses[tries])
        tries += 1


def _refusal(host: Host, connection: socket.socket) -> str | None:
    """What is said in place of a greeting, "" where the connection is just closed; None for all else.

    Nothing is taken from the connection. Raises BundlerError (HOST) for one where nothing comes.
    """
    try:
        head = connection.recv(_GREETING, socket.MSG_PEEK)
    except TimeoutError:
        connection.close()
        why = f"no greeting within {CONNECT_TIMEOUT:g} s"
        raise unreachable(host, why, "is that port sshd's, and is the host overloaded?") from None
    except OSError:
        return ""
    line = tame(head.split(b"\r")[0].split(b"\n")[0].decode("ascii", "replace"))
    return line if not head or line.startswith(_BUSY) else None


def _turned_away(host: Host, said: str, tries: int) -> BundlerError:
    if said:
        why = f'its sshd says "{said}", {tries} times'
        fix = "look for other logins there, or raise MaxStartups, PerSourceMaxStartups or PerSourcePenalties"
        return unreachable(host, why, f"{fix} in its sshd_config")
    why = f"it closed the connection before any greeting, {tries} times"
    return unreachable(host, why, "is that port sshd's? look at its log, its MaxStartups and /etc/hosts.deny")
