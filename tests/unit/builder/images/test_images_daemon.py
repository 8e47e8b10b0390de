"""Images from Docker's socket. The Docker here is a stand-in: an HTTP server with the two calls we make."""

import http.server
import io
import json
import os
import socketserver
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bundler.builder.images.daemon import read_daemon
from bundler.builder.oci.model import LocalSource, Transport, parse_source
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform
from tests.kits.images import MadeImage, digest_of, docker_files

AMD64 = Platform("linux", "amd64")


def packed(files: Any) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return raw.getvalue()


class Docker(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Any) -> None:
        self.images: dict[str, Any] = {}
        self.seen: list[Any] = []
        self.cut = False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> Any:
                path = unquote(self.path)
                server.seen.append(path)
                name, _, what = path.removeprefix("/images/").rpartition("/")
                image = server.images.get(name)
                if image is None:
                    return self.say(404, b'{"message": "no such image"}')
                if what == "json":
                    return self.say(200, json.dumps({"Id": digest_of(image.config)}).encode())
                tar = packed(docker_files({name: image}))
                return self.say(200, tar[: len(tar) // 2] if server.cut else tar, len(tar))

            def say(self, status: Any, body: Any, size: Any = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(size or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def docker() -> Iterator[Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Docker(Path(folder) / "s") as server,
    ):  # a short path for a socket
        yield server
        server.shutdown()


@pytest.fixture
def read(docker: Any, store: Any) -> Any:
    def read(name: Any, platform: Any = AMD64) -> Any:
        environment = {"DOCKER_HOST": f"unix://{docker.server_address}"}
        source = parse_source(f"docker-daemon:{name}", Path())
        assert isinstance(source, LocalSource)
        return read_daemon(source, store, platform, environment)

    return read


def test_an_image_of_docker_keeps_its_name_and_comes_once(docker: Any, read: Any, store: Any) -> None:
    image = MadeImage(os.urandom(100_000), b"small")
    docker.images["nginx:1.27"] = image
    (found,) = read("nginx:1.27")
    assert found.name == "docker.io/library/nginx:1.27"
    assert [str(part.digest) for part in found.blobs[1:]] == [digest_of(tar) for tar in image.tars]
    assert all(store.find(part.digest, part.size) for part in (*found.manifests, *found.blobs))
    docker.seen.clear()
    assert read("docker.io/library/nginx:1.27") == (found,)
    assert docker.seen == ["/images/nginx:1.27/json"]
    docker.images["nginx:1.27"] = MadeImage(b"newer")
    assert read("nginx:1.27") != (found,)


def test_what_the_cache_lost_is_asked_for_again(docker: Any, read: Any, store: Any) -> None:
    docker.images["quay.io/acme/web:1"] = MadeImage(b"one")
    (found,) = read("quay.io/acme/web:1")
    store.discard(found.blobs[1].digest)
    assert read("quay.io/acme/web:1") == (found,)
    assert store.find(found.blobs[1].digest, found.blobs[1].size)


@pytest.mark.parametrize(
    ("name", "platform", "code", "says"),
    [
        ("absent:1", "linux/amd64", ExitCode.NOT_FOUND, "no such image"),
        ("web:1", "linux/arm64", ExitCode.NOT_FOUND, "linux/amd64"),
    ],
)
def test_what_docker_has_not_is_told(
    docker: Any, read: Any, name: str, platform: str, code: Any, says: str
) -> None:
    docker.images["web:1"] = MadeImage(b"one")
    with pytest.raises(BundlerError) as caught:
        read(name, Platform.parse(platform))
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_cut_answer_leaves_nothing(docker: Any, read: Any, store: Any) -> None:
    docker.images["web:1"] = MadeImage(os.urandom(50_000))
    docker.cut = True
    with pytest.raises(BundlerError) as caught:
        read("web:1")
    assert caught.value.code == ExitCode.NETWORK
    assert not list((store.root / "temp").rglob("image.tar"))


@pytest.mark.parametrize(
    ("host", "code", "says"),
    [
        ("tcp://docker.example:2376", ExitCode.UNSUPPORTED, "another machine"),
        ("unix:///nowhere/docker.sock", ExitCode.NETWORK, "no socket /nowhere/docker.sock"),
    ],
)
def test_without_a_docker_it_is_said(store: Any, host: str, code: Any, says: str) -> None:
    source = LocalSource(Transport.DOCKER_DAEMON, Path(), "web:1")
    with pytest.raises(BundlerError) as caught:
        read_daemon(source, store, AMD64, {"DOCKER_HOST": host})
    assert caught.value.code == code
    assert says in str(caught.value)
    assert str(source) == "docker-daemon:web:1"
