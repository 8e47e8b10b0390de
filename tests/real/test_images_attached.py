"""Signatures in a real docker-registry, which has no referrers API: cosign's tag and the stand-in tag."""

import json

import pytest

from bundler.builder.images.auth import Keychain
from bundler.builder.images.layout import lay_out
from bundler.builder.images.model import ImageRequest, Silent
from bundler.builder.images.registry import RegistryOptions
from bundler.builder.images.resolve import resolve_images
from bundler.builder.store import Store
from bundler.core.oci import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Platform
from bundler.core.reference import Reference
from tests.real import registry_kit
from tests.real.registry_kit import running, skopeo, write_layout
from tests.unit.builder.images.parts import MadeImage, described, digest_of, layout_files

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]
PAYLOAD = b'{"critical": {}}'


def signature(config):
    """As cosign writes it: an image manifest whose layer is what was signed, the signature an annotation."""
    layer = described(PAYLOAD, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": "c2lnbmVk"}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described(config, OCI_CONFIG),
            "layers": [layer],
        }
    ).encode()


def blob(data):
    return f"blobs/sha256/{digest_of(data)[7:]}"


def layout(folder, raw, media_type, *blobs):
    """An OCI layout with one entry, `s:1`."""
    entry = {
        **described(raw, media_type),
        "annotations": {"org.opencontainers.image.ref.name": "s:1"},
    }
    files = {blob(data): data for data in (raw, *blobs)}
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return write_layout(folder, files)


def test_they_come_along_and_skopeo_reads_them_in_the_layout(tmp_path):
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
