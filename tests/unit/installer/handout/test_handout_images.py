"""What a registry offers out of a .run for two platforms, and lies about that which are found."""

import gzip
import json
from pathlib import Path

import pytest

from bundler.core.archive import Bundle, BundleWriter
from bundler.core.archive.platforms import IMAGES, Edition, tar_names
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Image
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST
from bundler.installer.handout.images import blob_member, offered
from tests.kits.archive.bundles import STUB, meta
from tests.kits.images import MadeImage, described, index_of

AMD, ARM = "linux/amd64", "linux/arm64"
NAME, SAME, ONLY = "quay.io/a/web:1", "quay.io/a/same:1", "quay.io/a/only:1"
WEB = {platform: MadeImage(b"web", platform.encode(), platform=platform) for platform in (AMD, ARM)}
LIST = index_of(*WEB.values())


def path_of(data: bytes) -> str:
    return f"images/blobs/sha256/{Digest.of(data).hex}"


def listing(*named: tuple[str, bytes]) -> bytes:
    entries = [
        described(raw, OCI_INDEX) | {"annotations": {"org.opencontainers.image.ref.name": name}}
        for name, raw in named
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def images(platform: str) -> tuple[Image, ...]:
    """One that differs, one that means the same list for both, one that only the second has."""
    own = WEB[platform]
    manifest, blobs = Digest.of(own.manifest), tuple(Digest.of(data) for data in (own.config, *own.layers))
    plain = Image(NAME, manifest, OCI_MANIFEST, len(own.manifest), (manifest,), blobs)
    top = Digest.of(LIST)
    pinned = Image(SAME, top, OCI_INDEX, len(LIST), (top, manifest), blobs)
    only = Image(ONLY, manifest, OCI_MANIFEST, len(own.manifest), (manifest,), blobs)
    return (plain, pinned) if platform == AMD else (plain, pinned, only)


def made(folder: Path, extra: dict[str, bytes]) -> Bundle:
    frozen = folder / "frozen.tar.gz"
    frozen.write_bytes(gzip.compress(b"frozen", mtime=0))
    trees = []
    for own in WEB.values():
        held = (own.manifest, own.config, *own.layers, LIST)
        trees.append({path_of(data): data for data in held} | extra)
    names = tar_names((AMD, ARM), trees)
    with BundleWriter(folder / "shop.run", stub=STUB, runtime=frozen) as writer:
        every = {name: trees[n][path] for n, of in enumerate(names) for path, name in of.items()}
        for name, data in every.items():
            writer.add(name, [data], size=len(data), digest=Digest.of(data))
        edition = Edition(meta(platform=ARM, images=images(ARM)), frozen, names[1])
        writer.finish(meta(images=images(AMD)), names=names[0], further=(edition,))
    return Bundle.open(folder / "shop.run")


def test_each_name_means_all_of_its_platforms(tmp_path: Path) -> None:
    both = json.dumps(json.loads(LIST) | {"annotations": {"made": "here"}}).encode()
    with made(tmp_path, {path_of(both): both, IMAGES: listing((NAME, both))}) as bundle:
        found = {image.name: image for image in offered(bundle)}
        manifests = tuple(Digest.of(own.manifest) for own in WEB.values())
        web, same, only = found[NAME], found[SAME], found[ONLY]
        assert (web.digest, web.media_type, web.size) == (Digest.of(both), OCI_INDEX, len(both))
        assert web.manifests == (Digest.of(both), *manifests)
        assert len(web.blobs) == 5, "two configs, one layer of both and one of each"
        assert (same.digest, same.manifests) == (Digest.of(LIST), (Digest.of(LIST), *manifests))
        assert only.manifests == manifests[1:]
        for image in found.values():
            for digest in image.digests:
                assert Digest.of(bundle.read(blob_member(bundle, digest))) == digest


def lies() -> dict[str, dict[str, bytes]]:
    swapped = index_of(WEB[ARM], WEB[AMD])
    document = json.loads(LIST)
    document["manifests"][0]["platform"], document["manifests"][1]["platform"] = (
        document["manifests"][1]["platform"],
        document["manifests"][0]["platform"],
    )
    crossed = json.dumps(document).encode()
    alone = index_of(WEB[AMD])
    return {
        "nothing-about-it": {IMAGES: listing()},
        "about-another": {IMAGES: listing((SAME, swapped)), path_of(swapped): swapped},
        "each-others": {IMAGES: listing((NAME, crossed)), path_of(crossed): crossed},
        "one-left-out": {IMAGES: listing((NAME, alone)), path_of(alone): alone},
        "a-manifest": {IMAGES: listing((NAME, WEB[AMD].manifest))},
        "not-there": {IMAGES: listing((NAME, b"gone"))},
        "no-list": {IMAGES: WEB[AMD].manifest},
        "no-json": {IMAGES: b"\x1b[31m"},
        "no-file": {},
        "large": {IMAGES: b" " * (5 << 20)},
    }


@pytest.mark.parametrize("name", lies())
def test_what_contradicts_the_platforms_indexes_is_refused(tmp_path: Path, name: str) -> None:
    with made(tmp_path, lies()[name]) as bundle, pytest.raises(BundlerError) as caught:
        offered(bundle)
    assert caught.value.code in {ExitCode.INTEGRITY, ExitCode.NOT_FOUND}
