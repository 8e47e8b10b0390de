"""Pulling from a registry that works, fails, lies and stalls."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cache.store import Blob
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryClient
from bundler.builder.oci.model import Silent
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode, Problems
from bundler.core.oci import MAX_MANIFEST
from tests.kits.images import MadeImage, StubRegistry, digest_of, index_of

BIG = b"".join(n.to_bytes(4, "big") for n in range(200_000))  # 800 kB that gzip can't shrink to nothing


def blob_path(repository: Any, data: Any) -> str:
    return f"/v2/{repository}/blobs/{digest_of(data)}"


def stored(store: Any, data: Any) -> Any:
    return b"".join(store.chunks(Blob(Digest.of(data), len(data)), name="x"))


def failure(pull: Any, *names: Any, **options: Any) -> Any:
    with pytest.raises(Problems) as caught:
        pull(*names, **options)
    return caught.value


def test_every_part_arrives_under_its_digest(registry: Any, pull: Any, store: Any) -> None:
    image = MadeImage(b"one", BIG)
    (found,) = pull(registry.put("team/app:1", image))
    assert found.name == f"{registry.host}/team/app:1"
    assert found.root.digest == Digest.parse(image.digest)
    assert found.root.media_type == image.media_type
    assert stored(store, image.manifest) == image.manifest
    assert [part.digest for part in found.blobs] == [
        Digest.of(blob) for blob in (image.config, *image.layers)
    ]
    for blob in (image.config, *image.layers):
        assert stored(store, blob) == blob
    assert found.why == ("test",)


def test_a_warm_cache_needs_no_blob_and_a_digest_no_request(registry: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("app:1", image)
    pull(name)
    registry.seen.clear()
    pull(name)
    assert registry.asked("/blobs/") == []
    assert len(registry.asked("/manifests/1")) == 1
    registry.seen.clear()
    (found,) = pull(f"{registry.host}/app@{image.digest}")
    assert registry.seen == []
    assert str(found.root.digest) == image.digest


def test_offline_a_tag_means_what_it_meant(registry: Any, pull: Any) -> None:
    name = registry.put("app:1", MadeImage(b"one"))
    online = pull(name)
    registry.seen.clear()
    assert pull(name, offline=True) == online
    assert registry.seen == []
    error = failure(pull, f"{registry.host}/app:2", offline=True)
    assert error.code == ExitCode.NOT_FOUND
    assert "offline" in str(error)


def test_a_shared_layer_is_fetched_once(registry: Any, pull: Any) -> None:
    names = [registry.put("app:1", MadeImage(BIG, b"1")), registry.put("app:2", MadeImage(BIG, b"2"))]
    pull(*names)
    shared = MadeImage(BIG).layers[0]
    assert len(registry.asked(digest_of(shared))) == 1


def test_a_list_gives_the_one_image_of_the_platform(registry: Any, pull: Any, store: Any) -> None:
    intel, arm = MadeImage(b"intel"), MadeImage(b"arm", platform="linux/arm64/v8")
    for image in (intel, arm):
        registry.put("app:x", image)
    name = registry.put_index("app:1", index_of(intel, arm))
    (found,) = pull(name, platform="linux/arm64")
    assert str(found.root.digest) == arm.digest
    assert found.manifests == (found.root,)
    assert store.find(Digest.of(intel.config)) is None
    assert registry.asked(intel.digest) == []


@pytest.mark.parametrize("docker", [False, True])
def test_a_name_pinned_to_a_list_keeps_the_list(
    registry: Any, pull: Any, store: Any, *, docker: bool
) -> None:
    image = MadeImage(b"intel", docker=docker)
    other = MadeImage(b"arm", docker=docker, platform="linux/arm64")
    registry.put("app:x", image)
    raw = index_of(other, image, docker=docker)
    registry.put_index("app:1", raw)
    (found,) = pull(f"{registry.host}/app:1@{digest_of(raw)}")
    assert found.root.digest == Digest.of(raw)
    assert [str(part.digest) for part in found.manifests] == [digest_of(raw), image.digest]
    assert stored(store, raw) == raw


def test_a_list_without_the_platform_says_what_there_is(registry: Any, pull: Any) -> None:
    name = registry.put_index("app:1", index_of(MadeImage(b"x", platform="linux/arm64"), MadeImage(b"y")))
    error = failure(pull, name, platform="linux/riscv64")
    assert error.code == ExitCode.NOT_FOUND
    assert "no image for linux/riscv64" in str(error)
    assert "linux/amd64, linux/arm64" in str(error)


def test_an_image_of_another_architecture_never_slips_in(registry: Any, pull: Any) -> None:
    arm = MadeImage(b"arm", platform="linux/arm64")
    plain = registry.put("plain:1", arm)
    mislabelled = json.loads(index_of(arm))
    mislabelled["manifests"][0]["platform"]["architecture"] = "amd64"
    registry.put("lie:x", arm)
    lie = registry.put_index("lie:1", json.dumps(mislabelled).encode())
    for name in (plain, lie):
        error = failure(pull, name)
        assert "its config says that it is built for linux/arm64" in str(error)


def test_all_missing_images_are_named_at_once(registry: Any, pull: Any) -> None:
    good = registry.put("good:1", MadeImage(b"x"))
    error = failure(pull, f"{registry.host}/one:1", good, f"{registry.host}/two:2")
    assert error.code == ExitCode.NOT_FOUND
    assert len(error.problems) == 2
    for part in ("/one:1", "/two:2", "HTTP 404", "manifest unknown", "fix:"):
        assert part in str(error)


@pytest.mark.usefixtures("no_waiting")
def test_a_cut_blob_goes_on_where_it_stopped(registry: Any, pull: Any, store: Any) -> None:
    image = MadeImage(BIG)
    name = registry.put("app:1", image)
    data = image.layers[0]

    def cut(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:100_000])
        handler.wfile.flush()
        handler.close_connection = True

    registry.script(blob_path("app", data), cut)
    pull(name)
    first, second = registry.asked(digest_of(data))
    assert "Range" not in first
    assert second["Range"] == "bytes=100000-"
    assert stored(store, data) == data


@pytest.mark.usefixtures("no_waiting")
def test_a_later_run_goes_on_where_an_earlier_one_gave_up(registry: Any, pull: Any, store: Any) -> None:
    image = MadeImage(BIG)
    name = registry.put("app:1", image)
    data = image.layers[0]

    def cut(handler: Any) -> None:
        begin = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        if begin:
            handler.say(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:100_000])
        handler.close_connection = True

    registry.script(blob_path("app", data), *[cut] * 20)
    assert failure(pull, name).code == ExitCode.NETWORK
    registry.scripts.clear()
    registry.seen.clear()
    pull(name)
    assert registry.asked(digest_of(data))[0]["Range"] == "bytes=100000-"
    assert stored(store, data) == data


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("change", ["flip", "truncate", "extend"])
def test_a_registry_that_lies_about_a_blob_is_refused(
    registry: Any, pull: Any, store: Any, change: str
) -> None:
    image = MadeImage(BIG)
    name = registry.put("app:1", image)
    data = image.layers[0]
    false = {"flip": bytes([data[0] ^ 1]) + data[1:], "truncate": data[:-5], "extend": data + b"more"}[change]
    registry.content[blob_path("app", data)] = ("application/octet-stream", false)
    error = failure(pull, name)
    assert error.code == (ExitCode.NETWORK if change == "truncate" else ExitCode.INTEGRITY)
    assert name in str(error)
    assert store.find(Digest.of(data)) is None


@pytest.mark.usefixtures("no_waiting")
def test_an_endless_body_is_cut_off_at_the_size_that_was_announced(registry: Any, pull: Any) -> None:
    image = MadeImage(b"small")
    name = registry.put("app:1", image)
    written = []

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:  # ends when the client hangs up
            written.append(handler.wfile.write(b"x" * 65536))

    registry.script(blob_path("app", image.layers[0]), endless)
    error = failure(pull, name)
    assert error.code == ExitCode.INTEGRITY
    assert "more than it should" in str(error)
    assert sum(written) < 100 << 20


def test_a_manifest_that_never_ends_is_refused(registry: Any, pull: Any) -> None:
    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:  # ends when the client hangs up
            handler.wfile.write(b" " * 65536)

    registry.script("/v2/app/manifests/1", endless)
    assert str(MAX_MANIFEST) in str(failure(pull, f"{registry.host}/app:1"))


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(registry: Any, pull: Any) -> None:
    image, other = MadeImage(b"one"), MadeImage(b"two")
    registry.put("app:1", image)
    registry.content[f"/v2/app/manifests/{image.digest}"] = (other.media_type, other.manifest)
    error = failure(pull, f"{registry.host}/app@{image.digest}")
    assert error.code == ExitCode.INTEGRITY
    assert other.digest in str(error)


def test_a_registry_that_is_busy_is_asked_again_when_it_says(registry: Any, pull: Any) -> None:
    name = registry.put("app:1", MadeImage(b"x"))
    registry.script("/v2/app/manifests/1", lambda handler: handler.say(429, headers={"Retry-After": "1"}))
    begin = time.monotonic()
    pull(name)
    assert time.monotonic() - begin >= 1.0
    assert len(registry.asked("/manifests/1")) == 2


@pytest.mark.usefixtures("no_waiting")
def test_a_registry_that_stays_busy_ends_the_build(registry: Any, pull: Any) -> None:
    name = registry.put("app:1", MadeImage(b"x"))
    registry.script("/v2/app/manifests/1", *[lambda handler: handler.say(503)] * 50)
    error = failure(pull, name)
    assert error.code == ExitCode.NETWORK
    assert "503" in str(error)
    assert 2 <= len(registry.asked("/manifests/1")) <= 10


def test_the_login_stays_with_its_host_when_a_blob_is_elsewhere(
    registry: Any, pull: Any, tmp_path: Path
) -> None:
    image = MadeImage(b"x")
    name = registry.put("app:1", image)
    with StubRegistry() as elsewhere:
        elsewhere.put("app:1", image)
        challenge = {"WWW-Authenticate": 'Basic realm="x"'}
        for path in list(registry.content):
            registry.script(path, lambda handler: handler.say(401, headers=challenge))
        for data in image.blobs().values():
            path = blob_path("app", data)
            url = f"http://{elsewhere.host}{path}"
            registry.script(path, *[lambda handler, url=url: handler.say(307, headers={"Location": url})])
        pull(name, keychain=_keychain(tmp_path, registry.host))
        assert all("Authorization" in headers for headers in registry.asked("/blobs/"))
        assert len(elsewhere.seen) == 2
        assert all("Authorization" not in headers for _, headers in elsewhere.seen)
        elsewhere.shutdown()


def test_redirects_in_a_circle_end(registry: Any, pull: Any) -> None:
    path = "/v2/app/manifests/1"
    again = {"Location": f"http://{registry.host}{path}"}
    registry.script(path, *[lambda handler: handler.say(302, headers=again)] * 100)
    assert "redirects" in str(failure(pull, f"{registry.host}/app:1"))
    assert len(registry.seen) < 20


def test_a_challenge_behind_a_redirect_gets_no_login(registry: Any, pull: Any, tmp_path: Path) -> None:
    image = MadeImage(b"x")
    name = registry.put("app:1", image)
    with StubRegistry() as thief:
        url = f"http://{thief.host}/steal"
        registry.script("/v2/app/manifests/1", lambda handler: handler.say(307, headers={"Location": url}))
        bearer = {"WWW-Authenticate": f'Bearer realm="http://{thief.host}/token"'}
        thief.script("/steal", lambda handler: handler.say(401, headers=bearer))
        error = failure(pull, name, keychain=_keychain(tmp_path, registry.host))
        assert error.code == ExitCode.TRUST
        assert [path for path, _ in thief.seen] == ["/steal"]
        thief.shutdown()


def _keychain(tmp_path: Path, host: Any) -> Any:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {host: {"auth": "dXNlcjpzZWNyZXQ="}}}))
    return Keychain((path,))


@pytest.mark.usefixtures("no_waiting")
def test_https_never_becomes_http_by_itself(registry: Any, pull: Any) -> None:
    name = registry.put("app:1", MadeImage(b"x"))
    error = failure(pull, name, insecure=frozenset())
    assert error.code == ExitCode.NETWORK
    assert f"--insecure-registry {registry.host}" in str(error)
    assert registry.seen == []


@pytest.mark.usefixtures("no_waiting")
def test_a_registry_that_is_not_there_is_named(pull: Any) -> None:
    error = failure(pull, "127.0.0.1:1/app:1")
    assert error.code == ExitCode.NETWORK
    assert "127.0.0.1:1/app:1" in str(error)


def test_progress_adds_up(registry: Any, pull: Any) -> None:
    image = MadeImage(BIG, b"small")
    told = _Told()
    pull(registry.put("app:1", image), progress=told)
    assert told.expected == (2, sum(map(len, image.layers)))
    assert told.came == sum(map(len, image.layers))
    assert told.open == 0


class _Told(Silent):
    expected, came, open = (0, 0), 0, 0

    def expect(self, count: Any, size: Any) -> None:
        self.expected = (count, size)

    def begin(self, *_: Any) -> None:
        self.open += 1

    def advance(self, _: Any, count: Any) -> None:
        self.came += count

    def end(self, _: Any) -> None:
        self.open -= 1


def test_an_interrupted_pull_stops_at_once_and_goes_on_later(registry: Any, pull: Any, store: Any) -> None:
    image = MadeImage(BIG)
    name = registry.put("app:1", image)
    data = image.layers[0]
    over = threading.Event()

    def stalling(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:100_000])
        handler.wfile.flush()
        over.wait(20)
        handler.close_connection = True

    class Interrupting(_Told):
        def advance(self, _: Any, count: Any) -> None:
            super().advance(_, count)
            if self.came == 100_000:
                os.kill(os.getpid(), signal.SIGINT)

    registry.script(blob_path("app", data), stalling)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pull(name, progress=Interrupting())
    assert time.monotonic() - begin < 10
    over.set()
    pull(name)
    assert stored(store, data) == data


def test_four_blobs_at_a_time(registry: Any, pull: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = MadeImage(*[bytes([n]) * 1000 for n in range(12)])
    name = registry.put("app:1", image)
    running = []
    most = []
    true_blob = RegistryClient.blob

    def counting(*args: Any, **kwargs: Any) -> Any:
        running.append(1)
        most.append(len(running))
        time.sleep(0.02)
        try:
            return true_blob(*args, **kwargs)
        finally:
            running.pop()

    monkeypatch.setattr(RegistryClient, "blob", counting)
    pull(name)
    assert max(most) == 4


def test_a_mirror_is_asked_and_the_name_stays(registry: Any, pull: Any) -> None:
    image = MadeImage(b"x")
    registry.put("hub/library/app:1", image)
    (found,) = pull("app:1", mirrors=Mirrors(images=(("docker.io", f"{registry.host}/hub"),)))
    assert found.name == "docker.io/library/app:1"
    assert {path.split("/")[2] for path, _ in registry.seen} == {"hub"}
    error = failure(pull, "app:2", mirrors=Mirrors(images=(("docker.io", f"{registry.host}/hub"),)))
    assert "docker.io/library/app:2" in str(error)
