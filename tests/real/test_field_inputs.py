"""Inputs made after public bug reports, through the real command: images, networks, deltas."""

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.lib.progress import Silent
from bundler.builder.net.http import LONGEST_WAIT
from bundler.builder.net.proxies import proxy_of
from bundler.builder.stage.waiting import told_at_times
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.command import ROOT, Said, bundler, case
from tests.kits.images import MadeImage, StubRegistry, described, index_of
from tests.kits.registry_fixtures import Pull

pytestmark = pytest.mark.real

INDEX = "application/vnd.oci.image.index.v1+json"


def index(*entries: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}).encode()


def runtime(folder: Path) -> Path:
    path = folder / "runtime.tar.gz"
    path.write_bytes(gzip.compress(bytes(10240), mtime=0))
    return path


def test_an_index_without_platforms_asks_the_configs(registry: StubRegistry, pull: Pull) -> None:
    arm, amd = MadeImage(b"arm", platform="linux/arm64"), MadeImage(b"amd")
    for number, image in enumerate((arm, amd)):
        registry.put(f"t/att:{number}", image)
    name = registry.put_index(
        "t/att:noplat", index(*(described(i.manifest, i.media_type) for i in (arm, amd)))
    )
    (found,) = pull(name)
    assert str(found.root.digest) == amd.digest
    with pytest.raises(BundlerError, match="linux/amd64, linux/arm64") as caught:
        pull(name, platform="linux/riscv64")
    assert caught.value.code is ExitCode.NOT_FOUND


def test_an_index_in_an_index_leads_to_its_images(registry: StubRegistry, pull: Pull) -> None:
    image = MadeImage(b"amd")
    registry.put("t/att:x", image)
    inner = index_of(MadeImage(b"arm", platform="linux/arm64"), image)
    registry.put_index("t/att:inner", inner)
    name = registry.put_index("t/att:outer", index(described(inner, INDEX)))
    (found,) = pull(name)
    assert str(found.root.digest) == image.digest
    (pinned,) = pull(f"{name.rpartition(':')[0]}@{found.top}")
    kinds = [one.media_type for one in pinned.manifests]
    assert kinds == [INDEX, INDEX, image.media_type]  # what a site's registry must serve, top first


def test_indexes_in_indexes_and_manifests_without_platforms_are_bounded(
    registry: StubRegistry, pull: Pull
) -> None:
    image = MadeImage(b"arm", platform="linux/arm64")
    registry.put("deep:x", image)
    raw = index_of(image)
    for number in range(8):
        registry.put_index(f"deep:{number}", raw)
        raw = index(*[described(raw, INDEX)] * 3)
    name = registry.put_index("deep:top", raw)
    with pytest.raises(BundlerError) as caught:
        pull(name)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert len(registry.seen) < 60


def test_one_name_for_two_images_in_one_archive_is_refused(tmp_path: Path) -> None:
    said = bundler(case("archive-name-twice-inside", tmp_path), "lock", ".", cache=tmp_path / "cache")
    assert said.code == ExitCode.INPUT
    assert "two different images have one name in it (the name is docker.io/acme/arch:1)" in said.text


@pytest.fixture
def hub(tmp_path: Path, registry: StubRegistry) -> dict[str, Any]:
    """A registries.conf that leads docker.io to the stub registry."""
    for name in ("web:1.0", "db:1.0"):
        registry.put(f"docker.io/acme/{name}", MadeImage(name.encode()))
    conf = tmp_path / "registries.conf"
    conf.write_text(
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry.host}/docker.io"\ninsecure = true\n'
    )
    return {"CONTAINERS_REGISTRIES_CONF": str(conf)}


def test_the_mark_at_a_files_start_is_dropped(tmp_path: Path, hub: dict[str, Any]) -> None:
    folder = case("bom-imagelist", tmp_path)
    said = bundler(folder, "lock", ".", cache=tmp_path / "cache", **hub)
    assert said.code == 0, said.text
    assert "docker.io/acme/db:1.0" in (folder / "Kubefile.lock").read_text()


def test_a_bundle_without_kubernetes_says_that_it_is_an_app_bundle(
    tmp_path: Path, hub: dict[str, Any]
) -> None:
    folder = case("no-kubernetes-in-it", tmp_path)
    words = ("make", ".", "-o", "x.run", "--runtime", runtime(tmp_path))
    said = bundler(folder, *words, cache=tmp_path / "cache", **hub)
    assert said.code == 0, said.text
    assert "an app bundle: it installs no Kubernetes, so no site can apply it as it is" in said.out
    assert "with a Kubernetes of its own: FROM kubernetes" in said.out


def test_dockers_ignore_file_counts_where_there_is_no_other(tmp_path: Path) -> None:
    folder = case("dockerignore-only", tmp_path)
    make = ("make", ".", "-o", "x.run", "--runtime", runtime(tmp_path))
    said = bundler(folder, *make, cache=tmp_path / "cache")
    assert (said.code, "note: .dockerignore says what is left out of" in said.err) == (0, True), said.text
    shown = bundler(folder, "inspect", "x.run", cache=tmp_path / "cache").out
    assert ("root/a.txt" in shown, "secret" in shown) == (True, False)
    (folder / "x.run").unlink()
    (folder / ".kubeignore").write_text("a.txt\n")
    assert ".dockerignore says" not in bundler(folder, *make, cache=tmp_path / "cache").err
    shown = bundler(folder, "inspect", "x.run", cache=tmp_path / "cache").out
    assert ("root/a.txt" in shown, "secret" in shown) == (False, True)


def test_a_delta_says_what_it_rests_on(tmp_path: Path) -> None:
    folder = case("delta-says-nothing", tmp_path)
    make = ("make", ".", "--runtime", runtime(tmp_path), "-q", "-o")
    assert bundler(folder, *make, "one.run", cache=tmp_path / "cache").code == 0
    (folder / "a").write_text("2\n")
    kubefile = folder / "Kubefile"
    kubefile.write_text(kubefile.read_text().replace("version=1", "version=2"))
    said = bundler(folder, *make, "two.run", "--base", "one.run", cache=tmp_path / "cache")
    assert said.code == 0, said.text
    seal = subprocess.run(
        ["sh", "-c", "tail -c 8192 one.run | head -c 4096 | tr -d '\\000' | sha256sum"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=30,
    ).stdout.split()[0]  # fmt: skip
    base = f"x 1, seal sha256:{seal}"
    for words in (["sh", "two.run", "--info"], ["sh", "two.run", "--list"]):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, timeout=30)
        assert f"rests on{':' if '--info' in words else ''} {base}" in done.stdout
    shown = bundler(folder, "inspect", "two.run", cache=tmp_path / "cache").out
    assert f"rests on: {base}\n" in shown
    assert "rests on" not in bundler(folder, "inspect", "one.run", cache=tmp_path / "cache").out


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def lock_through(tmp_path: Path, image: str, **environment: Any) -> Said:
    folder = tmp_path / "ctx"
    folder.mkdir()
    (folder / "Kubefile").write_text(f"FROM scratch\nIMAGE {image}\n")
    return bundler(folder, "lock", ".", cache=tmp_path / "cache", **environment)


def test_a_dead_proxy_is_named_without_its_password(tmp_path: Path) -> None:
    port = closed_port()
    said = lock_through(tmp_path, "localhost:5057/plain/app:1", HTTPS_PROXY=f"http://me:pw@127.0.0.1:{port}")
    assert said.code == ExitCode.NETWORK
    assert f"asked through the proxy 127.0.0.1:{port} (HTTPS_PROXY)" in said.text
    assert "pw@" not in said.text


def test_a_proxy_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    said = lock_through(tmp_path, "localhost:5057/plain/app:1", ALL_PROXY="socks4://127.0.0.1:9")
    assert said.code == ExitCode.UNSUPPORTED
    assert "ALL_PROXY=socks4://127.0.0.1:9" in said.text


def test_a_socks_proxy_is_used(tmp_path: Path) -> None:
    """A proxy of RFC 1928 without login, which resolves names itself and lets nobody through."""
    asked = set()

    def serve(listening: socket.socket) -> None:
        for _ in range(10):
            client, _ = listening.accept()
            with client:
                client.recv(client.recv(2)[1])
                client.sendall(b"\x05\x00")
                assert client.recv(4) == b"\x05\x01\x00\x03"  # connect, to a name
                host = client.recv(client.recv(1)[0])
                asked.add((host, int.from_bytes(client.recv(2), "big")))
                client.sendall(b"\x05\x01\x00\x01" + bytes(6))  # a general failure

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        port = listening.getsockname()[1]
        said = lock_through(
            tmp_path, "registry.invalid:5057/a/app:1", ALL_PROXY=f"socks5h://127.0.0.1:{port}"
        )
    assert said.code == ExitCode.NETWORK
    assert f"socks5h://127.0.0.1:{port} (ALL_PROXY)" in said.text
    assert asked == {(b"registry.invalid", 5057)}


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://a/b", ""),
        ({"https_proxy": "p:1"}, "https://a/b", "p:1 (HTTPS_PROXY)"),
        ({"https_proxy": "p:1"}, "http://a/b", ""),
        ({"all_proxy": "socks5://u:p@p:1"}, "http://a/b", "socks5://p:1 (ALL_PROXY)"),
        ({"https_proxy": "p:1", "no_proxy": "a"}, "https://a/b", ""),
    ],
)
def test_which_proxy_a_request_takes(
    environment: dict[str, str], url: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelled in (name, name.upper()):
            monkeypatch.delenv(spelled, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == proxy


def test_a_registry_that_asks_for_a_long_wait_is_not_waited_for(registry: StubRegistry, pull: Pull) -> None:
    wait = int(LONGEST_WAIT) + 1
    name = registry.put("app:1", MadeImage(b"x"))
    registry.script(
        "/v2/app/manifests/1", lambda handler: handler.say(429, headers={"Retry-After": str(wait)})
    )
    with pytest.raises(BundlerError, match=f"asks to come again in {wait} s") as caught:
        pull(name)
    assert caught.value.code is ExitCode.NETWORK
    assert f"run it again in {wait} s" in str(caught.value)
    assert len(registry.asked("/manifests/1")) == 1


def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    """As cron and units of systemd start programs."""
    folder = case("title-with-blank", tmp_path)
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m bundler.builder lint . >&-', sys.executable],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def test_a_long_command_says_what_it_is_at() -> None:
    heard = Heard()
    with told_at_times("Kubefile:2:1: RUN make", heard, every=0.05) as line:
        time.sleep(0.12)
        line("compiling a.c")
        line("   ")
        time.sleep(0.12)
    count = len(heard.said)
    assert "RUN make: running for 0 s; it has written nothing so far" in heard.said[0]
    assert heard.said[-1].endswith("last line: compiling a.c")
    time.sleep(0.12)
    assert len(heard.said) == count
