"""Helm on site reaches the cluster's API and its own files; all else is out of its reach."""

import ctypes
import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bundler.installer.helm.kubeconfig import Reached

PROBE = """
import json, os, socket, sys
from urllib.parse import urlsplit
from bundler.installer.helm.alone import alone

config, chart, secret, other = sys.argv[1:]

def attempt(what):
    try:
        return what()
    except OSError as error:
        return type(error).__name__

def ask(host, port):
    with socket.create_connection((host, port), timeout=10) as api:
        api.sendall(b"hi")
        return api.recv(9).decode()

def work(kubeconfig):
    cluster = json.load(open(kubeconfig))["clusters"][0]["cluster"]
    url = urlsplit(cluster["server"])
    print(ask(url.hostname, url.port), cluster["tls-server-name"], url.path)
    print(attempt(lambda: ask("127.0.0.1", int(other))))
    print(attempt(lambda: open(chart + "/own").read()))
    print(attempt(lambda: open(secret).read()))
    print(attempt(lambda: open(os.environ["HOME"] + "/kept", "w").write("x")), flush=True)
    return 7

print(alone(config, "", (chart,), work), os.path.exists(secret))
"""


def kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None, **cluster: str) -> Path:
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "admin",
                "contexts": [{"name": "admin", "context": {"cluster": "k", "user": "root"}}],
                "clusters": [{"name": "k", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "root", "user": user or {"token": "t"}}],
            }
        )
    )
    return path


def answering(text: bytes) -> tuple[socket.socket, int]:
    """A server that answers each connection with one text."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(9)
                connection.sendall(text)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


def confinable() -> bool:
    """Whether this kernel has Landlock, and lets us have a network of our own."""
    landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
    unshare = shutil.which("unshare")
    own = unshare and subprocess.run([unshare, "-rn", "true"], check=False, capture_output=True)
    return bool(landlock and own and own.returncode == 0)


@pytest.mark.skipif(not confinable(), reason="no Landlock here, or no network namespaces")
def test_helm_reaches_the_api_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "own").write_text("mine")
    (tmp_path / "secret").write_text("theirs")
    api, port = answering(b"api")
    other, closed = answering(b"other")
    config = kubeconfig(tmp_path / "admin.conf", f"https://127.0.0.1:{port}/k")
    words = (config, tmp_path / "chart", tmp_path / "secret", closed)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    api.close()
    other.close()
    assert done.stdout.splitlines() == [
        "api 127.0.0.1 /k",
        "ConnectionRefusedError",
        "mine",
        "PermissionError",
        "1",
        "7 True",
    ], done.stderr
    assert not list(tmp_path.glob("bundler-helm-*"))  # the copy of the kubeconfig is gone


def test_the_certificate_is_still_looked_at_by_the_apis_own_name(tmp_path: Path) -> None:
    more: dict[str, Any] = {"certificate-authority": "ca.crt"}
    path = kubeconfig(tmp_path / "c", "https://api.example:6443", **more)
    found = Reached.read(path)
    assert found is not None
    assert (found.host, found.port, found.files) == ("api.example", 6443, (str(tmp_path / "ca.crt"),))
    cluster = found.through(4000)["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:4000"
    assert cluster["tls-server-name"] == "api.example"
    assert cluster["certificate-authority"] == str(tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("server", "user", "cluster"),
    [
        ("https://h", {"exec": {"command": "aws"}}, {}),
        ("https://h", {"auth-provider": {"name": "gcp"}}, {}),
        ("https://h", {}, {"proxy-url": "http://p"}),
        ("http://h", {}, {}),
        ("", {}, {}),
    ],
)
def test_a_kubeconfig_that_needs_more_than_the_api_is_left_to_helm(
    tmp_path: Path, server: str, user: dict[str, Any], cluster: dict[str, str]
) -> None:
    assert Reached.read(kubeconfig(tmp_path / "c", server, user, **cluster)) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "a: 1", "current-context: x\ncontexts: []"])
def test_a_kubeconfig_that_makes_no_sense_is_left_to_helm(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c"
    path.write_text(text)
    assert Reached.read(path) is None
