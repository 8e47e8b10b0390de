"""A .run with real images of several kinds, a chart and packages, for what hands them out."""

import gzip
import io
import json
import os
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bundler.builder.runtime.freeze import stub_template
from bundler.core.archive import BundleWriter
from bundler.core.digest import Digest
from bundler.core.index import Attached, Image, Index
from bundler.core.oci import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
)
from tests.kits.run_files import index as plain_index
from tests.kits.run_files import runtime

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CHART = "root/application/apps/web"
CHART_FILES = {
    f"{CHART}/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.2.3\ndescription: a web\n",
    f"{CHART}/templates/config.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n",
    f"{CHART}/values.yaml": b"a: 1\n",
}


@dataclass(slots=True)
class Images:
    """Blobs by digest and images, as an OCI layout has them."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)

    def put(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.blobs[digest] = data
        return digest

    def descriptor(self, data: bytes, media_type: str, **more: Any) -> dict[str, object]:
        return {"mediaType": media_type, "digest": str(self.put(data)), "size": len(data), **more}

    def image(self, name: str, *layers: bytes, docker: bool = False, listed: int = 0) -> Image:
        """An image; with `listed`, one in an index of that many platforms of which only the first is here."""
        packed = [gzip.compress(layer, mtime=0) for layer in layers] if docker else list(layers)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]},
            }
        ).encode()
        kinds = (
            (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
            if docker
            else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
        )
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds[0],
            "config": self.descriptor(config, kinds[1]),
            "layers": [self.descriptor(layer, kinds[2]) for layer in packed],
        }
        top, media_type = json.dumps(manifest).encode(), kinds[0]
        manifests = [self.put(top)]
        if listed:
            here = self.descriptor(top, kinds[0], platform={"os": "linux", "architecture": "amd64"})
            others = [
                {
                    **here,
                    "digest": str(Digest.of(bytes([n]))),
                    "platform": {"os": "linux", "architecture": f"x{n}"},
                }
                for n in range(1, listed)
            ]
            top = json.dumps(
                {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [here, *others]}
            ).encode()
            media_type = OCI_INDEX
            manifests.insert(0, self.put(top))
        blobs = (Digest.of(config), *(Digest.of(layer) for layer in packed))
        made = Image(name, Digest.of(top), media_type, len(top), tuple(manifests), blobs)
        self.images.append(made)
        return made

    def sign(self, image: Image, payload: bytes) -> tuple[bytes, bytes]:
        """Give an image a signature as cosign has it, and one that refers to it; the two manifests."""
        base = f"sha256-{image.digest.hex}"
        kind = "application/vnd.dev.cosign.simplesigning.v1+json"
        subject = {"mediaType": image.media_type, "digest": str(image.digest), "size": image.size}
        refers = {"artifactType": "application/x-attestation", "subject": subject}
        manifests, contents = [], [payload, payload + b" attested"]
        for content, more in zip(contents, ({}, refers), strict=True):
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": self.descriptor(b"{}", OCI_CONFIG),
                "layers": [self.descriptor(content, kind)],
                "annotations": {"made": "here"},
                **more,
            }
            manifests.append(json.dumps(document).encode())
        signature, attestation = manifests
        entry = self.descriptor(attestation, OCI_MANIFEST, artifactType="application/x-attestation")
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        blobs = [(Digest.of(b"{}"), Digest.of(content)) for content in contents]
        signed = replace(
            image,
            attached=(
                Attached(base, self.put(index), (self.put(index), self.put(attestation)), blobs[1]),
                Attached(f"{base}.sig", self.put(signature), (self.put(signature),), blobs[0]),
            ),
        )
        self.images[self.images.index(image)] = signed
        return signature, attestation


def layer(name: str, data: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def usual() -> Images:
    """Four images: two that share a large layer, one of Docker's kind, one in a list."""
    images = Images()
    shared = layer("shared", os.urandom(3_000_000))
    images.image("docker.io/library/web:1", shared, layer("web", b"web"))
    images.image("quay.io/acme/db:2.0", shared, layer("db", b"d" * 400_000))
    images.image("localhost:5000/old:3", layer("old", b"old"), docker=True)
    images.image("registry.k8s.io/many:4", layer("many", b"many"), listed=3)
    return images


def write_run(target: Path, images: Images, files: dict[str, bytes], *, frozen: Path | None = None) -> None:
    """The bundle of these images and files; `frozen` takes the place of the stand-in for the installer."""
    described = plain_index("linux/amd64")
    values = {name: getattr(described, name) for name in Index.__slots__ if not name.startswith("_")}
    packed = frozen or runtime(target.parent / "rt.tar.gz")
    with BundleWriter(target, stub=stub_template(), runtime=packed) as writer:
        members = {f"images/blobs/sha256/{d.hex}": data for d, data in images.blobs.items()} | files
        for path, data in members.items():
            writer.add(path, [data], size=len(data), digest=Digest.of(data))
        writer.finish(Index(**values | {"images": tuple(images.images)}))
