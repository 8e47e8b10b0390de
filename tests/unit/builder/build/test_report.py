from pathlib import Path

import pytest

from bundler.builder.build.report import Made, Phase, summary
from bundler.builder.cache.partial import Blob
from bundler.builder.model.spec import BundleSpec, Identity, SpecContent
from bundler.core.digest import Digest
from bundler.core.index import Image, OsPackage

SHARED, ONE, TWO = (Digest(char * 64) for char in "abc")


def image(name: str, *blobs: Digest) -> Image:
    return Image(name, blobs[0], "application/vnd.oci.image.manifest.v1+json", 1, (blobs[0],), blobs[1:])


def test_the_summary_tells_what_takes_time_and_room() -> None:
    sizes = {SHARED: 5_000_000, ONE: 3_000_000, TWO: 1_000_000}
    contents = [
        SpecContent(f"images/blobs/sha256/{digest.hex}", Blob(digest, size)) for digest, size in sizes.items()
    ]
    contents += [
        SpecContent("root/bin/kubelet", Blob(Digest("d" * 64), 4_000_000)),
        SpecContent("packages/debian-bookworm/x.deb", Blob(Digest("e" * 64), 2_000_000)),
    ]
    spec = BundleSpec(
        identity=Identity("shop", "2.1", ""),
        platform="linux/amd64",
        labels={},
        env={},
        apps=(),
        launch=(),
        commands=(),
        kube_versions=(),
        images=(image("one", ONE, SHARED), image("two", TWO, SHARED)),
        packages=(
            OsPackage("debian:bookworm", "x", "1", "amd64", "packages/debian-bookworm/x.deb", requested=True),
        ),
        contents=tuple(contents),
    )
    phases = (Phase("stage", 0.01), Phase("images", 12.34), Phase("packages", 2.0), Phase("assemble", 3.0))
    assert summary(Made(Path("shop.run"), 9_000_000, spec, phases, signed=True)).splitlines() == [
        "✓ shop.run: shop 2.1, 8.6 MiB, linux/amd64, 17 s (images 12 s, assemble 3.0 s, packages 2.0 s)",
        "  holds    2 images, 1 OS package for debian:bookworm, 5 files; 14.3 MiB unpacked",
        (
            "  largest  layers that images share 4.8 MiB, root/bin/kubelet 3.8 MiB, image one 2.9 MiB, "
            "OS packages 1.9 MiB, image two 976.6 KiB"
        ),
    ]
    assert summary(Made(Path("shop.run"), 9_000_000, spec, phases)).splitlines()[-1] == (
        "! unsigned: sites refuse it: bundler sign shop.run --key KEY"
    )


@pytest.mark.parametrize(
    ("kubernetes", "commands", "told"),
    [("", ("true",), True), ("v1.34.4", ("true",), False), ("", (), False)],
)
def test_a_bundle_that_launches_without_kubernetes_says_what_it_is(
    kubernetes: str, commands: tuple[str, ...], *, told: bool
) -> None:
    spec = BundleSpec(
        identity=Identity("shop", "2.1", kubernetes),
        platform="linux/amd64",
        labels={},
        env={},
        apps=(),
        launch=(),
        commands=commands,
        kube_versions=(),
        images=(),
        packages=(),
        contents=(),
    )
    lines = summary(Made(Path("out/shop.run"), 1, spec, ())).splitlines()
    assert any("an app bundle: it installs no Kubernetes" in line for line in lines) is told
    assert any("FROM shop.run" in line for line in lines) is told
