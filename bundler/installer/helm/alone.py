"""Helm in a child that reaches the cluster's API and nothing else: what a chart makes it fetch, it can't.

The child has a network of its own with one port in it. This process, outside, connects that port with the API
and with nothing else. Of files the child sees the chart, a folder of its own and what it runs from. A kernel
that gives no network of one's own leaves Helm as it is; what leads out of a chart is refused before anyway.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from bundler.core.confine import leave_files, leave_network
from bundler.installer.helm.kubeconfig import Reached

_DEATH_SIGNAL: Final = 1  # prctl's
_SET_FLAGS, _UP_RUNNING = 0x8914, 0x41  # SIOCSIFFLAGS; IFF_UP and IFF_RUNNING
_CHUNK: Final = 1 << 16
_HOMES: Final = ("HOME", "TMPDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy")
_PATIENCE: Final = 30.0  # seconds for a connection to the API

Work = Callable[[str], int]
_Files = tuple[tuple[str, ...], tuple[str, ...]]  # to be read, to be written


def alone(
    kubeconfig: str, context: str, readable: Iterable[str], work: Work, writable: Iterable[str] = ()
) -> int:
    """The exit status of `work`, which gets the kubeconfig to use; it runs in a child.

    readable, writable: files and folders that it needs besides. A kubeconfig that starts programs is used
    as it is, and so is any where a proxy leads to the API.
    """
    reached = Reached.read(Path(kubeconfig), context)
    if reached is None or any(os.environ.get(name) for name in _PROXIES):
        return work(kubeconfig)
    folder = tempfile.mkdtemp(prefix="bundler-helm-")  # 0700: the copy holds what admin.conf does
    ours, theirs = socket.socketpair()
    try:
        child = os.fork()
        if child == 0:
            ours.close()
            _be_child(theirs, reached, folder, ((kubeconfig, *readable), tuple(writable)), work)
        theirs.close()
        return _serve_until_it_ends(child, ours, reached)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve_until_it_ends(child: int, ours: socket.socket, reached: Reached) -> int:
    _, handles, _, _ = socket.recv_fds(ours, 1, 1)
    faults: list[str] = []
    if handles:
        target = reached.host, reached.port
        args = (socket.socket(fileno=handles[0]), target, faults)
        threading.Thread(target=_serve, args=args, daemon=True).start()
    _, status = os.waitpid(child, 0)
    if status and faults:  # the child knows only a port of its own that ends its connections
        sys.stderr.write(f"helm-agent: {reached.host}:{reached.port} can't be reached: {faults[-1]}\n")
        sys.stderr.flush()
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1


def _be_child(theirs: socket.socket, reached: Reached, folder: str, files: _Files, work: Work) -> None:
    status = 1
    try:
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        path = _confined(theirs, reached, folder, files)
        status = work(path)
    except BaseException as error:  # noqa: BLE001  (a child must not go on as its parent)
        sys.stderr.write(f"helm-agent: {error!r}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def _confined(theirs: socket.socket, reached: Reached, folder: str, files: _Files) -> str:
    """Leave network and files; the path of the kubeconfig that still leads to the API."""
    os.environ.update(dict.fromkeys(_HOMES, folder))
    path = Path(folder, "kubeconfig")
    if leave_network() and (listener := _listener()):
        path.write_text(json.dumps(reached.through(listener.getsockname()[1])), encoding="utf-8")
        socket.send_fds(theirs, [b"+"], [listener.fileno()])
        listener.close()
    else:
        path.write_text(json.dumps(reached.document), encoding="utf-8")
        theirs.send(b"-")
    readable, writable = files
    leave_files((*reached.files, *readable), (folder, *writable))
    return str(path)


def _listener() -> socket.socket | None:
    """A port of the loopback device that a new network has, down at first."""
    listener = socket.socket()
    try:
        fcntl.ioctl(listener, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP_RUNNING))
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
    except OSError:
        listener.close()
        return None
    return listener


def _serve(listener: socket.socket, target: tuple[str, int], faults: list[str]) -> None:
    while True:
        inner, _ = listener.accept()
        threading.Thread(target=_join, args=(inner, target, faults), daemon=True).start()


def _join(inner: socket.socket, target: tuple[str, int], faults: list[str]) -> None:
    with inner:
        try:
            outer = socket.create_connection(target, timeout=_PATIENCE)
        except OSError as error:
            faults.append(error.strerror or str(error))
            return
        outer.settimeout(None)
        with outer:
            back = threading.Thread(target=_copy, args=(outer, inner), daemon=True)
            back.start()
            _copy(inner, outer)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for each in (target, source):  # an end in one direction is the end of TLS's connection
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
