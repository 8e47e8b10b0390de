"""Signatures in a real docker-registry, which has no referrers API: cosign's tag and the stand-in tag."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.build import relock
from bundler.builder.build.request import BuildRequest
from bundler.builder.cache.store import Store
from bundler.builder.images.layout import lay_out
from bundler.builder.images.resolve import resolve_images
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.lib.progress import Silent as Quiet
from bundler.builder.lock.model import place
from bundler.builder.lock.text import read
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent
from bundler.core.oci import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Platform
from bundler.core.reference import Reference
from tests.build_kit import built
from tests.kits.images import MadeImage, described, digest_of, layout_files
from tests.kits.run_files import runtime
from tests.real import registry_kit
from tests.real.registry_kit import running, skopeo, write_layout

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]
PAYLOAD = b'{"critical": {}}'


def signature(config: bytes, payload: bytes = PAYLOAD) -> bytes:
    """As cosign writes it: an image manifest whose layer is what was signed, the signature an annotation."""
    layer = described(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": "c2lnbmVk"}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described(config, OCI_CONFIG),
            "layers": [layer],
        }
    ).encode()


def blob(data: bytes) -> str:
    return f"blobs/sha256/{digest_of(data)[7:]}"


def layout(folder: Path, raw: bytes, media_type: str, *blobs: bytes) -> Path:
    """An OCI layout with one entry, `s:1`."""
    entry = {
        **described(raw, media_type),
        "annotations": {"org.opencontainers.image.ref.name": "s:1"},
    }
    files = {blob(data): data for data in (raw, *blobs)}
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return write_layout(folder, files)


def listing(*manifests: bytes) -> bytes:
    entries = [described(raw, OCI_MANIFEST) for raw in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def sign(registry: registry_kit.Registry, folder: Path, base: str, payload: bytes) -> str:
    """Cosign's tag and the stand-in tag, with a signature of this payload alone; its manifest."""
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [digest_of(payload)]}}).encode()
    raw = signature(config, payload)
    signed = layout(folder / f"sig-{payload.hex()}", raw, OCI_MANIFEST, config, payload)
    registry.push(signed, "s:1", f"team/app:{base}.sig", "--preserve-digests")
    index = listing(raw)
    listed = layout(folder / f"list-{payload.hex()}", index, OCI_INDEX, raw, config, payload)
    registry.push(listed, "s:1", f"team/app:{base}", "--preserve-digests", "--all")
    return digest_of(raw)


def test_the_lock_pins_them(tmp_path: Path) -> None:
    image = MadeImage(b"signed")
    base = image.digest.replace(":", "-")
    folder = tmp_path / "shop"
    folder.mkdir()

    def ordered(registry: registry_kit.Registry) -> BuildRequest:
        found = read(place(folder / "Kubefile"))
        locked: dict[str, Any] = {"lock": found[0], "lock_digest": found[1]} if found else {}
        return BuildRequest(
            kubefile=folder / "Kubefile",
            context=folder,
            catalogue=Catalogue(default_catalogue()),
            runtime=tmp_path / "runtime.tar.gz",
            target=tmp_path / "shop.run",
            insecure=frozenset({registry.host}),
            **locked,
        )

    def pulled(registry: registry_kit.Registry, cache: str, **more: Any) -> bytes:
        with Store(tmp_path / cache) as store:
            return built(replace(ordered(registry), **more), store, Quiet()).path.read_bytes()

    runtime(tmp_path / "runtime.tar.gz")
    with running(tmp_path / "registry") as registry:
        registry.push(write_layout(tmp_path / "image", layout_files({"x:1": image})), "x:1", "team/app:1")
        first = sign(registry, tmp_path, base, b"first")
        text = f'FROM scratch\nIMAGE --with-signatures {registry.host}/team/app:1\nCMDS ["true"]\n'
        (folder / "Kubefile").write_text(text)
        with Store(tmp_path / "cache") as store:
            relock.lock([ordered(registry)], store, Quiet())
        (pin,) = ordered(registry).lock.inputs("linux/amd64").images
        assert (pin.signatures, pin.attached) == (True, (f"{base} {first}", f"{base}.sig {first}"))
        before = pulled(registry, "cache", locked=True)

        second = sign(registry, tmp_path, base, b"second")
        assert pulled(registry, "cache", locked=True, offline=True) == before
        assert pulled(registry, "cold", locked=True) == before
        with Store(tmp_path / "cache") as store:
            changes = relock.update([ordered(registry)], ["team/app"], store, Quiet())
        (change,) = changes["linux/amd64"]
        assert all(digest in str(change) for digest in (first, second))
        assert pulled(registry, "cache", locked=True) != before


def test_they_come_along_and_skopeo_reads_them_in_the_layout(tmp_path: Path) -> None:
    image = MadeImage(b"signed")
    base = image.digest.replace(":", "-")
    config = json.dumps(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(PAYLOAD)]},
        }
    ).encode()
    raw = signature(config)
    listing = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [described(raw, OCI_MANIFEST)]}
    ).encode()
    with running(tmp_path / "registry") as registry, Store(tmp_path / "cache") as store:
        registry.push(write_layout(tmp_path / "image", layout_files({"x:1": image})), "x:1", "team/app:1")
        signed = layout(tmp_path / "sig", raw, OCI_MANIFEST, config, PAYLOAD)
        registry.push(signed, "s:1", f"team/app:{base}.sig", "--preserve-digests")
        listed = layout(tmp_path / "list", listing, OCI_INDEX, raw, config, PAYLOAD)
        registry.push(listed, "s:1", f"team/app:{base}", "--preserve-digests", "--all")
        name = f"{registry.host}/team/app"
        found = resolve_images(
            [ImageRequest(Reference.parse(f"{name}:1"), signatures=True)],
            store=store,
            platform=Platform("linux", "amd64"),
            registries=RegistryOptions(frozenset({registry.host}), Keychain()),
            progress=Silent(),
        )
        assert [one.tag for one in found[0].attached] == [base, f"{base}.sig"]
        assert str(found[0].attached[1].root.digest) == digest_of(raw)
        for file in lay_out(found, store).files:
            path = tmp_path / "out" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(store.chunks(file.blob, name=file.path)))
    told = skopeo("inspect", "--raw", f"oci:{tmp_path}/out/images:{name}:{base}.sig")
    assert told.encode() == raw
    stand_in = json.loads(skopeo("inspect", "--raw", f"oci:{tmp_path}/out/images:{name}:{base}"))
    assert [one["digest"] for one in stand_in["manifests"]] == [digest_of(raw)]
