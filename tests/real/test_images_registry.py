"""Images out of a real docker-registry that skopeo filled, and into a layout that skopeo reads."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.images.layout import Layout, lay_out
from bundler.builder.images.local import read_local
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, LocalSource, ResolvedImage, Silent, Transport
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode, Problems
from bundler.core.oci import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Platform
from bundler.core.reference import Reference
from tests.kits.images import MadeImage, digest_of, index_of, layout_files
from tests.kits.registry_fixtures import Pull
from tests.real import registry_kit
from tests.real.registry_kit import login, running, skopeo, write_layout

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]


Push = Callable[..., str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry_kit.Registry]:
    with running(tmp_path_factory.mktemp("registry"), tls=True, password=True) as registry:
        yield registry


@pytest.fixture
def authfile(tmp_path: Path, registry: registry_kit.Registry) -> Path:
    return login(tmp_path / "auth.json", registry.host)


@pytest.fixture
def push(registry: registry_kit.Registry, tmp_path: Path, authfile: Path) -> Push:
    """Put an image into the registry; `docker` has skopeo turn it into Docker's format on the way."""

    def push(name: str, image: MadeImage, *, docker: bool = False) -> str:
        layout = write_layout(
            tmp_path / f"layout-{name.replace(':', '-').replace('/', '-')}", layout_files({"x:1": image})
        )
        kind = ["--format", "v2s2"] if docker else []
        registry.push(layout, "x:1", name, "--dest-authfile", str(authfile), *kind)
        return f"{registry.host}/{name}"

    return push


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as store:
        yield store


@pytest.fixture
def pull(
    registry: registry_kit.Registry, store: Store, authfile: Path, monkeypatch: pytest.MonkeyPatch
) -> Pull:
    monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))

    def pull(
        *names: str, platform: str = "linux/amd64", keychain: Keychain | None = None
    ) -> tuple[ResolvedImage, ...]:
        return resolve_images(
            [ImageRequest(Reference.parse(name), ("test",)) for name in names],
            store=store,
            platform=Platform.parse(platform),
            registries=RegistryOptions(keychain=keychain or Keychain((authfile,))),
            progress=Silent(),
        )

    return pull


def written(layout: Layout, store: Store, folder: Path) -> Path:
    """The layout as `zstd -d | tar x` would leave it."""
    for file in layout.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(store.chunks(file.blob, name=file.path)))
    return folder / "images"


@pytest.mark.parametrize(("docker", "media_type"), [(False, OCI_MANIFEST), (True, DOCKER_MANIFEST)])
def test_from_registry_to_layout_and_back_through_skopeo(
    push: Push, pull: Pull, store: Store, tmp_path: Path, *, docker: bool, media_type: str
) -> None:
    image = MadeImage(os.urandom(300_000), b"small")
    name = push("team/app:1", image, docker=docker)
    (found,) = pull(name)
    assert found.root.media_type == media_type
    images = written(lay_out((found,), store), store, tmp_path / "out")
    told = json.loads(skopeo("inspect", f"oci:{images}:{name}"))
    assert told["Layers"] == [digest_of(layer) for layer in image.layers]
    assert told["Architecture"] == "amd64"
    copy = tmp_path / "copy"
    skopeo("copy", "--quiet", f"oci:{images}:{name}", f"dir:{copy}")
    assert Digest.of((copy / "manifest.json").read_bytes()) == found.root.digest


def test_the_digest_is_the_one_that_skopeo_sees(
    push: Push, pull: Pull, registry: registry_kit.Registry, authfile: Path
) -> None:
    name = push("team/seen:1", MadeImage(b"seen"), docker=True)
    (found,) = pull(name)
    raw = skopeo(
        "inspect", "--raw", "--authfile", str(authfile), f"docker://{name}", certificate=registry.certificate
    )
    assert Digest.of(raw.encode()) == found.root.digest


def test_a_pinned_list_is_served_from_the_layout(
    registry: registry_kit.Registry, pull: Pull, store: Store, tmp_path: Path, authfile: Path
) -> None:
    intel, arm = MadeImage(b"intel"), MadeImage(b"arm", platform="linux/arm64")
    files = layout_files({"a:1": intel, "b:1": arm})
    raw = index_of(intel, arm)
    files[f"blobs/sha256/{digest_of(raw)[7:]}"] = raw
    note = {"org.opencontainers.image.ref.name": "both:1"}
    entry = {"mediaType": OCI_INDEX, "digest": digest_of(raw), "size": len(raw), "annotations": note}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    layout = write_layout(tmp_path / "both", files)
    registry.push(layout, "both:1", "team/both:1", "--all", "--dest-authfile", str(authfile))
    pinned = f"{registry.host}/team/both:1@{digest_of(raw)}"
    found = pull(pinned, f"{registry.host}/team/both:1")
    assert [str(image.root.digest) for image in found] == [intel.digest, digest_of(raw)]
    images = written(lay_out(found, store), store, tmp_path / "out")
    for name in (pinned, f"{registry.host}/team/both:1"):
        assert json.loads(skopeo("inspect", f"oci:{images}:{name}"))["Architecture"] == "amd64"
    assert store.find(Digest.of(arm.config)) is None


def test_docker_save_through_skopeo(store: Store, tmp_path: Path) -> None:
    image = MadeImage(os.urandom(200_000))
    layout = write_layout(tmp_path / "layout", layout_files({"x:1": image}))
    archive = tmp_path / "saved.tar"
    skopeo("copy", "--quiet", f"oci:{layout}:x:1", f"docker-archive:{archive}:quay.io/team/saved:1")
    found = read_local(LocalSource(Transport.DOCKER_ARCHIVE, archive), store, Platform("linux", "amd64"))
    assert [one.name for one in found] == ["quay.io/team/saved:1"]
    assert [str(part.digest) for part in found[0].blobs[1:]] == [digest_of(tar) for tar in image.tars]
    images = written(lay_out(found, store), store, tmp_path / "out")
    skopeo("copy", "--quiet", f"oci:{images}:quay.io/team/saved:1", f"dir:{tmp_path / 'copy'}")


def test_a_wrong_password_is_told(
    push: Push, pull: Pull, registry: registry_kit.Registry, tmp_path: Path
) -> None:
    name = push("team/private:1", MadeImage(b"private"))
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"auths": {registry.host: {"auth": "cm9ib3Q6d3Jvbmc="}}}))
    for keychain in (Keychain((path,)), Keychain((tmp_path / "absent",))):
        with pytest.raises(Problems) as caught:
            pull(name, keychain=keychain)
        assert caught.value.code == ExitCode.TRUST
        assert f"skopeo login {registry.host}" in str(caught.value)


def test_an_untrusted_certificate_is_never_accepted(
    push: Push, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = push("team/app:2", MadeImage(b"x"))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Problems) as caught:
        pull(name)
    assert caught.value.code == ExitCode.TRUST
    assert "certificate" in str(caught.value)


def test_what_the_registry_lacks_is_told_in_its_words(
    push: Push, pull: Pull, registry: registry_kit.Registry
) -> None:
    push("team/app:3", MadeImage(b"x"))
    with pytest.raises(Problems) as caught:
        pull(f"{registry.host}/team/app:absent", f"{registry.host}/team/nothing:1")
    assert caught.value.code == ExitCode.NOT_FOUND
    assert str(caught.value).count("manifest unknown") == 2
