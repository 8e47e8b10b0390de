"""One .run for two platforms, end to end: a registry of lists, a Debian of both, real tools."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze
from bundler.core.archive import Bundle
from bundler.core.archive.bases import opened
from bundler.core.archive.extract import extract, select
from bundler.core.errors import ExitCode
from bundler.core.oci import AMD64
from tests.kits.images import digest_of
from tests.kits.run_files import runtime as stand_in
from tests.real import debian_kit, registry_kit
from tests.real.registry_kit import skopeo
from tests.real.test_serve import serving
from tests.real.universal_kit import (
    MAIN,
    PIN,
    PINNED,
    PLATFORMS,
    SIDE,
    WIDE,
    WIDE_PIN,
    cut_out,
    fill,
    packages,
    project,
)

LACKS = debian_kit.missing() or registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKS), reason=LACKS or "all there")]

AMD, ARM = PLATFORMS
# as docs/sbom.md says it
SUMS = (
    r"find . -type f ! -path ./sbom/provenance.json -printf '%P\n' | LC_ALL=C sort |"
    r" xargs -d '\n' sha256sum | sha256sum"
)


@dataclass(frozen=True)
class Place:
    """Where it is built: the registry, the mirror, the two runtimes and a cache."""

    registry: registry_kit.Registry
    debian: debian_kit.Mirror
    runtimes: tuple[Path, Path]
    folder: Path
    context: Path

    def bundler(self, *words: str | Path, code: int = ExitCode.OK) -> str:
        """The builder in a process of its own; what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "bundler.builder", *map(str, words)],
            capture_output=True, text=True, check=False, timeout=300, cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    @property
    def apt(self) -> tuple[str, ...]:
        """The options that name the mirror and its key."""
        return ("--debian-mirror", self.debian.uri, "--keyring", f"debian={self.debian.keyring}")

    @property
    def near(self) -> tuple[str | Path, ...]:
        """The options that keep it on this machine."""
        mirrors = self.folder / "mirrors"
        mirrors.write_text(f"quay.io {self.registry.host}\n")
        insecure = ("--insecure-registry", self.registry.host)
        return (*insecure, "--mirrors", mirrors, *self.apt)

    def make(
        self, output: Path, *words: str | Path, context: Path | None = None, code: int = ExitCode.OK
    ) -> str:
        own, other = self.runtimes
        return self.bundler(
            "make", context or self.context, "-q", "-o", output, "--platform", ",".join(PLATFORMS),
            "--universal",
            "--runtime", f"{AMD}={own}", "--runtime", f"{ARM}={other}", "--cache", self.folder / "cache",
            *self.near, *words, code=code,
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("universal")
    with (
        registry_kit.running(folder / "registry") as registry,
        debian_kit.mirror(folder / "mirror", {"bookworm": packages()}) as debian,
    ):
        fill(registry, folder / "layouts")
        runtimes = (freeze(AMD64, default_root()), stand_in(folder / "arm64.tar.gz"))
        yield Place(registry, debian, runtimes, folder, project(folder / "shop"))


@pytest.fixture(scope="module")
def product(place: Place) -> Path:
    path = place.folder / "shop.run"
    place.make(path)
    return path


def run(path: Path, *words: str | Path, code: int = ExitCode.OK) -> str:
    done = subprocess.run(
        ["sh", path, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_one_file_holds_both_platforms(product: Path) -> None:
    with Bundle.open(product) as bundle:
        bundle.check()
        assert bundle.platforms == PLATFORMS
        amd, arm = bundle.indexes
        names = [
            f"quay.io/team/{name}" for name in ("main:1", f"pinned@{PIN}", "side:1", f"wide:1@{WIDE_PIN}")
        ]
        assert [image.name for image in amd.images] == [image.name for image in arm.images] == names
        for index, main, pinned in zip(bundle.indexes, MAIN, PINNED, strict=True):
            assert str(index.images[0].digest) == main.digest
            assert [str(each) for each in index.images[1].manifests] == [PIN, pinned.digest]
        assert [(each.name, each.architecture) for each in arm.packages] == [
            ("data", "all"),
            ("server", "arm64"),
        ]
        assert [(each.name, each.architecture) for each in amd.packages] == [
            ("data", "all"),
            ("server", "amd64"),
        ]


def test_what_is_equal_is_there_once(product: Path) -> None:
    with Bundle.open(product) as bundle:
        amd, arm = ({each.path: each for each in index.members} for index in bundle.indexes)
        same = {path for path in amd if amd[path] == arm.get(path)}
        shared = {f"images/blobs/sha256/{digest_of(MAIN[0].layers[0])[7:]}", "root/etc/conf"}
        assert shared <= same
        assert "packages/debian-bookworm/data_1.0_all.deb" in same
        assert {"root/bin/kubelet", "images/index.json", "sbom/bom.cdx.json"} & same == set()
        assert (
            {p for p in arm if p.endswith("_amd64.deb")}
            == {p for p in amd if p.endswith("_arm64.deb")}
            == set()
        )


def test_no_image_of_another_architecture_slips_in(product: Path) -> None:
    with Bundle.open(product) as bundle:
        for platform in PLATFORMS:
            of = bundle.of(platform)
            for image in of.index.images:
                config = json.loads(of.read(of.member(f"images/blobs/sha256/{image.blobs[0].hex}")))
                assert f"{config['os']}/{config['architecture']}" == platform


def test_the_same_lock_gives_the_same_bytes(place: Place, product: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.run"
    place.make(again, "--offline")
    assert again.read_bytes() == product.read_bytes()
    parts = tmp_path / "parts.run"
    place.make(parts, "--offline", "--split", "1MiB")
    joined = b"".join(
        path.read_bytes() for path in sorted(tmp_path.glob("parts.run*")) if "sha" not in path.name
    )
    assert joined == product.read_bytes()
    place.bundler(
        "lock", place.context, "-q", "--platform", ",".join(PLATFORMS), "--cache", place.folder / "cache",
        *place.near,
    )  # fmt: skip
    try:
        first, second = tmp_path / "first.run", tmp_path / "second.run"
        place.make(first, "--locked")
        place.make(second, "--locked", "--offline")
        assert first.read_bytes() == second.read_bytes()
    finally:
        (place.context / "Kubefile.lock").unlink()


def test_the_real_installer_answers_on_this_machine(product: Path, tmp_path: Path) -> None:
    assert "platforms: linux/amd64, linux/arm64" in run(product, "--info")
    run(product, "--check")
    out = tmp_path / "out"
    told = run(product, "extract", "root/*", "--target", out)
    assert "note: this is what is for linux/amd64; --platform takes linux/arm64" in told
    assert (out / "root/bin/kubelet").read_text() == "kubelet of amd64\n"
    other = tmp_path / "other"
    run(product, "extract", "root/*", "--platform", ARM, "--target", other)
    assert (other / "root/bin/kubelet").read_text() == "kubelet of arm64\n"
    assert (other / "root/bin/only").read_text() == "only there\n"
    assert (other / "root/etc/conf").read_text() == "the same for all\n"
    run(product, "--noexec", "--platform", ARM, "--target", tmp_path / "all")
    provenance = json.loads((tmp_path / "all/sbom/provenance.json").read_text())
    sums = subprocess.run(
        ["sh", "-c", SUMS], cwd=tmp_path / "all", capture_output=True, text=True, check=True
    )
    assert provenance["subject"][0]["digest"]["sha256"] == sums.stdout.split()[0]
    assert provenance["predicate"]["buildDefinition"]["externalParameters"]["platform"] == ARM
    with Bundle.open(product) as bundle:
        paths = {each.path for each in bundle.of(ARM).index.members}
    assert {
        str(p.relative_to(tmp_path / "all")) for p in (tmp_path / "all").rglob("*") if p.is_file()
    } == paths


@pytest.mark.parametrize("platform", PLATFORMS)
def test_exported_images_and_packages_are_those_of_the_platform(
    product: Path, tmp_path: Path, platform: str
) -> None:
    run(product, "export", "images", "--platform", platform, tmp_path / "images")
    run(product, "export", "packages", "--platform", platform, tmp_path / "packages")
    run(product, "export", "sbom", "--platform", platform, tmp_path / "sbom")
    for name in ("main:1", "side:1"):
        text = skopeo("inspect", "--config", f"oci:{tmp_path}/images:quay.io/team/{name}")
        assert f"linux/{json.loads(text)['architecture']}" == platform
    assert not (tmp_path / "images/platforms.json").exists()
    debs = {path.name for path in (tmp_path / "packages/debian-bookworm").glob("*.deb")}
    assert debs == {"data_1.0_all.deb", f"server_1.0_{platform[6:]}.deb"}
    bill = json.loads((tmp_path / "sbom/bom.cdx.json").read_text())
    assert {"name": "bundler:platform", "value": platform} in bill["metadata"]["component"]["properties"]


def test_stock_tools_read_the_layout_of_each_platform(product: Path, tmp_path: Path) -> None:
    info = dict(line.split(": ", 1) for line in run(product, "--info").splitlines())
    root = cut_out(product, int(info["archive offset"]), int(info["archive length"]), tmp_path / "out")
    name = f"oci:{root}/images:quay.io/team/main:1"
    assert json.loads(skopeo("inspect", "--config", name))["architecture"] == "amd64"
    subprocess.run(["cp", "-r", f"{root}/platforms/linux-arm64/.", f"{root}/"], check=True, timeout=60)
    assert json.loads(skopeo("inspect", "--config", name))["architecture"] == "arm64"
    # and all at once, for whoever has machines of both
    subprocess.run(
        ["cp", f"{root}/images/platforms.json", f"{root}/images/index.json"], check=True, timeout=60
    )
    skopeo("copy", "--all", "--quiet", name, f"oci:{tmp_path}/both:main")
    for wanted, image in zip(("amd64", "arm64"), MAIN, strict=True):
        found = skopeo("inspect", f"--override-arch={wanted}", f"oci:{tmp_path}/both:main")
        assert json.loads(found)["Architecture"] == wanted
        assert (tmp_path / "both/blobs/sha256" / image.digest[7:]).is_file()


def test_served_images_give_each_client_its_own(product: Path, tmp_path: Path) -> None:
    with serving(product) as host:
        for name in ("main:1", "side:1", f"pinned@{PIN}", "wide:1"):
            for wanted in ("amd64", "arm64"):
                text = skopeo(
                    "inspect", "--config", f"--override-arch={wanted}", "--tls-verify=false",
                    f"docker://{host}/quay.io/team/{name}",
                )  # fmt: skip
                assert json.loads(text)["architecture"] == wanted
        skopeo(
            "copy", "--all", "--quiet", "--src-tls-verify=false",
            f"docker://{host}/quay.io/team/main:1", f"oci:{tmp_path}/taken:main",
        )  # fmt: skip


def test_pushed_images_give_each_client_its_own(product: Path, tmp_path: Path) -> None:
    with registry_kit.running(tmp_path / "customers") as theirs:
        words = ("push-images", "--allow-unsigned", "--insecure-registry", f"{theirs.host}/mirror")
        told = run(product, *words)
        assert "4 images pushed, 0 there already" in told
        assert "/wide:1: the registry takes no list with platforms that aren't there" in told
        names = (("main:1", MAIN), ("side:1", SIDE), (f"pinned@{PIN}", PINNED), ("wide:1", WIDE[:2]))
        for name, images in names:
            for wanted, image in zip(("amd64", "arm64"), images, strict=True):
                where = f"docker://{theirs.host}/mirror/quay.io/team/{name}"
                options = (f"--override-arch={wanted}", "--tls-verify=false")
                found = json.loads(skopeo("inspect", "--config", *options, where))
                assert found["architecture"] == image.platform["architecture"] == wanted
        assert "no image pushed, 4 there already; blobs: 0 sent" in run(product, *words)


def test_a_bundle_from_it_takes_the_platform_it_is_made_for(
    place: Place, product: Path, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    child.mkdir()
    (child / "Kubefile").write_text(f"FROM {product}\nLABEL org.opencontainers.image.title=child\n")
    place.make(tmp_path / "child.run", context=child)
    with Bundle.open(tmp_path / "child.run") as bundle, Bundle.open(product) as base:
        for platform in PLATFORMS:
            one, other = bundle.of(platform), base.of(platform)
            assert one.index.images == other.index.images
            kubelet = one.member("root/bin/kubelet")
            assert one.read(kubelet) == f"kubelet of {platform[6:]}\n".encode()
    alone = tmp_path / "alone.run"
    other_runtime = place.runtimes[1]
    words = ("make", child, "-q", "-o", alone, "--runtime", other_runtime, "--platform")
    place.bundler(*words, ARM, "--cache", place.folder / "cache", *place.near)
    with Bundle.open(alone) as bundle:
        assert bundle.platforms == (ARM,)
        assert bundle.read(bundle.member("root/bin/kubelet")) == b"kubelet of arm64\n"
    told = place.bundler(*words, "linux/riscv64", code=ExitCode.INPUT)
    assert "shop.run is for linux/amd64, linux/arm64, the bundle is made for linux/riscv64" in told


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_delta_rests_on_the_platform_that_it_is_for(
    place: Place, product: Path, tmp_path: Path, platform: str
) -> None:
    context = tmp_path / "shop"
    project(context)
    (context / "etc/conf").write_text("of the next version\n")
    delta, number = tmp_path / "delta.run", PLATFORMS.index(platform)
    words = ("make", context, "-q", "-o", delta, "--base", product, "--cache", place.folder / "cache")
    place.bundler(*words, "--platform", platform, "--runtime", place.runtimes[number], *place.near)
    out = tmp_path / "out"
    out.mkdir()
    with opened(delta, [product]) as bundle:
        assert bundle.platforms == (platform,)
        extract(bundle, select(bundle.index, ["*"]), out)
        assert b"".join(bundle.installer()) == place.runtimes[number].read_bytes()
    assert delta.stat().st_size < product.stat().st_size // 10
    assert (out / "root/etc/conf").read_text() == "of the next version\n"
    assert (out / "root/bin/kubelet").read_text() == f"kubelet of {platform[6:]}\n"


def test_a_bundle_from_it_in_a_registry_takes_the_platform_it_is_made_for(
    place: Place, product: Path, tmp_path: Path
) -> None:
    name = f"{place.registry.host}/bundles/base:1"
    place.bundler("push", product, name, "--insecure-registry", place.registry.host)
    child = tmp_path / "child"
    child.mkdir()
    (child / "Kubefile").write_text(f"FROM oci://{name}\nLABEL org.opencontainers.image.title=child\n")
    words = ("make", child, "-q", "--runtime", place.runtimes[1], *place.near, "--cache", tmp_path / "cold")
    place.bundler(*words, "-o", tmp_path / "child.run", "--platform", ARM)
    with Bundle.open(tmp_path / "child.run") as bundle, Bundle.open(product) as base:
        assert bundle.platforms == (ARM,)
        assert bundle.read(bundle.member("root/bin/kubelet")) == b"kubelet of arm64\n"
        assert bundle.index.images == base.of(ARM).index.images
    told = place.bundler(*words, "-o", tmp_path / "x.run", "--platform", "linux/riscv64", code=ExitCode.INPUT)
    assert f"oci://{name} is for linux/amd64, linux/arm64, the bundle is made for linux/riscv64" in told


def test_it_travels_through_a_registry_in_parts_and_signed(
    place: Place, product: Path, tmp_path: Path
) -> None:
    place.bundler("keygen", tmp_path / "key", "--passphrase-file", "/dev/null")
    signed = tmp_path / "signed.run"
    signed.write_bytes(product.read_bytes())
    place.bundler("sign", signed, "--key", tmp_path / "key")
    assert "signed by" in run(signed, "--verify-sig", "--trust", tmp_path / "key.pub")
    name = f"{place.registry.host}/bundles/shop:2.1"
    place.bundler("push", signed, name, "--insecure-registry", place.registry.host)
    back = tmp_path / "back.run"
    place.bundler("pull", name, "-o", back, "--insecure-registry", place.registry.host)
    assert back.read_bytes() == signed.read_bytes()
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert json.loads(raw)["annotations"]["vnd.bundler.run.platform"] == "linux/amd64,linux/arm64"
    place.bundler("split", back, "--size", "1MiB")
    assert "kubelet" in run(back, "--list", "--platform", ARM)
    run(back, "--check")
    place.bundler("join", back)
    assert back.read_bytes() == signed.read_bytes()


def test_inspect_and_diff_tell_of_each_platform(place: Place, product: Path, tmp_path: Path) -> None:
    assert "platform: linux/arm64\n" in place.bundler("inspect", product, "--platform", ARM)
    assert "platform: linux/amd64\nplatforms: linux/amd64, linux/arm64\n" in place.bundler("inspect", product)
    assert place.bundler("diff", product, product) == ""
    other = tmp_path / "shop"
    project(other)
    (other / "arm64/kubelet").write_text("another kubelet of arm64\n")
    (other / "etc/conf").write_text("another\n")
    place.make(tmp_path / "new.run", context=other)
    told = place.bundler("diff", product, tmp_path / "new.run", code=1)
    lines = [line for line in told.splitlines() if "root/" in line]
    assert len(lines) == 2
    assert "root/bin/kubelet" in lines[0]
    assert lines[0].endswith("[linux/arm64]")
    assert "root/etc/conf" in lines[1]
    assert not lines[1].endswith("]")


def test_a_missing_runtime_and_odd_platforms_are_told_at_once(place: Place, tmp_path: Path) -> None:
    target = tmp_path / "x.run"
    words = ("make", place.context, "-q", "-o", target, "--universal", "--cache", place.folder / "cache")
    told = place.bundler(*words, "--platform", f"{AMD},{ARM}", code=ExitCode.UNSUPPORTED)
    assert "there is no frozen installer for linux/arm64" in told
    own, other = place.runtimes
    told = place.bundler(
        *words, "--platform", "linux/arm/v6,linux/arm/v7",
        "--runtime", f"linux/arm/v6={own}", "--runtime", f"linux/arm/v7={other}", code=ExitCode.UNSUPPORTED,
    )  # fmt: skip
    assert "one file can't be for linux/arm/v6, linux/arm/v7" in told
    assert not target.exists()


def test_labels_that_differ_are_refused(place: Place, tmp_path: Path) -> None:
    context = tmp_path / "odd"
    context.mkdir()
    text = "FROM scratch\nARG TARGETARCH\nLABEL org.opencontainers.image.title=shop-$TARGETARCH\n"
    (context / "Kubefile").write_text(text)
    told = place.make(tmp_path / "x.run", context=context, code=ExitCode.INPUT)
    assert "one file can't be shop-amd64 0.0.0 and shop-arm64 0.0.0" in told


def test_one_platform_alone_is_a_plain_bundle(place: Place, tmp_path: Path) -> None:
    words = (
        "make",
        place.context,
        "-q",
        "--platform",
        AMD,
        "--runtime",
        place.runtimes[0],
        "--cache",
        place.folder / "cache",
    )
    more = place.near
    place.bundler(*words, *more, "-o", tmp_path / "one.run", "--universal")
    place.bundler(*words, *more, "-o", tmp_path / "plain.run")
    assert (tmp_path / "one.run").read_bytes() == (tmp_path / "plain.run").read_bytes()
