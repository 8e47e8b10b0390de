"""push-images into a real docker-registry, with and without TLS and a login; skopeo reads what came."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from bundler.core.archive.bases import opened
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import OCI_INDEX
from bundler.installer.cli.main import main
from bundler.installer.operations.external import fill
from bundler.installer.push.http import Client
from bundler.installer.push.registry import RegistryClient
from bundler.installer.site.model import ExternalRegistry
from tests.real.image_run_kit import Images, layer, usual, write_run
from tests.real.registry_kit import PASSWORD, USER, Registry, login, missing, running, skopeo
from tests.real.token_kit import serving_tokens

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all there"),
    pytest.mark.usefixtures("product"),
]


@pytest.fixture
def images() -> Images:
    return usual()


@pytest.fixture
def product(tmp_path: Path, images: Images, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "demo.run"
    write_run(path, images, {})
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(path))
    return path


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(tmp_path / "registry") as started:
        yield started


def inspect(host: str, name: str, *options: str, certificate: Path | None = None) -> dict[str, object]:
    verify = "--tls-verify=true" if certificate else "--tls-verify=false"
    told = skopeo("inspect", "--raw", verify, *options, f"docker://{host}/{name}", certificate=certificate)
    found: dict[str, object] = json.loads(told)
    return found


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The method and the bytes of each request that follows."""
    sent: list[tuple[str, int]] = []
    real = Client.send

    def send(self: Client, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> object:
        sent.append((method, int(headers.get("Content-Length", 0)) or (len(body) if body else 0)))
        return real(self, method, url, headers, body)

    monkeypatch.setattr(Client, "send", send)
    return sent


def test_a_list_that_is_whole_comes_with_every_manifest(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = Images()
    image = images.image("quay.io/acme/one:1", layer("one", b"one"), listed=1)
    write_run(tmp_path / "list.run", images, {})
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "list.run"))
    assert main(["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]) == ExitCode.OK
    assert inspect(registry.host, f"quay.io/acme/one@{image.manifests[1]}")["schemaVersion"] == 2
    assert inspect(registry.host, "quay.io/acme/one:1")["mediaType"] == image.media_type


def test_images_keep_their_registry_in_their_name_and_digest(
    images: Images, registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["push-images", "--allow-unsigned", f"{registry.host}/mirror", "--insecure-registry"])
        == ExitCode.OK
    )
    told = capsys.readouterr().err
    assert "4 images pushed, 0 there already; blobs: 9 sent" in told
    assert "1 mounted" in told  # the layer that two share; nine others, configs among them
    for name in ("docker.io/library/web:1", "quay.io/acme/db:2.0", "localhost-5000/old:3"):
        assert inspect(registry.host, f"mirror/{name}")["schemaVersion"] == 2
    (web, _, old, many) = images.images
    assert inspect(registry.host, f"mirror/docker.io/library/web@{web.digest}")
    assert inspect(registry.host, f"mirror/localhost-5000/old@{old.digest}")["mediaType"] == old.media_type
    assert "the registry takes no list with platforms that aren't there" in told
    assert inspect(registry.host, f"mirror/registry.k8s.io/many@{many.manifests[1]}")
    skopeo(
        "copy", "--quiet", "--src-tls-verify=false",
        f"docker://{registry.host}/mirror/quay.io/acme/db:2.0", f"dir:{tmp_path}/db",
    )  # fmt: skip


def test_a_second_push_sends_nothing(
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]
    assert main(words) == ExitCode.OK
    sent = counted(monkeypatch)
    capsys.readouterr()
    assert main(words) == ExitCode.OK
    assert sent == [("HEAD", 0)] * 4
    assert "no image pushed, 4 there already; blobs: 0 sent (0 B), 0 mounted" in capsys.readouterr().err


def test_a_lost_tag_needs_its_manifest_only(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]
    assert main(words) == ExitCode.OK
    tags = registry.storage / "docker/registry/v2/repositories/docker.io/library/web/_manifests/tags"
    (tags / "1/current/link").unlink()
    sent = counted(monkeypatch)
    assert main(words) == ExitCode.OK
    assert [method for method, size in sent if method != "HEAD"] == ["PUT"]
    assert sum(size for _, size in sent) < 10_000


@pytest.fixture
def signed(product: Path, images: Images) -> tuple[str, bytes, bytes]:
    """The product, its first image signed: the stand-in tag, cosign's manifest and the one that refers."""
    (web, *_) = images.images
    signature, attestation = images.sign(web, b"signed")
    product.unlink()
    write_run(product, images, {})
    return f"sha256-{web.digest.hex}", signature, attestation


def raw(host: str, name: str) -> str:
    return skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/{name}")


def test_signatures_go_along_and_a_second_push_sends_nothing(
    signed: tuple[str, bytes, bytes],
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """docker-registry has no referrers API: what refers to an image is listed under the stand-in tag."""
    tag, signature, attestation = signed
    words = ["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]
    assert main([*words, "--without-signatures"]) == ExitCode.OK
    assert "signatures" not in capsys.readouterr().err
    assert main(words) == ExitCode.OK
    assert "2 signatures and the like pushed, 0 were there" in capsys.readouterr().err
    assert raw(registry.host, f"docker.io/library/web:{tag}.sig").encode() == signature
    listed = json.loads(raw(registry.host, f"docker.io/library/web:{tag}"))
    assert [one["digest"] for one in listed["manifests"]] == [str(Digest.of(attestation))]
    assert raw(registry.host, f"docker.io/library/web@{Digest.of(attestation)}").encode() == attestation
    sent = counted(monkeypatch)
    assert main(words) == ExitCode.OK
    assert "0 signatures and the like pushed, 2 were there" in capsys.readouterr().err
    assert {method for method, _ in sent} <= {"HEAD", "GET"}
    assert sum(size for _, size in sent) == 0


def test_what_else_the_stand_in_tag_lists_stays(
    signed: tuple[str, bytes, bytes], images: Images, registry: Registry
) -> None:
    """The customer's own scan report refers to the image, too."""
    tag, _, attestation = signed
    words = ["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]
    assert main([*words, "--without-signatures"]) == ExitCode.OK
    (web, *_) = images.images
    own = {"mediaType": web.media_type, "digest": str(web.digest), "size": web.size}
    listed = [{**own, "artifactType": "application/x-scan"}]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    url = f"http://{registry.host}/v2/docker.io/library/web/manifests/{tag}"
    answer = httpx2.put(url, content=json.dumps(index), headers={"Content-Type": OCI_INDEX})
    assert answer.status_code == 201
    assert main(words) == ExitCode.OK
    listed = json.loads(raw(registry.host, f"docker.io/library/web:{tag}"))["manifests"]
    assert [one["digest"] for one in listed] == [own["digest"], str(Digest.of(attestation))]
    assert listed[0]["artifactType"] == "application/x-scan"


def test_names_without_their_registry(registry: Registry) -> None:
    assert (
        main(["push-images", "--allow-unsigned", registry.host, "--insecure-registry", "--flatten"])
        == ExitCode.OK
    )
    assert inspect(registry.host, "library/web:1")
    assert inspect(registry.host, "acme/db:2.0")


def test_two_images_never_get_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = Images()
    images.image("docker.io/a/b:1", layer("x", b"x"))
    images.image("quay.io/a/b:1", layer("y", b"y"))
    write_run(tmp_path / "demo.run", images, {})
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "demo.run"))
    assert main(["push-images", "--allow-unsigned", "127.0.0.1:1", "--flatten"]) == ExitCode.INPUT
    assert "docker.io/a/b:1 and quay.io/a/b:1" in capsys.readouterr().err


def test_tls_and_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    with running(tmp_path / "tls", tls=True, password=True) as registry:
        words = ["push-images", "--allow-unsigned", registry.host]
        assert main(words) == ExitCode.TRUST
        assert "certificate isn't trusted" in capsys.readouterr().err
        words += ["--ca", str(registry.certificate)]
        assert main(words) == ExitCode.TRUST
        assert "requires a user name and password" in capsys.readouterr().err
        words += ["--username", USER]
        assert main(words) == ExitCode.USAGE
        monkeypatch.setenv("BUNDLER_REGISTRY_PASSWORD", "wrong")
        assert main(words) == ExitCode.TRUST
        assert "wrong" not in capsys.readouterr().err.replace("wrong login", "")
        assert main([*words, "--password-file", str(secret)]) == ExitCode.OK
        options = ("--authfile", str(login(tmp_path / "auth.json", registry.host)))
        assert inspect(registry.host, "docker.io/library/web:1", *options, certificate=registry.certificate)


def test_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A registry that sends its clients to a token server."""
    with (
        serving_tokens(tmp_path / "tokens") as tokens,
        running(tokens.folder, tls=True, auth=tokens.auth) as registry,
    ):
        words = ["push-images", "--allow-unsigned", registry.host, "--ca", str(registry.certificate)]
        assert main(words) == ExitCode.TRUST  # a token is given to anybody, but the right to push isn't
        monkeypatch.setenv("BUNDLER_REGISTRY_PASSWORD", PASSWORD)
        words += ["--username", USER]
        assert main(words) == ExitCode.OK
        assert "4 images pushed" in capsys.readouterr().err
        assert main(words) == ExitCode.OK
        assert "no image pushed, 4 there already" in capsys.readouterr().err
        assert {each["scope"].rpartition(":")[2] for each in tokens.asked} <= {"pull,push", "pull"}


def test_plain_http_is_never_tried_unasked(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bundler.installer.push.registry.PAUSE", 0.0)
    assert main(["push-images", "--allow-unsigned", registry.host]) == ExitCode.NETWORK
    assert "--insecure-registry" in capsys.readouterr().err


def test_a_damaged_layer_never_becomes_a_blob(product: Path, images: Images, registry: Registry) -> None:
    data = product.read_bytes()
    large = max(images.blobs.values(), key=len)
    place = data.index(large[1_000_000:1_000_064])
    with product.open("r+b") as file:
        file.seek(place)
        file.write(bytes(64))
    assert (
        main(["push-images", "--allow-unsigned", registry.host, "--insecure-registry"]) == ExitCode.INTEGRITY
    )
    stored = registry.storage / "docker/registry/v2/blobs/sha256"
    names = {path.parent.name for path in stored.rglob("data")}
    assert not any(digest.hex in names for digest, blob in images.blobs.items() if blob == large)


@pytest.mark.parametrize("where", ["https://x", "", "a b", "x/UPPER", "-x"])
def test_what_is_no_registry_is_told(where: str) -> None:
    assert main(["push-images", "--allow-unsigned", "--", where]) == ExitCode.USAGE


def test_a_sites_external_registry_is_filled_and_every_digest_checked(
    product: Path, images: Images, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain, _, port = registry.host.partition(":")
    external = ExternalRegistry(domain, int(port), prefix="site")
    said: list[str] = []
    with opened(product, ()) as bundle:
        fill(bundle, external, said.append, plain=True)
        assert said[-1] == f"{registry.host}: {len(images.images)} images pushed, 0 there already"
        fill(bundle, external, said.append, plain=True)
        assert said[-1] == f"{registry.host}: no image pushed, {len(images.images)} there already"
        real = RegistryClient.manifest_digest
        names: list[str] = []

        def other(self: RegistryClient, repository: str, wanted: str) -> str:
            """Right when push asks; another one afterwards."""
            names.append(repository)
            return real(self, repository, wanted) if len(names) <= len(images.images) else "sha256:0"

        monkeypatch.setattr(RegistryClient, "manifest_digest", other)
        with pytest.raises(BundlerError, match="another digest") as caught:
            fill(bundle, external, said.append, plain=True)
    assert caught.value.code is ExitCode.INTEGRITY
