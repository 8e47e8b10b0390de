"""The transport for this machine itself."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kits.transports import private_transport


def test_a_script_does_not_wait_for_data_that_comes_slowly() -> None:
    """As the lock's signs of life do: the first comes seconds later, the last when the run ends."""
    transport, begun = private_transport("10.0.0.1"), threading.Event()

    def data() -> Iterator[bytes]:
        assert begun.wait(10), "the script has not begun"
        yield b"one\n"

    said = transport.run("echo begun; cat", stdin=data(), timeout=20, on_output=lambda _line: begun.set())
    transport.close()
    assert (said.status, said.stdout) == (0, "begun\none\n")


def test_each_piece_of_data_arrives_at_once() -> None:
    transport, heard = private_transport("10.0.0.1"), threading.Semaphore(0)

    def data() -> Iterator[bytes]:
        for number in range(3):
            yield f"{number}\n".encode()
            assert heard.acquire(timeout=10), f"{number} has not arrived"

    script = "while read -r line; do echo $line; done"
    said = transport.run(script, stdin=data(), timeout=40, on_output=lambda _line: heard.release())
    transport.close()
    assert said.stdout == "0\n1\n2\n"


def test_nothing_of_the_callers_environment_reaches_a_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not a password, not a file that shells read, not the proxies that kubeadm writes into manifests."""
    (tmp_path / "evil.sh").write_text(f"touch {tmp_path}/ran\n")
    for name, value in {
        "SITE_PASSWORD": "hunter2",
        "BASH_ENV": str(tmp_path / "evil.sh"),
        "ENV": str(tmp_path / "evil.sh"),
        "HTTPS_PROXY": "http://proxy:3128",
        "no_proxy": "10.0.0.0/8",
        "LD_LIBRARY_PATH": "/nowhere",
        "PATH": f"{tmp_path}:/usr/bin",
    }.items():
        monkeypatch.setenv(name, value)
    transport = private_transport("10.0.0.1")
    said = transport.run("env; bash -c true", timeout=20)
    transport.close()
    names = {line.partition("=")[0] for line in said.stdout.splitlines()}
    assert names <= {
        "USER",
        "LOGNAME",
        "HOME",
        "PATH",
        "SHELL",
        "LANG",
        "LC_ALL",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    }
    assert str(tmp_path) not in said.stdout
    assert not (tmp_path / "ran").exists()
