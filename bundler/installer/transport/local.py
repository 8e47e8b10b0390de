"""The transport for a host that is this machine: the same scripts, by a child process."""

import contextlib
import fcntl
import os
import pwd
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable
from itertools import chain
from typing import IO, Final

from bundler.installer.transport import remote

_SUDO: Final = ("sudo", "-n", "--")
_SIOCGIFADDR: Final = 0x8915  # netdevice(7)
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def own_addresses() -> frozenset[str]:
    """The IPv4 addresses of this machine's interfaces."""
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without an IPv4 address
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
                found.add(socket.inet_ntoa(answer[20:24]))
    return frozenset(found)


def may_be_root() -> bool:
    """Whether commands here can run as root without a password being asked for."""
    if os.geteuid() == 0:
        return True
    if shutil.which("sudo") is None:
        return False
    # -k: a password that sudo remembers from before could run out half-way.
    check = subprocess.run(
        ["sudo", "-k", "-n", "true"], check=False, capture_output=True, timeout=20, env=environment()
    )
    return check.returncode == 0


def environment() -> dict[str, str]:
    """All that a step on this machine sees of its environment: what a login over ssh would give it.

    Nothing of the caller's own passes: passwords would lie open in /proc, BASH_ENV would run, and kubeadm
    writes proxies into the cluster's manifests.
    """
    try:
        user = pwd.getpwuid(os.geteuid())
        name, home = user.pw_name, user.pw_dir
    except KeyError:  # a machine without /etc/passwd
        name, home = "root", "/root"
    return {"USER": name, "LOGNAME": name, "HOME": home, "PATH": _PATH, "SHELL": "/bin/sh", "LANG": "C.UTF-8"}


class LocalTransport(remote.Runner):
    """Runs scripts on this machine as root; implements `Transport`.

    as_caller: as whoever calls, with the caller's own environment, for what is no business of root's.
    """

    def __init__(self, address: str, *, as_caller: bool = False) -> None:
        super().__init__(address)
        self._prefix = () if as_caller or os.geteuid() == 0 else _SUDO
        self._environment = dict(os.environ) if as_caller else environment()

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._prefix, "/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd="/",
            start_new_session=True,  # Ctrl-C on the terminal is ours to handle
        )

    def _finish(self, running: remote.Running, script: bytes, stdin: Iterable[bytes], timeout: float) -> int:
        process = self._start(remote.command(script))
        readers = [_drain(process.stdout, running.take_output), _drain(process.stderr, running.add_error)]
        timer = threading.Timer(timeout, self._expire, (running,))
        timer.daemon = True
        timer.start()
        try:
            _feed(process.stdin, script, stdin)
            for reader in readers:
                reader.join()
            return process.wait()
        except BaseException:
            self._kill(running)
            process.kill()
            process.wait()
            raise
        finally:
            timer.cancel()

    def _expire(self, running: remote.Running) -> None:
        running.late = True
        self._kill(running)

    def _kill(self, running: remote.Running) -> None:
        if running.group is None:
            return
        command = [*self._prefix, "/bin/sh", "-c", remote.kill_script(running.group)]
        subprocess.run(command, check=False, capture_output=True, timeout=20, env=self._environment)


def _feed(pipe: IO[bytes] | None, script: bytes, stdin: Iterable[bytes]) -> None:
    """Write script and data; a command that ends without reading it all is no error of ours.

    Each piece at once: data may come slowly, and the script is not to wait for it in a buffer.
    """
    if pipe is None:
        return
    with contextlib.suppress(BrokenPipeError), pipe:
        for chunk in chain([script], stdin):
            pipe.write(chunk)
            pipe.flush()


def _drain(pipe: IO[bytes] | None, sink: Callable[[bytes], None]) -> threading.Thread:
    def read() -> None:
        if pipe is None:
            return
        with pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                sink(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
