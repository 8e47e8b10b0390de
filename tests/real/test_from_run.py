"""FROM another .run, end to end: layouts, apt's own solver, a stand-in for the frozen installer."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.build import relock
from bundler.builder.build.request import BuildRequest
from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.lint import lint
from bundler.builder.lib.progress import Silent
from bundler.builder.lock.model import place
from bundler.builder.lock.text import read
from bundler.builder.lock.why import reasons
from bundler.builder.packages import PackageSources
from bundler.builder.sbom.model import CYCLONEDX, PROVENANCE
from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.index import Index, Member
from bundler.core.oci import ARM64
from tests.build_kit import built
from tests.kits import run_files
from tests.kits.images import (
    OCI,
    MadeImage,
    StubRegistry,
    described,
    digest_of,
    index_of,
    layout_files,
)
from tests.real import debian_kit, registry_kit

LACKS = debian_kit.missing() or registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKS), reason=LACKS or "all there")]

SHARED = MadeImage(b"the layer that all share" * 1000, b"base")
OWN = MadeImage(b"the layer that all share" * 1000, b"own")
BASE = """\
FROM scratch
LABEL org.opencontainers.image.title=platform org.opencontainers.image.version=3 io.kubernetes.version=v1.24.1
ENV TIER=gold
KUBEVERSION ~1.24
COPY conf etc/conf
COPY --chmod=755 conf bin/tool
IMAGE oci:layout:quay.io/acme/shared:1
CNI net local://net
APP seed local://seed
APPCMDS seed ["./seed.sh --all"]
APPENV seed LEVEL=info
PACKAGE debian:bookworm server
LAUNCH ["seed"]
"""
CHILD = """\
ARG BASE=../platform.run
FROM $BASE
LABEL org.opencontainers.image.title=shop
ENV SHOP=1
RUN cat etc/conf > etc/copied && printf '%s' "$TIER" > etc/tier
IMAGE oci:layout:quay.io/acme/own:1
APP web local://web
APPENV seed LEVEL=debug
LAUNCH ["seed", "web"]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: c, image: "quay.io/acme/shared:1"}
"""
NET = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: net}\n"


class Said(Silent):
    """Keeps what everybody should see."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass(frozen=True)
class Project:
    """Two folders, platform/ and shop/, the second FROM the .run of the first."""

    folder: Path
    request: BuildRequest
    mirror: debian_kit.Mirror

    def built(self, name: str, *, cache: str = "cache", said: Silent | None = None, **more: Any) -> Path:
        """The .run of a folder, `NAME.run` unless `target` says another one."""
        with Store(self.folder / cache) as store:
            return built(self.ordered(name, **more), store, said or Silent()).path

    def ordered(self, name: str, **more: Any) -> BuildRequest:
        folder = self.folder / name
        found = read(place(folder / "Kubefile"))
        request = replace(
            self.request, kubefile=folder / "Kubefile", context=folder, target=self.folder / f"{name}.run"
        )
        if found:
            request = replace(request, lock=found[0], lock_digest=found[1])
        return replace(request, **more)

    def write(self, name: str, kubefile: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "Kubefile").write_text(kubefile)


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian_kit.Mirror]:
    packages = (
        *debian_kit.MINIMAL,
        debian_kit.Package("server", depends="libc6, tool"),
        debian_kit.Package("tool"),
        debian_kit.Package("extra", depends="tool"),
    )
    with debian_kit.mirror(tmp_path_factory.mktemp("mirror"), {"bookworm": packages}) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, debian: debian_kit.Mirror) -> Project:
    request = BuildRequest(
        kubefile=Path(),
        context=Path(),
        catalogue=Catalogue(default_catalogue()),
        sources=PackageSources({"debian": debian.uri}, {"debian": debian.keyring}),
        runtime=run_files.runtime(tmp_path / "runtime.tar.gz"),
    )
    made = Project(tmp_path, request, debian)
    made.write("platform", BASE)
    made.write("shop", CHILD)
    texts = {
        "platform/conf": "conf\n",
        "platform/net/net.yaml": NET,
        "platform/seed/seed.sh": "echo seed\n",
        "platform/seed/data.txt": "data\n",
        "shop/web/pod.yaml": POD,
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    registry_kit.write_layout(tmp_path / "platform/layout", layout_files({"quay.io/acme/shared:1": SHARED}))
    registry_kit.write_layout(tmp_path / "shop/layout", layout_files({"quay.io/acme/own:1": OWN}))
    return made


def index_of_run(run: Path) -> Index:
    with Bundle.open(run) as bundle:
        bundle.check()
        return bundle.index


def digests(index: Index, below: str) -> dict[str, str]:
    return {each.path: str(each.digest) for each in index.members if each.path.startswith(below)}


def test_the_base_is_the_start_of_the_bundle(project: Project) -> None:
    base = index_of_run(project.built("platform"))
    # another cache, as on another machine: all there is of the base is its .run
    child_run = project.built("shop", cache="other", offline=True)
    child = index_of_run(child_run)
    assert (child.name, child.version, child.kubernetes) == ("shop", "3", "v1.24.1")
    assert (dict(child.env), child.kube_versions) == ({"TIER": "gold", "SHOP": "1"}, ("~1.24",))
    assert [(app.name, app.kind, app.role, app.commands, dict(app.env)) for app in child.apps] == [
        ("net", "kube", "cni", (), {}),
        ("seed", "commands", "app", (("sh", "-c", "./seed.sh --all"),), {"LEVEL": "debug"}),
        ("web", "kube", "app", (), {}),
    ]
    assert (base.launch, child.launch) == (("net", "seed"), ("net", "seed", "web"))
    assert [image.name for image in child.images] == ["quay.io/acme/own:1", "quay.io/acme/shared:1"]
    assert child.images[1] == base.images[0]
    assert child.packages == base.packages
    kept = digests(base, "root/") | digests(base, "packages/") | digests(base, "images/blobs/")
    assert kept.items() <= digests(child, "").items()
    tool = child.member("root/bin/tool")
    assert tool is not None
    assert tool.mode == 0o755
    with Bundle.open(child_run) as bundle:
        assert bundle.read(bundle.member("root/etc/copied")) == b"conf\n"
        assert bundle.read(bundle.member("root/etc/tier")) == b"gold"
        sbom = json.loads(b"".join(bundle.chunks(bundle.member(CYCLONEDX))))
        statement = json.loads(bundle.read(bundle.member(PROVENANCE)))
    with Bundle.open(project.folder / "platform.run") as bundle:
        seal = sha256(bundle.seal.to_bytes()).hexdigest()
    taken = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"name": "platform 3", "digest": {"sha256": seal}} in taken
    names = {part["name"] for part in sbom["components"]}
    assert {"quay.io/acme/shared:1", "server", "tool"} <= names


def test_a_base_out_of_a_run_gives_what_the_kubefile_itself_gives(project: Project) -> None:
    project.built("platform")
    text = CHILD.replace("../platform.run", "../platform")
    project.write("shop", text)
    by_kubefile = index_of_run(project.built("shop"))
    project.write("shop", CHILD)
    by_run = index_of_run(project.built("shop"))
    assert digests(by_run, "sbom/").keys() == digests(by_kubefile, "sbom/").keys()
    for below in ("root/", "images/", "packages/"):
        assert digests(by_run, below) == digests(by_kubefile, below)
    assert replace(by_run, members=()) == replace(by_kubefile, members=())


def test_bundles_with_one_base_share_its_blobs(project: Project) -> None:
    base = index_of_run(project.built("platform"))
    children = []
    for name in ("one", "two"):
        project.write(name, f"FROM ../platform.run\nLABEL org.opencontainers.image.title={name}\n")
        children.append(index_of_run(project.built(name, cache=f"cache-{name}")))
    blobs = [digests(child, "images/blobs/") for child in children]
    assert blobs[0] == blobs[1] == digests(base, "images/blobs/")
    assert len(blobs[0]) == 4  # manifest, config, two layers
    known = digests(base, "images/blobs/") | digests(base, "root/")
    folder = project.folder / "cache-two/blobs/sha256"
    blob_files = [folder / each[7:9] / each[7:] for each in known.values()]
    stored = {path: path.stat().st_mtime_ns for path in blob_files}
    project.write("three", "FROM ../platform.run\nLABEL org.opencontainers.image.title=three\n")
    project.built("three", cache="cache-two")
    assert stored == {path: path.stat().st_mtime_ns for path in blob_files}


def test_what_is_in_the_cache_is_not_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.built("platform")
    read_members: list[str] = []
    chunks = Bundle.chunks

    def noted(self: Bundle, member: Member) -> Iterator[bytes]:
        read_members.append(member.path)
        return chunks(self, member)

    monkeypatch.setattr(Bundle, "chunks", noted)
    project.built("shop", cache="other")
    assert len(read_members) == len(set(read_members)) > 0
    assert not [path for path in read_members if path.startswith(("sbom/", "runtime/"))]
    read_members.clear()
    project.built("shop", cache="other")
    assert read_members == []


def test_the_lock_pins_the_base(project: Project) -> None:
    project.built("platform")
    with Store(project.folder / "cache") as store:
        relock.lock([project.ordered("shop")], store, Silent())
    locked = json.loads((project.folder / "shop/Kubefile.lock").read_text())["platforms"]["linux/amd64"]
    with Bundle.open(project.folder / "platform.run") as bundle:
        seal = sha256(bundle.seal.to_bytes()).hexdigest()
    assert locked["kubefiles"] == [
        {
            "base": "../platform.run",
            "digest": f"sha256:{seal}",
            "manifest": "",
            "why": ["FROM in Kubefile:2"],
        }
    ]
    assert locked["suites"] == []
    assert {each["reference"]: each["source"] for each in locked["images"]} == {
        "quay.io/acme/own:1": "file",
        "quay.io/acme/shared:1": "file",
    }
    why = reasons(project.ordered("shop").lock, "shared")
    assert "because of FROM in Kubefile:2" in why
    first = project.built("shop", locked=True).read_bytes()
    assert project.built("shop", locked=True, cache="other", offline=True).read_bytes() == first
    (project.folder / "platform/conf").write_text("other\n")
    project.built("platform")
    with pytest.raises(Problems, match=r"base ../platform.run is sha256:.*, but locked as") as caught:
        project.built("shop", locked=True)
    assert [problem.rule for problem in caught.value.problems] == ["lock-differs"]


def test_packages_are_resolved_anew_only_for_what_the_base_lacks(project: Project) -> None:
    base = index_of_run(project.built("platform"))
    asked_before = len(project.mirror.requests)
    project.write("shop", "FROM ../platform.run\nPACKAGE debian:bookworm tool\n")
    assert index_of_run(project.built("shop", cache="other")).packages == base.packages
    assert len(project.mirror.requests) == asked_before
    project.write("shop", "FROM ../platform.run\nPACKAGE debian:bookworm extra tool\n")
    said = Said()
    child = index_of_run(project.built("shop", cache="other", said=said))
    assert [(each.name, each.requested) for each in child.packages] == [
        ("extra", True),
        ("server", True),
        ("tool", True),
    ]
    assert sorted(digests(child, "packages/")) == [
        f"packages/debian-bookworm/{name}"
        for name in (
            "Packages",
            "Release",
            "extra_1.0_amd64.deb",
            "server_1.0_amd64.deb",
            "tool_1.0_amd64.deb",
        )
    ]
    assert [line for line in said.lines if "resolved again" in line] != []


def test_a_base_for_another_platform_is_refused(project: Project) -> None:
    project.write("platform", BASE.replace("PACKAGE debian:bookworm server\n", ""))
    project.built("platform")
    with pytest.raises(Problems) as caught:
        project.built("shop", platform=ARM64)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.location.line) == ("from-platform", 2)
    assert "platform.run is for linux/amd64, the bundle is made for linux/arm64" in problem.message
    assert not (project.folder / "shop.run").exists()


def test_another_image_of_the_same_name_is_told(project: Project) -> None:
    project.built("platform")
    registry_kit.write_layout(project.folder / "shop/layout2", layout_files({"quay.io/acme/shared:1": OWN}))
    project.write("shop", "FROM ../platform.run\nIMAGE oci:layout2:quay.io/acme/shared:1\n")
    with pytest.raises(Problems, match="two different images have this name"):
        project.built("shop")


def test_an_image_pinned_to_a_list_keeps_its_list(project: Project) -> None:
    other = MadeImage(b"arm", platform="linux/arm64")
    listed = index_of(SHARED, other)
    digest = sha256(listed).hexdigest()
    files = layout_files({"": SHARED}) | {f"blobs/sha256/{digest}": listed}
    name = f"quay.io/acme/shared@sha256:{digest}"
    entry = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": f"sha256:{digest}",
        "size": len(listed),
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    registry_kit.write_layout(project.folder / "platform/listed", files)
    project.write("platform", f"FROM scratch\nIMAGE oci:listed:{name}\n")
    base = index_of_run(project.built("platform"))
    project.write("shop", "FROM ../platform.run\n")
    child = index_of_run(project.built("shop", cache="other", offline=True))
    assert child.images == base.images
    assert len(child.images[0].manifests) == 2


@dataclass(frozen=True)
class Signed:
    """An image of Docker's media types, with a signature as cosign's and a list of referrers beside it."""

    name: str
    host: str


@pytest.fixture
def signed() -> Iterator[Signed]:
    image = MadeImage(b"of docker's own types", docker=True)
    with StubRegistry() as registry:
        try:
            name = registry.put("acme/signed:1", image)
            tag = image.digest.replace(":", "-")
            _attach(registry, f"{tag}.sig", b"a signature")
            listed = _attach(registry, "bom", b"a bill")
            listing = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [listed]}
            registry.put_index(f"acme/signed:{tag}", json.dumps(listing).encode())
            yield Signed(name, registry.host)
        finally:
            registry.shutdown()


def _attach(registry: StubRegistry, tag: str, data: bytes) -> dict[str, object]:
    """Put an artifact there; what a list of referrers says of it."""
    config, layer = described(b"{}", "application/vnd.oci.empty.v1+json"), described(data, "text/plain")
    kind = f"{OCI}.manifest.v1+json"
    raw = json.dumps(
        {"schemaVersion": 2, "mediaType": kind, "artifactType": "x/y", "config": config, "layers": [layer]}
    ).encode()
    for blob in (b"{}", data):
        registry.content[f"/v2/acme/signed/blobs/{digest_of(blob)}"] = ("application/octet-stream", blob)
    for wanted in (tag, digest_of(raw)):
        registry.content[f"/v2/acme/signed/manifests/{wanted}"] = (kind, raw)
    return described(raw, kind)


def test_signatures_and_dockers_own_types_come_along(project: Project, signed: Signed) -> None:
    project.write("platform", f"FROM scratch\nIMAGE --with-signatures {signed.name}\n")
    base = index_of_run(project.built("platform", insecure=frozenset({signed.host})))
    assert len(base.images[0].attached) == 2
    project.write("shop", "FROM ../platform.run\n")
    child = index_of_run(project.built("shop", cache="other", offline=True))
    assert child.images == base.images
    assert digests(child, "images/") == digests(base, "images/")


def test_a_signature_on_the_base_changes_nothing(project: Project) -> None:
    run = project.built("platform")
    with Store(project.folder / "cache") as store:
        relock.lock([project.ordered("shop")], store, Silent())
    first = project.built("shop", locked=True).read_bytes()
    keygen(project.folder / "key", b"", "vendor")
    sign_file(run, find_signer(str(project.folder / "key")))
    assert project.built("shop", locked=True).read_bytes() == first


def test_a_base_of_a_base_may_be_a_run(project: Project) -> None:
    project.built("platform")
    project.write("middle", "FROM ../platform.run\nENV MIDDLE=1\nRUN rm etc/conf\n")
    project.write("shop", 'FROM ../middle\nRUN test "$TIER$MIDDLE" = gold1\n')
    child = index_of_run(project.built("shop"))
    assert (dict(child.env), child.launch) == ({"TIER": "gold", "MIDDLE": "1"}, ("net",))
    assert child.member("root/etc/conf") is None
    project.write("middle", "FROM scratch\n")
    project.write("shop", "FROM ../shop.run\n")
    assert index_of_run(project.built("shop", target=project.folder / "last.run")).env == child.env


def damaged_content(run: Path) -> None:
    """A byte of a file's frame is another one."""
    with Bundle.open(run) as bundle:
        member = bundle.member("root/application/apps/net/net.yaml")
        offset = bundle.seal.section("archive").offset + member.offset + member.length - 1
    _flip(run, offset)


def damaged_index(run: Path) -> None:
    with Bundle.open(run) as bundle:
        offset = bundle.seal.section("index").offset + 40
    _flip(run, offset)


def _flip(run: Path, offset: int) -> None:
    with run.open("r+b") as stream:
        stream.seek(offset)
        byte = stream.read(1)[0]
        stream.seek(-1, io.SEEK_CUR)
        stream.write(bytes([byte ^ 0xFF]))


@pytest.mark.parametrize("damage", [damaged_content, damaged_index])
def test_a_damaged_base_is_refused_and_nothing_is_written(
    project: Project, damage: Callable[[Path], None]
) -> None:
    damage(project.built("platform"))
    with pytest.raises(BundlerError, match=r"damaged|digest") as caught:
        project.built("shop", cache="other")
    assert caught.value.code is ExitCode.INTEGRITY
    assert not (project.folder / "shop.run").exists()


def test_a_base_that_is_not_there_is_told_with_its_line(project: Project) -> None:
    with pytest.raises(Problems) as caught:
        project.built("shop")
    assert [(p.rule, p.location.line) for p in caught.value.problems] == [("from-unknown", 2)]


def test_a_base_with_another_kubernetes_is_told(project: Project) -> None:
    project.built("platform")
    project.write("shop", "FROM ../platform.run\nKUBEVERSION >=1.25\nLABEL io.kubernetes.version=v1.25.3\n")
    with pytest.raises(Problems) as caught:
        project.built("shop")
    (problem,) = caught.value.problems
    assert problem.rule == "kube-version-unfit"
    assert "v1.25.3, which is not in ~1.24, the KUBEVERSION of platform.run" in problem.message


def test_lint_knows_the_bases_apps_and_variables(project: Project) -> None:
    project.built("platform")
    path = project.folder / "shop/Kubefile"
    path.write_text('FROM ../platform.run\nCOPY $TIER x\nAPPENV seed A=1\nLAUNCH ["seed"]\n')
    assert lint(path, project.request.catalogue).findings == ()
    path.write_text('FROM ../platform.run\nCOPY $TEAR x\nLAUNCH ["sed"]\n')
    found = [finding.problem.rule for finding in lint(path, project.request.catalogue).findings]
    assert sorted(found) == ["launch-unknown-app", "undefined-variable"]


def test_the_child_starts_as_any_other_run(project: Project) -> None:
    project.built("platform")
    done = subprocess.run(
        ["sh", project.built("shop"), "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


ARM = MadeImage(b"for arm", platform="linux/arm64")


def bundler(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bundler.builder", *map(str, words)]
    where = {"BUNDLER_CACHE": str(folder / "cache"), "PATH": os.environ["PATH"]}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **where}
    )


def for_both(folder: Path) -> tuple[object, ...]:
    """Options for two platforms, each with a runtime."""
    runtime = run_files.runtime(folder / "both.tar.gz")
    both = ("--runtime", f"linux/amd64={runtime}", "--runtime", f"linux/arm64={runtime}", "-q")
    return ("--platform", "linux/amd64,linux/arm64", *both)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """platform/ and shop/ with one image for two platforms; shop is FROM platform's .run of its own."""
    files = layout_files({"quay.io/acme/two:1": SHARED}) | layout_files({"": ARM})
    listed = index_of(SHARED, ARM)
    digest = sha256(listed).hexdigest()
    files[f"blobs/sha256/{digest}"] = listed
    note = {"annotations": {"org.opencontainers.image.ref.name": "quay.io/acme/two:1"}}
    kind = "application/vnd.oci.image.index.v1+json"
    entry = {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(listed)} | note
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    registry_kit.write_layout(tmp_path / "platform/layout", files)
    (tmp_path / "platform/Kubefile").write_text("FROM scratch\nIMAGE oci:layout:quay.io/acme/two:1\n")
    (tmp_path / "shop").mkdir()
    text = "FROM ../platform-$TARGETARCH.run\nRUN echo $TARGETARCH > arch\n"
    (tmp_path / "shop/Kubefile").write_text(text)
    return tmp_path


def test_several_platforms_are_a_run_each_and_a_base_is_found_for_each(both: Path) -> None:
    for name in ("platform", "shop"):
        done = bundler(both, "make", both / name, *for_both(both), "-o", both / f"{name}.run")
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in both.glob("*.run")) == [
        "platform-amd64.run",
        "platform-arm64.run",
        "shop-amd64.run",
        "shop-arm64.run",
    ]
    for architecture, image in (("amd64", SHARED), ("arm64", ARM)):
        index = index_of_run(both / f"shop-{architecture}.run")
        assert index.platform == f"linux/{architecture}"
        assert [str(one.digest) for one in index.images] == [image.digest]
        with Bundle.open(both / f"shop-{architecture}.run") as bundle:
            assert bundle.read(bundle.member("root/arch")).decode() == f"{architecture}\n"


def test_one_lock_holds_all_platforms(both: Path) -> None:
    platforms = ("--platform", "linux/amd64,linux/arm64")
    done = bundler(both, "make", both / "platform", *for_both(both), "-o", both / "platform.run")
    assert done.returncode == 0, done.stderr
    done = bundler(both, "lock", both / "shop", *platforms, "-q")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith(":")] == [
        "linux/amd64:",
        "linux/arm64:",
    ]
    lock = both / "shop/Kubefile.lock"
    locked = json.loads(lock.read_text())["platforms"]
    assert {name: each["images"][0]["manifest"] for name, each in locked.items()} == {
        "linux/amd64": SHARED.digest,
        "linux/arm64": ARM.digest,
    }
    done = bundler(both, "make", both / "shop", *for_both(both), "--locked", "-o", both / "shop.run")
    assert done.returncode == 0, done.stderr
    before = lock.read_bytes()
    (both / "platform-arm64.run").unlink()  # the second of the two can't be resolved: neither is written
    done = bundler(both, "update", "-C", both / "shop", *platforms, "-q")
    assert done.returncode == ExitCode.INPUT
    assert "from-unknown" in done.stderr
    assert lock.read_bytes() == before


def test_a_platform_without_an_installer_is_told_before_anything_is_made(both: Path) -> None:
    runtime = run_files.runtime(both / "one.tar.gz")
    platforms = ("--platform", "linux/amd64,linux/s390x", "--runtime", f"linux/amd64={runtime}")
    done = bundler(both, "make", both / "platform", *platforms, "-o", both / "platform.run")
    assert done.returncode == ExitCode.UNSUPPORTED
    assert "there is no frozen installer for linux/s390x" in done.stderr
    assert list(both.glob("*.run")) == []
