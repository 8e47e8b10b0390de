"""nginx of the block wordpress, out of its image, before a php-fpm that takes its time."""

import http.client
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bundler.builder.kubefile.catalogue import default_catalogue
from tests.real import catalogue_kit
from tests.real.catalogue_kit import built, unpack

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(catalogue_kit.missing()), reason=catalogue_kit.missing() or "all there"),
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]
_RECORD = struct.Struct("!BBHHBx")  # FastCGI: version, type, request, length, padding
_PARAMS, _STDIN, _STDOUT, _END = 4, 5, 6, 3


@dataclass(slots=True)
class Pages:
    """What php-fpm was asked for; an answer waits until it may go."""

    asked: list[bytes] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)


class _Fpm(socketserver.StreamRequestHandler):
    """One page a connection, with its number; a page called healthz may not be stored."""

    server: "_FpmServer"

    def handle(self) -> None:
        params = b""
        while True:
            _, kind, request, length, padding = _RECORD.unpack(self.rfile.read(_RECORD.size))
            body = self.rfile.read(length)
            self.rfile.read(padding)
            if kind == _PARAMS:
                params += body
            if kind == _STDIN and not length:
                break
        pages = self.server.pages
        pages.asked.append(params)
        assert pages.may_answer.wait(30)
        store = b"Cache-Control: no-store\r\n" if b"/healthz.php" in params else b""
        text = store + b"Content-Type: text/plain\r\n\r\npage %d" % len(pages.asked)
        for kind, body in ((_STDOUT, text), (_STDOUT, b""), (_END, bytes(8))):
            self.wfile.write(_RECORD.pack(1, kind, request, len(body), 0) + body)


class _FpmServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, pages: Pages) -> None:
        super().__init__(("127.0.0.1", 0), _Fpm)
        self.pages = pages


@dataclass(frozen=True, slots=True)
class Web:
    """nginx on ports of loopback, for readers and for the kubelet, and the pages behind it."""

    port: int
    probes: int
    pages: Pages

    def read(self, path: str = "/", port: int = 0, headers: Mapping[str, str] | None = None) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port or self.port}{path}", headers=dict(headers or {})
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            text: str = answer.read().decode()
            return text


@contextmanager
def _nginx(root: Path, fpm_port: int) -> Iterator[tuple[int, int]]:
    """As the pod starts it, but for the ports: those of the pod are taken from a machine's own."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, probes = one.getsockname()[1], other.getsockname()[1]
    text = (root / "etc/wordpress/nginx.conf").read_text()
    changes = {"listen 8080;": f"listen 127.0.0.1:{port};", "listen 8081;": f"listen 127.0.0.1:{probes};"}
    for before, after in {**changes, ":9000;": f":{fpm_port};"}.items():
        assert before in text
        text = text.replace(before, after)
    (root / "etc/wordpress/here.conf").write_text(text)
    shutil.rmtree(root / "tmp/pages", ignore_errors=True)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    command = ["/usr/sbin/nginx", "-c", "/etc/wordpress/here.conf", "-g", "daemon off;"]
    with subprocess.Popen(["/usr/sbin/chroot", "--userspec=33:33", root, *command]) as process:
        try:
            _wait_for(port)
            yield port, probes
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nginx does not listen")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's file system."""
    folder = tmp_path_factory.mktemp("wordpress")
    with built("wordpress", folder / "stage"):
        return unpack(folder / "stage/images", "bundler.local/wordpress-nginx:6.1", folder / "root")


@pytest.fixture
def web(root: Path) -> Iterator[Web]:
    pages = Pages()
    pages.may_answer.set()
    with _FpmServer(pages) as fpm:
        threading.Thread(target=fpm.serve_forever, daemon=True).start()
        with _nginx(root, fpm.server_address[1]) as (port, probes):
            yield Web(port, probes, pages)
        pages.may_answer.set()
        fpm.shutdown()


def test_a_reader_gets_the_page_of_before_while_php_makes_the_next(web: Web) -> None:
    assert web.read() == "page 1"
    time.sleep(3.2)  # it is older than three seconds now
    web.pages.may_answer.clear()
    kept = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)  # as HAProxy's, while it can be kept
    assert [web.read(), _read_on(kept), _read_on(kept)] == ["page 1", "page 1", "page 1"]
    web.pages.may_answer.set()
    for _ in range(100):
        if web.read() != "page 1":
            return
        time.sleep(0.05)
    raise AssertionError("the next page never came")


def _read_on(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


def test_each_host_has_pages_of_its_own(web: Web) -> None:
    assert [web.read(headers={"Host": f"{name}.example"}) for name in "ab"] == ["page 1", "page 2"]


def test_who_is_logged_in_gets_a_page_of_his_own_and_nobody_else_does(web: Web) -> None:
    cookie = {"Cookie": "a=b; wordpress_logged_in_1=admin"}
    assert [web.read(headers=cookie), web.read(headers=cookie)] == ["page 1", "page 2"]
    assert web.read() == "page 3"


def test_the_state_of_health_is_that_of_now(web: Web) -> None:
    assert [web.read("/healthz"), web.read("/healthz")] == ["page 1", "page 2"]


def test_a_pod_that_goes_says_so_and_goes_on_serving(root: Path, web: Web) -> None:
    """By what its preStop does first; the proxy takes 404 for: finish, and nothing new."""
    leave = [
        "/usr/sbin/chroot",
        "--userspec=33:33",
        str(root),
        "/bin/sh",
        "-c",
        "touch /tmp/leaving; sleep 0",
    ]
    subprocess.run(leave, check=True)
    try:
        with pytest.raises(urllib.error.HTTPError) as caught:
            web.read("/healthz")
        assert caught.value.code == 404
        assert web.read() == "page 1"
    finally:
        (root / "tmp/leaving").unlink()


def test_only_the_kubelet_can_have_a_pod_make_its_pages(web: Web) -> None:
    assert web.read("/warm", web.probes) == "page 1"
    assert b"SCRIPT_FILENAME/usr/share/wordpress/warm.php" in web.pages.asked[0]
    for path, port, code in (("/warm.php", web.port, 403), ("/", web.probes, 404)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            web.read(path, port)
        assert caught.value.code == code


def test_our_php_can_be_read(root: Path) -> None:
    """By the PHP of the other image, which has the same files of WordPress."""
    php = unpack(root.parent / "stage/images", "bundler.local/wordpress:6.1", root.parent / "php")
    ours = Path(default_catalogue()) / "wordpress/image/site"
    files = [path.relative_to(ours) for path in ours.rglob("*.php")]
    assert files
    for path in files:
        check = ["/usr/sbin/chroot", str(php), "/usr/bin/php8.2", "-n", "-l", f"/usr/share/wordpress/{path}"]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
