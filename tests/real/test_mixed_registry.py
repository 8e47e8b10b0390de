"""The registry of a site with hosts of two architectures: what its store holds fits whoever asks.

The store is made as an installer makes it, out of a .run for both; a real registry serves it, skopeo asks.
"""

import json
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bundler.core.archive import Bundle, BundleWriter
from bundler.core.archive.platforms import IMAGES, Edition, tar_names
from bundler.core.digest import Digest
from bundler.core.index import Image
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST
from bundler.installer.facts.model import Facts
from bundler.installer.operations.contents import contents_of
from bundler.installer.plan import paths
from bundler.installer.plan.contents import Contents, wanted_files
from bundler.installer.plan.mixed import fitted
from bundler.installer.plan.registry import links
from bundler.installer.plan.rehearsal import assumed
from bundler.installer.plan.steps import RUNTIME_MEMBER, Delivery
from bundler.installer.run.deliver import BundleSource
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Role, Site
from tests.kits.archive.bundles import STUB, meta
from tests.kits.images import MadeImage, described, index_of
from tests.kits.run_files import runtime
from tests.real import registry_kit

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing()),
]

AMD, ARM = "linux/amd64", "linux/arm64"
WEB, PINNED = "quay.io/team/web:1", "quay.io/team/pinned:2"
SHARED = b"a layer that both have"
BUILT = {platform: MadeImage(SHARED, platform.encode(), platform=platform) for platform in (AMD, ARM)}
LIST = index_of(*BUILT.values())  # upstream's own, which `PINNED` means on both
MADE = json.dumps(json.loads(LIST) | {"annotations": {"made": "with the file"}}).encode()
HERE, THERE = "10.0.0.2", "10.0.0.3"


def images(platform: str) -> tuple[Image, ...]:
    own = BUILT[platform]
    manifest, blobs = Digest.of(own.manifest), tuple(Digest.of(data) for data in (own.config, *own.layers))
    top = Digest.of(LIST)
    return (
        Image(WEB, manifest, OCI_MANIFEST, len(own.manifest), (manifest,), blobs),
        Image(PINNED, top, OCI_INDEX, len(LIST), (top, manifest), blobs),
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    """A .run for both, with the image index of the name that they differ in."""
    entry = described(MADE, OCI_INDEX) | {"annotations": {"org.opencontainers.image.ref.name": WEB}}
    listing = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    trees = []
    for platform, own in BUILT.items():
        held = (own.manifest, own.config, *own.layers, LIST, MADE)
        blobs = {f"images/blobs/sha256/{Digest.of(data).hex}": data for data in held}
        trees.append({**blobs, IMAGES: listing, "root/bin/kubelet": platform.encode()})
    names = tar_names((AMD, ARM), trees)
    frozen = runtime(tmp_path / "amd64.tar.gz"), runtime(tmp_path / "arm64.tar.gz", "#!/bin/sh\necho arm64\n")
    with BundleWriter(tmp_path / "shop.run", stub=STUB, runtime=frozen[0]) as writer:
        every = {name: trees[n][path] for n, of in enumerate(names) for path, name in of.items()}
        for name, data in every.items():
            writer.add(name, [data], size=len(data), digest=Digest.of(data))
        further = Edition(meta(platform=ARM, images=images(ARM)), frozen[1], names[1])
        writer.finish(meta(platform=AMD, images=images(AMD)), names=names[0], further=(further,))
    with Bundle.open(tmp_path / "shop.run") as opened:
        yield opened


@dataclass
class Store:
    """A registry's store below `root`, filled as on a host."""

    root: Path
    bundle: Bundle

    def contents(self, architectures: Mapping[str, str]) -> Contents:
        """What a site with these hosts gets."""
        of = self.bundle.of(architectures[HERE])
        contents = contents_of(of, wanted_files, set(architectures.values()))
        hosts = tuple(Host(address, frozenset({Role.WORKER})) for address in architectures)
        plain = assumed(Site("trial", hosts), contents, None).hosts
        found = {a: replace(plain[a], architecture=each) for a, each in architectures.items()}
        return fitted(contents, Facts(found, 0.0), hosts)

    def fill(self, architectures: Mapping[str, str]) -> Collection[str]:
        """Blobs, then names; the paths of the blobs."""
        contents = self.contents(architectures)
        source = BundleSource(self.bundle.of(architectures[HERE]))
        deliveries = contents.image_deliveries(tuple(contents.images))
        for delivery in deliveries:
            path = self.root / delivery.path.removeprefix(f"{paths.REGISTRY_STORE}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(source.chunks(delivery)))
        lines = [line for image in contents.images.values() for line in links(image)]
        below = paths.REGISTRY_REPOSITORIES.removeprefix(f"{paths.REGISTRY_STORE}/")
        script = templates.script("links.sh", root=str(self.root / below), unit="bundler-trial-mixed.service")
        subprocess.run(
            ["sh", "-c", script.replace("/var/lib/bundler", str(self.root.parent))],
            input="".join(f"{line}\n" for line in lines), text=True, check=True, timeout=60,
        )  # fmt: skip
        return [delivery.path for delivery in deliveries]


def asked(registry: registry_kit.Registry, name: str, architecture: str) -> dict[str, object]:
    """What a client of this architecture is told of an image."""
    told: dict[str, object] = json.loads(
        registry_kit.skopeo(
            "inspect", "--tls-verify=false", "--override-os=linux", f"--override-arch={architecture}",
            "--no-tags", f"docker://{registry.host}/{name}",
        )
    )  # fmt: skip
    return told


def pulled(registry: registry_kit.Registry, name: str, architecture: str, to: Path) -> dict[str, bytes]:
    """The files of an image that a client of this architecture pulls whole."""
    registry_kit.skopeo(
        "copy", "--quiet", "--src-tls-verify=false", f"--override-arch={architecture}", "--override-os=linux",
        f"docker://{registry.host}/{name}", f"dir:{to}",
    )  # fmt: skip
    return {path.name: path.read_bytes() for path in to.iterdir()}


def test_each_client_pulls_what_is_for_its_own_architecture(tmp_path: Path, bundle: Bundle) -> None:
    store = Store(tmp_path / "registry" / "data", bundle)
    store.fill({HERE: "amd64", THERE: "arm64"})
    with registry_kit.running(tmp_path / "registry") as registry:
        for platform, own in BUILT.items():
            architecture = platform.partition("/")[2]
            for name in (WEB, PINNED):
                told = asked(registry, name, architecture)
                assert (told["Architecture"], told["Os"]) == (architecture, "linux"), name
                assert told["Layers"] == [f"sha256:{Digest.of(data).hex}" for data in own.layers]
                files = pulled(registry, name, architecture, tmp_path / f"{architecture}-{name[13:-2]}")
                assert files["manifest.json"] == own.manifest
                assert {*own.layers, own.config} <= set(files.values())


def test_the_name_is_the_index_that_was_sealed_with_the_file(tmp_path: Path, bundle: Bundle) -> None:
    store = Store(tmp_path / "registry" / "data", bundle)
    store.fill({HERE: "arm64", THERE: "amd64"})
    with registry_kit.running(tmp_path / "registry") as registry:
        for name, raw in ((WEB, MADE), (PINNED, LIST)):
            told = registry_kit.skopeo(
                "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/{name}"
            )
            assert told.encode() == raw


def test_a_site_of_one_becomes_one_of_both_while_its_registry_serves(tmp_path: Path, bundle: Bundle) -> None:
    store = Store(tmp_path / "registry" / "data", bundle)
    first = store.fill({HERE: "amd64"})
    with registry_kit.running(tmp_path / "registry") as registry:
        assert asked(registry, WEB, "amd64")["Architecture"] == "amd64"
        assert asked(registry, WEB, "arm64")["Architecture"] == "amd64", "there is nothing else yet"
        both = store.fill({HERE: "amd64", THERE: "arm64"})
        assert set(first) < set(both)
        assert [asked(registry, WEB, each)["Architecture"] for each in ("amd64", "arm64")] == [
            "amd64",
            "arm64",
        ]
        store.fill({HERE: "amd64"})
        assert asked(registry, WEB, "arm64")["Architecture"] == "amd64", (
            "as before, when the last one has left"
        )


def test_programs_and_the_installer_come_out_of_each_ones_own_index(tmp_path: Path, bundle: Bundle) -> None:
    for here, there in ((AMD, ARM), (ARM, AMD)):
        hosts = {HERE: here.partition("/")[2], THERE: there.partition("/")[2]}
        contents = Store(tmp_path, bundle).contents(hosts)
        source = BundleSource(bundle.of(here))
        for address, platform in ((HERE, here), (THERE, there)):
            own = contents.on(address)
            program = own.deliver(own.required("root/bin/kubelet"), "/usr/local/bin/kubelet")
            assert b"".join(source.chunks(program)) == platform.encode()
            assert source.describe(program) == (program.digest, program.size)
            installer = Delivery(RUNTIME_MEMBER, "/x", 0o600, platform=own.platform)
            expected = bundle.of(platform).runtime
            assert source.describe(installer) == (expected.digest, expected.size)
            assert Digest.of(b"".join(source.chunks(installer))) == expected.digest
