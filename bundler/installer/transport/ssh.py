"""The transport for a host reached by ssh: one connection, a channel for each script."""

import contextlib
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import paramiko

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Secret
from bundler.installer.transport import login, remote
from bundler.installer.transport.dialling import where
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.sessions import OPEN_TIMEOUT, Sessions

_OPEN_TIMEOUT: Final = OPEN_TIMEOUT  # seconds for a host to begin a command, too
_KILL_TIMEOUT: Final = 10.0  # seconds for a script to be ended
_READ: Final = 64 << 10
# paramiko's word for a channel that closed without an exit status; `setsid -w` gives one, so it was cut.
_NO_STATUS: Final = -1


class SshTransport(remote.Runner):
    """Runs scripts on a host as root, through sudo where the user isn't; implements `Transport`.

    Made by `open_ssh`. sudo: the words before a command; sudo_input: what sudo reads before the script does.
    """

    def __init__(
        self, host: Host, sessions: Sessions, sudo: tuple[str, ...] = (), sudo_input: bytes = b""
    ) -> None:
        super().__init__(host.address)
        self._host = host
        self._sessions = sessions
        self._sudo = sudo
        self._sudo_input = sudo_input

    def close(self) -> None:
        """End every script that still runs, then the connection."""
        super().close()
        self._sessions.close()

    def _finish(self, running: remote.Running, script: bytes, stdin: Iterable[bytes], timeout: float) -> int:
        channel = self._start(remote.command(script), running)
        readers = [
            _drain(channel.recv, running.take_output),
            _drain(channel.recv_stderr, running.add_error),
        ]
        timer = threading.Timer(timeout, self._expire, (running, channel))
        timer.daemon = True
        timer.start()
        try:
            _feed(channel, _chain(self._sudo_input + script, stdin))
            for reader in readers:
                reader.join()
            status = channel.recv_exit_status()
        except BaseException:
            self._kill(running)
            raise
        finally:
            timer.cancel()
            self._sessions.release(channel)
        if status == _NO_STATUS and not running.late:
            raise self._lost(running)
        return status

    def _start(self, command: str, running: remote.Running, *, spare: bool = False) -> paramiko.Channel:
        text = f"exec {shlex.join([*self._sudo, '/bin/sh', '-c', command])}" if self._sudo else command
        try:
            channel = self._sessions.open(spare=spare)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost(running, str(error)) from None
        try:
            with _bounded(channel):
                channel.exec_command(text)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._sessions.release(channel)
            raise self._lost(running, str(error)) from None
        return channel

    def _expire(self, running: remote.Running, channel: paramiko.Channel) -> None:
        running.late = True
        self._kill(running)
        _shut(channel)  # the readers end even if the host no longer answers

    def _kill(self, running: remote.Running) -> None:
        """End a script's process group; nothing more can be done where the connection is gone."""
        if running.group is None or not self._sessions.active:
            return
        script = remote.kill_script(running.group).encode()
        with contextlib.suppress(BundlerError, OSError, EOFError, paramiko.SSHException):
            channel = self._start(remote.command(script), remote.Running(), spare=True)
            try:
                channel.settimeout(_KILL_TIMEOUT)
                _feed(channel, iter([self._sudo_input + script]))
                channel.recv(1)  # the end of its output is the end of it
            finally:
                self._sessions.release(channel)

    def _lost(self, running: remote.Running, why: str = "") -> BundlerError:
        if self._closed:
            return remote.stopped(self._address)
        last = running.stderr.text().strip()[-2000:]
        return BundlerError(
            "the connection to the host was lost",
            where=where(self._host),
            why=why or last or "the host, its sshd or the network went away",
            code=ExitCode.HOST,
            id="BND-HOST-LOST",
            fix="once the host can be reached again, run the same command again: finished steps are skipped",
        )


def open_ssh(
    host: Host, credentials: Credentials, trust: Trust, tell: Callable[[str], None] = lambda _text: None
) -> SshTransport:
    """Connect, log in, and make sure that commands can run as root.

    tell: is told what a person should know of the host. Raises BundlerError: HOST or TRUST.
    """

    def connect() -> paramiko.Transport:
        return login.connect(host, credentials, trust)

    sessions = Sessions(connect(), where(host), connect, tell)
    try:
        sudo, sudo_input = _root(sessions, host, credentials.password)
    except BaseException:
        sessions.close()
        raise
    return SshTransport(host, sessions, sudo, sudo_input)


def _root(sessions: Sessions, host: Host, password: Secret | None) -> tuple[tuple[str, ...], bytes]:
    """The words that make a command run as root, and what they read before it.

    sudo is asked once, beforehand: it must be known whether it reads a password, or the password would become
    part of a script's input. -k: what it remembers from an earlier time could run out half-way.
    """
    if _status(sessions, host, 'test "$(id -u)" = 0')[0] == 0:
        return (), b""
    status, said = _status(sessions, host, "sudo -k -n true")
    if status == 0:
        return ("sudo", "-n", "--"), b""
    if password:
        line = password.reveal().encode() + b"\n"
        status, said = _status(sessions, host, "sudo -k -S -p '' true", line)
        if status == 0:
            return ("sudo", "-k", "-S", "-p", "", "--"), line
    raise BundlerError(
        "the user can't become root",
        where=where(host),
        why=said.strip().rpartition("\n")[2],
        code=ExitCode.HOST,
        id="BND-HOST-ROOT",
        fix="let the user use sudo, with NOPASSWD or with the password in the Clusterfile; or log in as root",
    )


def _status(sessions: Sessions, host: Host, command: str, stdin: bytes = b"") -> tuple[int, str]:
    """Exit status and output of a small command."""
    try:
        channel = sessions.open()
        try:
            return _asked(channel, command, stdin)
        finally:
            sessions.release(channel)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise BundlerError(
            "the host closed the connection after the login",
            where=where(host),
            why=str(error),
            code=ExitCode.HOST,
            id="BND-HOST-LOST",
            fix="look at the user's shell and at sshd's log on the host",
        ) from None


def _asked(channel: paramiko.Channel, command: str, stdin: bytes) -> tuple[int, str]:
    with _bounded(channel):
        channel.settimeout(_OPEN_TIMEOUT)
        channel.set_combine_stderr(True)
        channel.exec_command(command)
        _feed(channel, iter([stdin]))
        said = channel.recv(_READ)
        while more := channel.recv(_READ):
            said = (said + more)[-_READ:]
        return channel.recv_exit_status(), said.decode(errors="replace")


@contextlib.contextmanager
def _bounded(channel: paramiko.Channel) -> Iterator[None]:
    """paramiko waits for ever for a host's yes and for an exit status: a channel that is closed gives up."""
    timer = threading.Timer(_OPEN_TIMEOUT, _shut, (channel,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _chain(head: bytes, stdin: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from stdin


def _feed(channel: paramiko.Channel, chunks: Iterator[bytes]) -> None:
    """Write everything, then end the input. A script that ends without reading it all is no error of ours."""
    step = max(channel.out_max_packet_size - 64, 1024)  # what paramiko sends at once: no copy of a copy
    for chunk in chunks:
        for start in range(0, len(chunk), step):
            try:
                channel.sendall(chunk[start : start + step])
            except (OSError, EOFError):
                return
    with contextlib.suppress(OSError, EOFError):
        channel.shutdown_write()


def _shut(channel: paramiko.Channel) -> None:
    """Close a channel whose connection may be gone."""
    with contextlib.suppress(OSError, EOFError):
        channel.close()


def _drain(receive: Callable[[int], bytes], sink: Callable[[bytes], None]) -> threading.Thread:
    def read() -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := receive(_READ):
                sink(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
