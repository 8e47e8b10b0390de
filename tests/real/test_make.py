"""The builder end to end: a Kubefile with everything in it, real registry, apt, Helm, zstd, tar, skopeo."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.build.request import BuildRequest
from bundler.builder.cache.store import Store, default_root
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.lib.progress import Silent
from bundler.builder.packages import PackageSources
from bundler.builder.runtime.freeze import freeze
from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.oci import AMD64
from tests.build_kit import built
from tests.kits.images import MadeImage, layout_files
from tests.real import debian_kit, registry_kit

LACKS = debian_kit.missing() or registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKS), reason=LACKS or "all there")]

NO_NETWORK = ["unshare", "--net"] if os.geteuid() == 0 else []  # else --offline's own word is taken

KUBEFILE = """\
FROM scratch
ARG GREETING=hello
LABEL org.opencontainers.image.title=shop org.opencontainers.image.version=2.1 io.kubernetes.version=v1.20.2
ENV TIER=gold
COPY etc/ etc/
ADD --checksum=sha256:@SUM@ @URL@ bin/tool
RUN <<END
echo "$GREETING $TIER" > etc/greeting
ln -s greeting etc/link
date +%s%N > etc/when
END
IMAGE @REGISTRY@/team/side:1
APP web local://web
APP plain local://plain
PACKAGE debian:bookworm server
LAUNCH ["web", "plain"]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  containers:
  - {name: c, image: "@REGISTRY@/team/main:1"}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  template:
    spec:
      containers:
      - name: c
        image: {{ .Values.image }}  # from values
"""


@pytest.fixture(scope="module")
def runtime() -> Path:
    return freeze(AMD64, default_root())


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian_kit.Mirror]:
    packages = (
        *debian_kit.MINIMAL,
        debian_kit.Package("server", depends="libc6, tool"),
        debian_kit.Package("tool"),
    )
    with debian_kit.mirror(tmp_path_factory.mktemp("mirror"), {"bookworm": packages}) as running:
        yield running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry_kit.Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with registry_kit.running(folder / "registry") as running:
        base = b"the layer that all share" * 1000
        images = {
            "main:1": MadeImage(base, b"main"),
            "side:1": MadeImage(base, b"side"),
            "chart:1": MadeImage(base),
        }
        layout = registry_kit.write_layout(folder / "layout", layout_files(images))
        for name in images:
            running.push(layout, name, f"team/{name}")
        yield running


@pytest.fixture
def project(tmp_path: Path, registry: registry_kit.Registry) -> Path:
    folder = tmp_path / "shop"
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho tool\n")
    texts = {
        "Kubefile": KUBEFILE,
        "etc/conf": "conf\n",
        "plain/pod.yaml": POD,
        "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
        "web/values.yaml": "image: @REGISTRY@/team/chart:1\n",
        "web/templates/deployment.yaml": DEPLOYMENT,
    }
    values = {"@REGISTRY@": registry.host, "@URL@": f"file://{tool}", "@SUM@": sum_of(tool)}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for slot, value in values.items():
            text = text.replace(slot, value)  # noqa: PLW2901  (filled in, slot by slot)
        path.write_text(text)
    return folder


@pytest.fixture
def build_request(
    project: Path,
    tmp_path: Path,
    runtime: Path,
    registry: registry_kit.Registry,
    debian: debian_kit.Mirror,
) -> BuildRequest:
    return BuildRequest(
        kubefile=project / "Kubefile",
        context=project,
        catalogue=Catalogue(default_catalogue()),
        target=tmp_path / "shop.run",
        insecure=frozenset({registry.host}),
        sources=PackageSources({"debian": debian.uri}, {"debian": debian.keyring}),
        runtime=runtime,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What most tests share, so that Helm's library is compressed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def build(build_request: BuildRequest, cache: Path) -> Callable[..., Path]:
    shared = cache

    def run(*, cache: Path | None = None, **changes: Any) -> Path:
        with Store(cache or shared) as store:
            return built(replace(build_request, **changes), store, Silent()).path

    return run


def sum_of(path: Path) -> str:
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def info(run: Path) -> dict[str, str]:
    out = subprocess.run(["sh", run, "--info"], capture_output=True, text=True, check=True, timeout=30).stdout
    return dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)


def cut_out(run: Path, to: Path) -> Path:
    """The archive, with stock tools alone: the numbers of --info, dd, zstd, tar."""
    found = info(run)
    offset, length = found["archive offset"], found["archive length"]
    to.mkdir()
    piece = 'dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none'
    command: list[str | Path] = [
        "sh",
        "-ec",
        f'{piece} | zstd -dc | tar -x -C "$4"',
        "sh",
        run,
        offset,
        length,
        to,
    ]
    subprocess.run(command, check=True, timeout=60)
    return to


def test_one_kubefile_becomes_one_run(
    build: Callable[..., Path], tmp_path: Path, registry: registry_kit.Registry
) -> None:
    run = build()
    found = info(run)
    assert (found["name"], found["version"], found["kubernetes"]) == ("shop", "2.1", "v1.20.2")
    checked = subprocess.run(["sh", run, "--check"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr
    root = cut_out(run, tmp_path / "out")
    assert (root / "root/etc/greeting").read_text() == "hello gold\n"
    assert (root / "root/etc/link").read_text() == "hello gold\n"
    assert (root / "root/etc/conf").read_text() == "conf\n"
    assert (root / "root/bin/tool").read_text() == "#!/bin/sh\necho tool\n"
    assert (root / "runtime/helm/libhelm_c.so").read_bytes()[:4] == b"\x7fELF"
    debs = sorted(path.name for path in (root / "packages/debian-bookworm").iterdir())
    assert debs == ["Packages", "Release", "server_1.0_amd64.deb", "tool_1.0_amd64.deb"]
    for name in ("main", "side", "chart"):
        text = registry_kit.skopeo("inspect", f"oci:{root}/images:{registry.host}/team/{name}:1")
        assert json.loads(text)["Architecture"] == "amd64"


def test_the_index_says_what_is_inside(build: Callable[..., Path], registry: registry_kit.Registry) -> None:
    bundle = Bundle.open(build())
    index = bundle.index
    assert [(app.name, app.kind, app.path) for app in index.apps] == [
        ("web", "helm", "root/application/apps/web"),
        ("plain", "kube", "root/application/apps/plain"),
    ]
    assert index.launch == ("web", "plain")
    assert index.env == {"TIER": "gold"}
    assert [image.name for image in index.images] == [
        f"{registry.host}/team/{n}:1" for n in ("chart", "main", "side")
    ]
    assert [(p.name, p.requested) for p in index.packages] == [("server", True), ("tool", False)]
    blobs = [m.path for m in index.members if m.path.startswith("images/blobs/")]
    assert len(blobs) == 3 * 2 + 1 + 2, "three manifests and configs, one layer for all, two of their own"
    bundle.check()
    bundle.close()


def test_a_second_build_needs_no_network_and_makes_the_same_bytes(
    build: Callable[..., Path], build_request: BuildRequest, own_cache: Path, tmp_path: Path
) -> None:
    first = build(cache=own_cache)
    second = tmp_path / "second.run"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "bundler.builder",
        "make",
        build_request.context,
        "-q",
        "--offline",
        "-o",
        second,
    ]
    command += ["--cache", own_cache, "--runtime", str(build_request.runtime)]
    command += ["--debian-mirror", build_request.sources.mirrors["debian"]]
    done = subprocess.run([*NO_NETWORK, *command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sum_of(first) == sum_of(second)


def test_another_machine_makes_the_same_bytes_but_for_what_run_makes(
    build: Callable[..., Path], project: Path, own_cache: Path, tmp_path: Path
) -> None:
    text = (project / "Kubefile").read_text().replace("date +%s%N > etc/when\n", "")
    (project / "Kubefile").write_text(text)
    first = build()
    old = os.umask(0o077)
    try:
        second = build(cache=own_cache, target=tmp_path / "second.run")
    finally:
        os.umask(old)
    assert sum_of(first) == sum_of(second)


def test_every_image_that_cannot_be_had_is_named(
    build: Callable[..., Path], project: Path, registry: registry_kit.Registry, tmp_path: Path
) -> None:
    (project / "plain/pod.yaml").write_text(
        POD.replace("@REGISTRY@/team/main:1", f"{registry.host}/team/gone:1")
    )
    (project / "web/values.yaml").write_text(f"image: {registry.host}/team/lost:2\n")
    with pytest.raises(Problems) as caught:
        build()
    assert caught.value.code is ExitCode.NOT_FOUND
    assert {p.location.file for p in caught.value.problems} >= {"application/apps/plain/pod.yaml"}
    assert "team/gone:1" in str(caught.value)
    assert "team/lost:2" in str(caught.value)
    assert not (tmp_path / "shop.run").exists()


def test_a_slip_in_the_kubefile_costs_no_time_and_leaves_the_old_file(
    build: Callable[..., Path], project: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.run").write_text("the last one")
    with (project / "Kubefile").open("a") as file:
        file.write("LAUNHC x\n")
    with pytest.raises(Problems, match="LAUNCH"):
        build()
    assert (tmp_path / "shop.run").read_text() == "the last one"


def test_a_full_disk_leaves_nothing_half_written(build: Callable[..., Path], small_disk: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        build(target=small_disk / "shop.run")
    assert caught.value.code is ExitCode.SPACE
    assert list(small_disk.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted as root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_damaged_cache_is_found_and_mends_itself(
    build: Callable[..., Path], own_cache: Path, project: Path, tmp_path: Path
) -> None:
    first = build(cache=own_cache)
    digest = sum_of(project / "etc/conf")
    path = own_cache / "blobs" / "sha256" / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(b"CONF\n")
    with pytest.raises(BundlerError, match="damaged and was removed") as caught:
        build(cache=own_cache, target=tmp_path / "second.run")
    assert caught.value.code is ExitCode.INTEGRITY
    assert not (tmp_path / "second.run").exists()
    assert sum_of(build(cache=own_cache, target=tmp_path / "third.run")) == sum_of(first)


def test_memory_does_not_grow_with_the_content(tmp_path: Path, runtime: Path) -> None:
    folder = tmp_path / "big"
    folder.mkdir()
    (folder / "Kubefile").write_text("FROM scratch\nCOPY blob blob\nCOPY zeros zeros\n")
    block = os.urandom(1 << 20)
    with (folder / "blob").open("wb") as file:
        file.write(b"\x1f\x8b")
        for _ in range(300):
            file.write(block)
    with (folder / "zeros").open("wb") as file:
        file.truncate(300 << 20)
    script = (
        "import re, sys\nfrom bundler.builder.cli.app import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    options: list[str | Path] = [
        "-q",
        "-o",
        tmp_path / "big.run",
        "--cache",
        tmp_path / "cache",
        "--runtime",
        runtime,
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, "make", folder, *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout) < 200_000, "KiB at most, for 600 MiB of content"


def test_the_archive_is_one_tar_that_python_reads_too(build: Callable[..., Path]) -> None:
    run = build()
    found = info(run)
    with run.open("rb") as file:
        file.seek(int(found["archive offset"]))
        packed = file.read(int(found["archive length"]))
    unpacked = subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
        names = tar.getnames()
    assert names == sorted(names)
    assert all(name.split("/")[0] in {"root", "images", "packages", "runtime", "sbom"} for name in names)
