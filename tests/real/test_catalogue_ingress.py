"""HAProxy with the settings of the block ingress-haproxy, before two pods on loopback."""

import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.kits.servers import Answer, Server, serving
from tests.real.test_catalogue_charts import by_default, of_kind

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed"),
]


def _answer(code: int, text: str, held: threading.Event | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        assert held is None or held.wait(20)
        request.send_response(code)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text.encode())

    return answer


@contextmanager
def _ingress(folder: Path, pods: list[Server]) -> Iterator[str]:
    """The chart's own settings, but for ports and the look-up of pods; gives the address for readers."""
    (settings,) = of_kind(by_default("ingress"), "ConfigMap")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, health = one.getsockname()[1], other.getsockname()[1]
    lines = settings["data"]["haproxy.cfg"].replace(" init-addr none resolvers cluster", "")
    lines = lines.replace("bind :8080", f"bind 127.0.0.1:{port}").replace(":8404", f"127.0.0.1:{health}")
    head, _, _ = lines.partition("  server-template ")
    servers = "".join(f"  server pod{n} {pod.base.removeprefix('http://')}\n" for n, pod in enumerate(pods))
    (folder / "haproxy.cfg").write_text(head + servers)
    with subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]) as process:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _read(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=20) as answer:
            text: str = answer.read().decode()
            return text
    except OSError as error:
        return str(error)


def _seen(address: str, wanted: set[str]) -> bool:
    """Whether eight requests in a row are answered by these and by nobody else, within 20 s."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if {_read(address) for _ in range(8)} == wanted:
            return True
        time.sleep(0.1)
    return False


def test_a_pod_that_goes_gets_nothing_new_and_finishes_what_it_has(tmp_path: Path) -> None:
    with serving() as stays, serving() as goes, _ingress(tmp_path, [stays, goes]) as address:
        for pod, name in ((stays, "stays"), (goes, "goes")):
            pod.answers |= {"/healthz": _answer(200, ""), "/": _answer(200, name)}
        assert _seen(address, {"stays", "goes"})
        held, told = threading.Event(), list[str]()
        stays.answers["/slow"], goes.answers["/slow"] = _answer(200, "stays"), _answer(200, "finished", held)
        readers = [
            threading.Thread(target=lambda: told.append(_read(f"{address}slow"))) for _ in range(2)
        ]  # of two pods by turns
        for reader in readers:
            reader.start()
        end = time.monotonic() + 20
        while "/slow" not in {path for path, _ in goes.seen}:
            assert time.monotonic() < end
            time.sleep(0.05)
        goes.answers["/healthz"] = _answer(404, "")
        assert _seen(address, {"stays"})
        held.set()
        for reader in readers:
            reader.join(20)
        assert "finished" in told
        assert set(told) <= {"stays", "finished"}
