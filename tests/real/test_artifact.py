"""A .run through a real docker-registry and OCI layouts, with skopeo in between; it comes back the same."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bundler.builder.artifact.model import ARTIFACT, EMPTY_CONFIG
from bundler.builder.artifact.runfile import packed
from bundler.builder.artifact.upload import Uploader
from bundler.builder.cli import app as cli
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Bundle
from bundler.core.errors import ExitCode
from bundler.core.oci import OCI_MANIFEST
from tests.kits.run_files import make_run
from tests.kits.servers import content, in_turn, serving, status
from tests.real.image_run_kit import Images, layer, usual, write_run
from tests.real.registry_kit import Registry, login, missing, running, skopeo
from tests.real.token_kit import serving_tokens

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all there"),
]

ROOT = Path(__file__).parents[2]

Call = Callable[..., tuple[int, str, str]]
Requests = list[tuple[str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    (tmp_path / "registries.conf").write_text("")
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    monkeypatch.setenv(
        "XDG_RUNTIME_DIR", str(tmp_path)
    )  # docker-registry would take REGISTRY_AUTH_FILE for its own
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bundler", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A signed .run of four images, which share a layer of 3 MB."""
    path = tmp_path / "demo.run"
    write_run(path, usual(), {"root/bin/tool": os.urandom(600_000), "root/etc/small": b"small\n"})
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sign_file(path, find_signer(str(key), None))
    return path


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(tmp_path / "registry") as started:
        yield started


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """The method and path of each request that is sent."""
    seen: Requests = []
    real = httpx2.Client.send

    def send(self: httpx2.Client, request: httpx2.Request, **more: Any) -> httpx2.Response:
        seen.append((request.method, request.url.path))
        return real(self, request, **more)

    monkeypatch.setattr(httpx2.Client, "send", send)
    return seen


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def hidden(registry: Registry, target: Path) -> Path:
    """Where demo:1 lies while it is pulled to `target`."""
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/demo:1")
    return target.parent / f".{target.name}.{sha256(raw.encode()).hexdigest()[:12]}.part"


def plain(registry: Registry) -> tuple[str, str]:
    return ("--insecure-registry", registry.host)


def test_what_is_pulled_after_skopeo_carried_it_on_is_what_was_pushed(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    code, told, error = call("push", product, f"{registry.host}/acme/demo:1", *plain(registry))
    assert (code, error.count("error")) == (0, 0)
    with running(tmp_path / "second") as second:
        skopeo(
            "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false",
            f"docker://{registry.host}/acme/demo:1", f"docker://{second.host}/site/demo:one",
        )  # fmt: skip
        out = tmp_path / "back.run"
        words = ("--cache", tmp_path / "other", *plain(second))
        assert call("pull", f"{second.host}/site/demo:one", "-o", out, *words)[0] == 0
    assert digest(out) == digest(product)
    assert out.stat().st_mode & 0o111
    with Bundle.open(out) as bundle:
        bundle.check()
        assert bundle.signature() is not None
    manifest = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/acme/demo:1")
    )
    assert manifest["artifactType"] == ARTIFACT
    assert manifest["config"] == EMPTY_CONFIG.to_json()
    assert manifest["annotations"]["vnd.bundler.run.digest"] == f"sha256:{digest(product)}"
    assert str(sum(part["size"] for part in manifest["layers"])) == str(product.stat().st_size)
    assert f"{registry.host}/acme/demo:1@sha256:" in told


def test_the_layers_one_behind_another_are_the_file(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    """With the command that docs/cli-bundler.md has for those who have no bundler."""
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    skopeo(
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        f"docker://{registry.host}/demo:1",
        f"dir:{tmp_path}/shop",
    )
    told = (ROOT / "docs/cli-bundler.md").read_text().splitlines()
    (joining,) = (line for line in told if line.startswith("jq "))
    subprocess.run(["sh", "-euc", joining], cwd=tmp_path, check=True, timeout=60)
    assert digest(tmp_path / "shop.run") == digest(product)


def test_a_second_push_asks_once_and_sends_nothing(
    call: Call, product: Path, registry: Registry, requests: Requests
) -> None:
    words = ("push", product, f"{registry.host}/demo:1", *plain(registry))
    assert call(*words)[0] == 0
    del requests[:]
    code, told, _ = call(*words)
    assert code == 0
    assert "0 parts sent (0 B)" in told
    assert requests == [("HEAD", "/v2/demo/manifests/1")]


def test_the_next_version_sends_and_fetches_only_what_is_new(
    call: Call, registry: Registry, requests: Requests, tmp_path: Path
) -> None:
    images = Images()
    images.image("docker.io/library/web:1", layer("large", os.urandom(2_000_000)))
    write_run(tmp_path / "one.run", images, {"root/note": b"one"})
    write_run(tmp_path / "two.run", images, {"root/note": b"two, which is longer"})
    assert call("push", tmp_path / "one.run", f"{registry.host}/demo:1", *plain(registry))[0] == 0
    other = ("--cache", tmp_path / "other", *plain(registry))
    assert call("pull", f"{registry.host}/demo:1", *other)[0] == 0

    del requests[:]
    assert call("push", tmp_path / "two.run", f"{registry.host}/demo:2", *plain(registry))[0] == 0
    begun = sum(method == "POST" for method, _ in requests)
    words = ("-o", tmp_path / "back.run", "--old", tmp_path / "demo.run")
    code, told, _ = call("pull", f"{registry.host}/demo:2", *words, *other)
    assert code == 0
    assert digest(tmp_path / "back.run") == digest(tmp_path / "two.run")
    manifest = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/demo:2")
    )
    large = [part["digest"] for part in manifest["layers"] if part["size"] > 1_000_000]
    assert len(large) == 1
    assert not any(large[0] in path for method, path in requests if method == "GET")
    assert 0 < begun < len({part["digest"] for part in manifest["layers"]})
    assert "were there" in told

    del requests[:]
    assert (
        call("pull", f"{registry.host}/demo:2", *other)[0] == 0
    )  # in place of the first, whose parts it takes
    assert digest(tmp_path / "demo.run") == digest(tmp_path / "two.run")
    assert not any(large[0] in path for _, path in requests)


def test_a_cut_pull_goes_on_where_it_stopped(
    call: Call, product: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    manifest = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/demo:1")
    )
    largest = max(manifest["layers"], key=lambda part: part["size"])
    data = product.read_bytes()
    place = sum(part["size"] for part in manifest["layers"][: manifest["layers"].index(largest)])
    stop = place + 1_000_000
    while data[stop - 1] == 0:  # a zero byte at the end can't be told from a hole
        stop += 1
    out = tmp_path / "back.run"
    with hidden(registry, out).open("wb") as half:  # as an earlier pull has left it
        half.truncate(len(data))
        half.seek(place)
        half.write(data[place:stop])
    ranges: list[str] = []
    real = httpx2.Client.send

    def send(self: httpx2.Client, request: httpx2.Request, **more: Any) -> httpx2.Response:
        ranges.extend([request.headers["Range"]] if "Range" in request.headers else [])
        return real(self, request, **more)

    monkeypatch.setattr(httpx2.Client, "send", send)
    words = ("--cache", tmp_path / "other", *plain(registry))
    assert call("pull", f"{registry.host}/demo:1", "-o", out, *words)[0] == 0
    assert ranges == [f"bytes={stop - place}-"]
    assert digest(out) == digest(product)
    assert not hidden(registry, out).exists()


def test_what_an_earlier_pull_left_is_not_believed(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    out = tmp_path / "back.run"
    hidden(registry, out).write_bytes(os.urandom(product.stat().st_size))
    (tmp_path / ".back.run.0123456789ab.part").write_bytes(b"of another version")
    words = ("--cache", tmp_path / "other", *plain(registry))
    assert call("pull", f"{registry.host}/demo:1", "-o", out, *words)[0] == 0
    assert digest(out) == digest(product)
    assert [path.name for path in tmp_path.glob(".back.run*")] == []


def pulled_to_disk(registry: Registry, disk: Path, size: int, more: str) -> subprocess.CompletedProcess[str]:
    """Pull demo:1 , target and cache on a disk of this size in a mount namespace; then do `more`."""
    disk.mkdir()
    script = (
        f'mount -t tmpfs -o size={size} none {disk} && cd {disk} && {{ "$@"; code=$?; {more}; exit $code; }}'
    )
    pull = [
        *(sys.executable, "-m", "bundler.builder", "pull", f"{registry.host}/demo:1"),
        *("-o", "back.run", "--cache", "cache", *plain(registry)),
    ]
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *pull],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_pull_needs_room_for_the_file_once(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    """On a disk that has 256 KiB more than the file."""
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    size = product.stat().st_size + (256 << 10)
    done = pulled_to_disk(registry, tmp_path / "disk", size, "sha256sum back.run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[0] == digest(product)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_pull_onto_a_full_disk_says_so_and_goes_on_when_there_is_room(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    disk, whole = tmp_path / "disk", product.stat().st_size + (256 << 10)
    again = f'stat -c %b .back.run.*.part && mount -o remount,size={whole} {disk} && "$@" -q'
    again += " && sha256sum back.run"
    done = pulled_to_disk(registry, disk, product.stat().st_size // 2, again)
    assert done.returncode == ExitCode.SPACE
    assert "the disk is full" in done.stderr
    assert ".back.run." in done.stderr  # the file that has what arrived
    blocks, *_, sum_ = done.stdout.splitlines()
    assert int(blocks) * 512 > product.stat().st_size // 4  # kept, and taken up by the next one
    assert sum_.split()[0] == digest(product)


def test_bundles_for_several_platforms_have_one_name(
    call: Call, registry: Registry, tmp_path: Path, requests: Requests
) -> None:
    runs = [tmp_path / "amd64.run", tmp_path / "arm64.run"]
    for run in runs:
        make_run(run, platform=f"linux/{run.stem}")
    name = f"{registry.host}/demo:1"
    words = ("push", *runs, name, *plain(registry))
    assert call(*words)[0] == 0
    del requests[:]
    assert "0 parts sent" in call(*words)[1]
    assert {method for method, _ in requests} == {"HEAD"}
    for run in runs:
        out = ("-o", tmp_path / "back.run", "--platform", f"linux/{run.stem}")
        assert call("pull", name, *out, *plain(registry))[0] == 0
        assert digest(tmp_path / "back.run") == digest(run)
    code, _, error = call("pull", name, *plain(registry))
    assert (code, "linux/amd64, linux/arm64" in error) == (ExitCode.USAGE, True)
    code, _, error = call("pull", name, "--platform", "linux/s390x", *plain(registry))
    assert (code, "linux/amd64, linux/arm64" in error) == (ExitCode.NOT_FOUND, True)
    assert call("push", runs[0], runs[0], name, *plain(registry))[0] == ExitCode.USAGE
    listed = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}"))
    assert [one["platform"]["architecture"] for one in listed["manifests"]] == ["amd64", "arm64"]


def test_a_pull_that_was_killed_leaves_no_file_and_the_next_one_goes_on(
    call: Call, product: Path, tmp_path: Path
) -> None:
    """kill -9 in the middle of the largest part; what had arrived is not asked for again."""
    with packed(product) as (artifact, parts):
        blobs = {part.digest: b"".join(parts.chunks(part)) for part in artifact.blobs}
    largest = max(blobs, key=lambda one: len(blobs[one]))
    arrived, goes_on = threading.Event(), threading.Event()

    def stalls(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blobs[largest])))
        handler.end_headers()
        handler.wfile.write(blobs[largest][:2_000_000])
        arrived.set()
        goes_on.wait(30)

    with serving() as server:
        place = "/v2/demo"
        server.answers |= {f"{place}/blobs/{one}": content(data) for one, data in blobs.items()}
        server.answers[f"{place}/manifests/1"] = status(200, {"Content-Type": OCI_MANIFEST}, artifact.raw)
        server.answers[f"{place}/blobs/{largest}"] = in_turn(stalls, content(blobs[largest]))
        host = server.base.removeprefix("http://")
        out, cache = tmp_path / "out" / "back.run", tmp_path / "other"
        out.parent.mkdir()
        words = ["pull", f"{host}/demo:1", "-o", str(out), "--cache", str(cache), "--insecure-registry", host]
        child = subprocess.Popen([sys.executable, "-m", "bundler.builder", *words], cwd=ROOT)
        try:
            assert arrived.wait(30)
            (half,) = out.parent.iterdir()
            enough = product.stat().st_size - len(blobs[largest]) + 1_900_000
            deadline = time.monotonic() + 30
            while half.stat().st_blocks * 512 < enough and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait(10)
            goes_on.set()
        assert half.stat().st_blocks * 512 >= enough
        assert half.name.startswith(".back.run.")
        assert call(*words)[0] == 0
        assert list(out.parent.iterdir()) == [out]
        asked = [headers.get("Range", "") for path, headers in server.seen if path.endswith(str(largest))]
    assert len(asked) == 2
    assert int(asked[1].removeprefix("bytes=").removesuffix("-")) >= 1_900_000
    assert digest(out) == digest(product)


def test_a_damaged_part_never_becomes_a_file(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    stored = max(
        (registry.storage / "docker/registry/v2/blobs").rglob("data"), key=lambda p: p.stat().st_size
    )
    with stored.open("r+b") as file:
        file.seek(1000)
        file.write(bytes(64))
    out = tmp_path / "back.run"
    out.write_bytes(b"what was there before")
    words = ("--cache", tmp_path / "other", *plain(registry))
    code, _, error = call("pull", f"{registry.host}/demo:1", "-o", out, *words)
    assert code == ExitCode.INTEGRITY, error
    assert out.read_bytes() == b"what was there before"


def test_a_damaged_file_is_not_pushed(
    call: Call, product: Path, registry: Registry, requests: Requests
) -> None:
    with product.open("r+b") as file:
        file.seek(70_000)
        file.write(b"xx")
    code, _, error = call("push", product, f"{registry.host}/demo:1", *plain(registry))
    assert code == ExitCode.INTEGRITY
    assert "damaged" in error
    assert requests == []


def test_a_file_that_changes_while_it_is_pushed_gets_no_name(
    call: Call, product: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Uploader.manifest_digest

    def altered(self: Uploader, wanted: str = "") -> str:
        with product.open("r+b") as file:
            file.seek(product.stat().st_size // 2)
            file.write(b"changed")
        return real(self, wanted)

    monkeypatch.setattr(Uploader, "manifest_digest", altered)
    code, _, error = call("push", product, f"{registry.host}/demo:1", *plain(registry))
    assert code == ExitCode.INTEGRITY
    assert str(product) in error
    assert httpx2.get(f"http://{registry.host}/v2/demo/manifests/1").status_code == 404


@pytest.mark.parametrize("name", ["layout", "layout.tar"])
def test_layouts_are_read_by_skopeo_and_loaded_again(
    call: Call, product: Path, registry: Registry, tmp_path: Path, name: str
) -> None:
    assert call("save", product, "-o", name)[0] == 0
    assert call("load", name, "-o", "again.run")[0] == 0
    assert digest(tmp_path / "again.run") == digest(product)
    kind = "oci-archive" if name.endswith(".tar") else "oci"
    skopeo(
        "copy", "--quiet", "--dest-tls-verify=false", f"{kind}:{tmp_path / name}",
        f"docker://{registry.host}/carried:1",
    )  # fmt: skip
    assert call("pull", f"{registry.host}/carried:1", "-o", "third.run", *plain(registry))[0] == 0
    assert digest(tmp_path / "third.run") == digest(product)


def test_a_layout_that_skopeo_wrote_is_loaded(
    call: Call, product: Path, registry: Registry, tmp_path: Path
) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    for number in ("1", "2"):
        skopeo(
            "copy", "--quiet", "--src-tls-verify=false", f"docker://{registry.host}/demo:1",
            f"oci:{tmp_path}/both:{number}",
        )  # fmt: skip
    code, _, error = call("load", "both", "nothing", "-o", "again.run")
    assert (code, "'1', '2'" in error) == (ExitCode.NOT_FOUND, True)
    assert call("load", "both", "2", "-o", "again.run")[0] == 0
    assert digest(tmp_path / "again.run") == digest(product)


def test_names(call: Call, product: Path, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/acme/demo:1"
    assert call("tag") == (0, "", "")
    assert call("tag", product, name)[0] == 0
    before = digest(product)
    product.unlink()
    assert call("push", name, *plain(registry))[0] == 0
    assert call("tag", name, "quay.io/acme/demo:2")[0] == 0
    _, told, _ = call("tag")
    assert [line.split()[0] for line in told.splitlines()] == [name, "quay.io/acme/demo:2"]
    assert call("save", "quay.io/acme/demo:2", "-o", "named.tar")[0] == 0
    assert call("load", "named.tar", "quay.io/acme/demo:2", "-o", "back.run")[0] == 0
    assert digest(tmp_path / "back.run") == before
    assert call("tag", "--remove", name)[0] == 0
    assert call("push", name, *plain(registry))[0] == ExitCode.NOT_FOUND
    assert call("tag", "--remove", name)[0] == ExitCode.NOT_FOUND
    assert call("save", name, "-o", "pulled", *plain(registry))[0] == 0  # no longer in the cache: pulled


def test_tokens_and_tls(call: Call, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serving_tokens(tmp_path / "tokens") as tokens,
        running(tokens.folder, tls=True, auth=tokens.auth) as registry,
    ):
        words = ("push", product, f"{registry.host}/demo:1")
        assert call(*words)[0] == ExitCode.TRUST  # the certificate
        monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))
        assert call(*words)[0] == ExitCode.TRUST  # the login
        (tmp_path / "containers").mkdir()
        login(tmp_path / "containers/auth.json", registry.host)
        code, _, error = call(*words)
        assert code == 0, error
        out = tmp_path / "back.run"
        assert call("pull", f"{registry.host}/demo:1", "-o", out, "--cache", tmp_path / "other")[0] == 0
    assert digest(out) == digest(product)


def test_an_image_is_no_bundle(call: Call, registry: Registry, product: Path) -> None:
    assert call("push", product, f"{registry.host}/demo:1", *plain(registry))[0] == 0
    manifest = json.loads(
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/demo:1")
    )
    del manifest["artifactType"]
    headers = {"Content-Type": manifest["mediaType"]}
    url = f"http://{registry.host}/v2/demo/manifests/other"
    assert httpx2.put(url, content=json.dumps(manifest), headers=headers).status_code == 201
    code, _, error = call("pull", f"{registry.host}/demo:other", *plain(registry))
    assert code == ExitCode.UNSUPPORTED
    assert "something else than a bundle" in error


def test_plain_http_is_never_tried_unasked(call: Call, product: Path, registry: Registry) -> None:
    code, _, error = call("push", product, f"{registry.host}/demo:1")
    assert code == ExitCode.NETWORK
    assert "--insecure-registry" in error
