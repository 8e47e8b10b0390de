"""Hosts that take a connection and then say nothing, or anything: their own fault, and bounded in time."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Login
from bundler.installer.transport import dialling, login
from bundler.installer.transport.hostkeys import KnownHosts
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.ssh import open_ssh


@pytest.fixture
def speaker(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port where one text is said to whoever comes, and nothing else."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        open_ones: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(request.param)
                open_ones.append(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in open_ones:
            each.close()


@pytest.mark.parametrize(
    "speaker",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad\r\n\r\n",
        b"SSH-2.0-x\r\n\xff\xff\xff\xff" + b"\0" * 64,
    ],
    indirect=True,
    ids=["nothing", "a greeting", "another protocol", "a huge packet"],
)
def test_a_host_that_says_nothing_is_the_hosts_fault(speaker: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(dialling, "CONNECT_TIMEOUT", 1.0)
    host = Host("127.0.0.1", frozenset(), Login(port=speaker, key_file="/nowhere"))
    began = time.monotonic()
    with pytest.raises(BundlerError) as caught:
        open_ssh(host, Credentials.of(host, None, Path("/nowhere")), Trust(KnownHosts((Path("/nowhere"),))))
    assert time.monotonic() - began < 8
    assert (caught.value.code, caught.value.what) == (ExitCode.HOST, "no ssh connection")
    assert caught.value.why
