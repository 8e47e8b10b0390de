"""FROM oci://…, end to end: bundles that `bundler push` has put into a real docker-registry."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bundler.builder.artifact import work
from bundler.builder.artifact.work import Around
from bundler.builder.build import relock
from bundler.builder.build.request import BuildRequest
from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.lint import lint
from bundler.builder.lib.progress import Silent
from bundler.builder.lock.model import place
from bundler.builder.lock.text import read
from bundler.builder.lock.why import reasons
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registries import Mirror, Registries, Rule
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.index import Index
from bundler.core.oci import Platform
from tests.build_kit import built
from tests.kits import run_files
from tests.kits.images import MadeImage, layout_files
from tests.real import registry_kit
from tests.real.registry_kit import Registry, login, running, skopeo, write_layout
from tests.real.token_kit import serving_tokens

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]

SHARED = MadeImage(os.urandom(2_000_000))
BASE = """\
FROM scratch
LABEL org.opencontainers.image.title=platform org.opencontainers.image.version=3
ENV TIER=gold
COPY conf etc/conf
COPY tool bin/tool
IMAGE oci:layout:quay.io/acme/shared:1
APP seed local://seed
LAUNCH ["seed"]
"""
CHILD = """\
FROM {base}
LABEL org.opencontainers.image.title=shop
RUN cat etc/conf > etc/copied
APPENV seed LEVEL=debug
"""
Requests = list[tuple[str, str, str]]


@dataclass(frozen=True)
class Project:
    """Folders with Kubefiles below one folder, and a registry."""

    folder: Path
    registry: Registry
    request: BuildRequest

    def write(self, name: str, files: dict[str, str | bytes]) -> None:
        for file, content in files.items():
            path = self.folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def ordered(self, name: str, **more: Any) -> BuildRequest:
        folder = self.folder / name
        target = self.folder / f"{name}.run"
        request = replace(self.request, kubefile=folder / "Kubefile", context=folder, target=target)
        if found := read(place(request.kubefile)):
            request = replace(request, lock=found[0], lock_digest=found[1])
        return replace(request, **more)

    def built(self, name: str, cache: str = "cache", **more: Any) -> Path:
        with Store(self.folder / cache) as store:
            return built(self.ordered(name, **more), store, Silent()).path

    def locked(self, name: str, cache: str = "cache") -> None:
        with Store(self.folder / cache) as store:
            relock.lock([self.ordered(name)], store, Silent())

    def push(self, name: str, *runs: Path) -> Digest:
        options = RegistryOptions(insecure=self.request.insecure)
        with Store(self.folder / "pusher") as store:
            _, digest, _ = work.push(list(map(str, runs)), name, Around(store, options, Silent()))
        return digest

    @property
    def base(self) -> str:
        return f"{self.registry.host}/acme/platform:3"

    def prepared(self) -> Digest:
        """The base in the registry, and a child FROM it."""
        self.write("shop", {"Kubefile": CHILD.format(base=f"oci://{self.base}")})
        return self.push(self.base, self.built("platform", cache="vendor"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(tmp_path / "registry") as started:
        yield started


@pytest.fixture
def project(tmp_path: Path, registry: Registry) -> Project:
    request = BuildRequest(
        kubefile=Path(),
        context=Path(),
        catalogue=Catalogue(default_catalogue()),
        runtime=run_files.runtime(tmp_path / "runtime.tar.gz"),
        insecure=frozenset({registry.host}),
    )
    made = Project(tmp_path, registry, request)
    made.write("platform", {"Kubefile": BASE, "conf": "conf\n", "tool": os.urandom(700_000)})
    made.write("platform", {"seed/seed.sh": "echo seed\n"})
    write_layout(tmp_path / "platform/layout", layout_files({"quay.io/acme/shared:1": SHARED}))
    return made


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Method, path and range of each request that is sent."""
    seen: Requests = []
    real = httpx2.Client.send

    def send(self: httpx2.Client, request: httpx2.Request, **more: Any) -> httpx2.Response:
        seen.append((request.method, request.url.path, request.headers.get("Range", "")))
        return real(self, request, **more)

    monkeypatch.setattr(httpx2.Client, "send", send)
    return seen


def index_of_run(run: Path) -> Index:
    with Bundle.open(run) as bundle:
        bundle.check()
        return bundle.index


def contents(index: Index) -> dict[str, Digest]:
    return {
        each.path: each.digest for each in index.members if not each.path.startswith(("sbom/", "runtime/"))
    }


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_base_in_a_registry_gives_what_the_file_gives(project: Project) -> None:
    project.prepared()
    child = index_of_run(project.built("shop", cache="other"))
    project.write("shop", {"Kubefile": CHILD.format(base="../platform.run")})
    by_file = index_of_run(project.built("shop"))
    assert contents(child) == contents(by_file)
    assert replace(child, members=()) == replace(by_file, members=())
    assert dict(child.env) == {"TIER": "gold"}
    assert [image.name for image in child.images] == ["quay.io/acme/shared:1"]


def test_what_is_in_the_cache_is_not_fetched_again(project: Project, requests: Requests) -> None:
    project.prepared()
    project.built("shop", cache="other")
    del requests[:]
    project.built("shop", cache="other")
    assert requests == [("GET", "/v2/acme/platform/manifests/3", "")]
    del requests[:]
    project.built("shop", cache="other", offline=True)
    assert requests == []


def test_only_what_the_cache_lacks_is_fetched(project: Project, requests: Requests) -> None:
    """Of the next version, and of another bundle that shares an image with the base."""
    project.prepared()
    project.built("shop", cache="other")
    project.write("platform", {"conf": "another\n"})
    project.push(project.base, project.built("platform", cache="vendor"))
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{project.base}"))
    large = {part["digest"] for part in manifest["layers"] if part["size"] > 600_000}
    assert len(large) == 2  # the layer and the tool
    del requests[:]
    child = index_of_run(project.built("shop", cache="other"))
    conf = child.member("root/etc/conf")
    assert conf is not None
    assert conf.digest == Digest.of(b"another\n")
    assert [path for method, path, _ in requests if path.rpartition("/")[2] in large] == []


def test_the_cache_holds_everything_once(project: Project) -> None:
    project.prepared()
    project.built("shop", cache="other")
    cache = project.folder / "other"
    assert files_below(cache / "partial") == files_below(cache / "temp") == []
    run = project.folder / "platform.run"
    stored = sum(path.stat().st_blocks * 512 for path in files_below(cache / "blobs"))
    assert stored < 1.2 * run.stat().st_size  # with what the child made: its bills, its small files


def test_two_builds_at_once_fetch_it_once(project: Project, requests: Requests) -> None:
    project.prepared()
    for name in ("one", "two"):
        project.write(name, {"Kubefile": CHILD.format(base=f"oci://{project.base}")})
    del requests[:]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda name: project.built(name, cache="other"), ("one", "two")))
    one, two = map(index_of_run, runs)
    assert contents(one) == contents(two)
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{project.base}"))
    largest = max(manifest["layers"], key=lambda part: part["size"])["digest"]
    assert [path for _, path, _ in requests if path.endswith(largest)] == [
        f"/v2/acme/platform/blobs/{largest}"
    ]
    assert files_below(project.folder / "other/partial") == []


def test_a_fetch_that_was_cut_goes_on(project: Project, requests: Requests) -> None:
    """What kill -9 leaves: a file with holes, in the cache."""
    digest = project.prepared()
    data = (project.folder / "platform.run").read_bytes()
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{project.base}"))
    sizes = [part["size"] for part in manifest["layers"]]
    start = sum(sizes[: sizes.index(max(sizes))])
    stop = start + 1_000_000
    while data[stop - 1] == 0:
        stop += 1
    left = project.folder / "other/partial" / f"{digest.hex}.run"
    left.parent.mkdir(parents=True)
    with left.open("wb") as half:
        half.truncate(len(data))
        half.seek(start)
        half.write(data[start:stop])
    project.built("shop", cache="other")
    assert [told for _, _, told in requests if told] == [f"bytes={stop - start}-"]
    assert not left.exists()


def test_the_lock_pins_manifest_and_seal(project: Project, requests: Requests) -> None:
    digest = project.prepared()
    project.locked("shop", cache="other")
    with Bundle.open(project.folder / "platform.run") as bundle:
        seal = Digest.of(bundle.seal.to_bytes())
    locked = json.loads((project.folder / "shop/Kubefile.lock").read_text())["platforms"]["linux/amd64"]
    assert locked["kubefiles"] == [
        {
            "base": f"oci://{project.base}",
            "digest": str(seal),
            "manifest": str(digest),
            "why": ["FROM in Kubefile:1"],
        }
    ]
    assert "because of FROM in Kubefile:1" in reasons(project.ordered("shop").lock, "platform")
    first = project.built("shop", cache="other", locked=True).read_bytes()

    project.write("platform", {"conf": "moved\n"})
    moved = project.push(project.base, project.built("platform", cache="vendor"))  # the tag means this now
    assert project.built("shop", cache="cold", locked=True).read_bytes() == first
    del requests[:]
    assert project.built("shop", cache="cold", locked=True, offline=True).read_bytes() == first
    assert requests == []

    with Store(project.folder / "other") as store:
        changes = relock.update([project.ordered("shop")], ["acme/platform"], store, Silent())
    (change,) = [each for each in changes["linux/amd64"] if "platform" in str(each)]
    assert str(digest) in str(change)
    assert str(moved) in str(change)
    conf = index_of_run(project.built("shop", locked=True)).member("root/etc/conf")
    assert conf is not None
    assert conf.digest == Digest.of(b"moved\n")


def test_signing_the_base_later_moves_the_manifest_and_not_the_seal(project: Project) -> None:
    project.prepared()
    project.locked("shop")
    (before,) = project.ordered("shop").lock.inputs("linux/amd64").kubefiles
    run = project.folder / "platform.run"
    signed(run, project.folder / "key")
    pushed = project.push(project.base, run)
    with Store(project.folder / "cache") as store:
        relock.update([project.ordered("shop")], [], store, Silent())
    (after,) = project.ordered("shop").lock.inputs("linux/amd64").kubefiles
    assert (after.digest, after.manifest) == (before.digest, str(pushed))
    assert after.manifest != before.manifest


def signed(run: Path, key: Path) -> None:
    keygen(key, b"", "vendor")
    sign_file(run, find_signer(str(key), None))


def test_of_several_platforms_the_bundles_own_is_taken(project: Project, tmp_path: Path) -> None:
    runs = []
    for architecture in ("amd64", "arm64"):
        runs.append(tmp_path / f"{architecture}.run")
        files = {"root/etc/arch": architecture.encode()}
        run_files.make_run(runs[-1], platform=f"linux/{architecture}", files=files)
    text = f'FROM oci://{project.registry.host}/acme/both:1\nCMDS ["true"]\n'
    project.write("shop", {"Kubefile": text})
    project.push(f"{project.registry.host}/acme/both:1", *runs)
    project.write("one", {"Kubefile": text.replace("both", "one")})
    project.push(f"{project.registry.host}/acme/one:1", runs[1])
    with pytest.raises(Problems) as caught:
        project.built("one")
    assert [problem.rule for problem in caught.value.problems] == ["from-platform"]
    with pytest.raises(Problems) as caught:
        project.built("shop", platform=Platform("linux", "s390x"))
    (problem,) = caught.value.problems
    assert (problem.rule, caught.value.code) == ("from-unknown", ExitCode.NOT_FOUND)
    assert "it is offered for linux/amd64, linux/arm64" in problem.message


@pytest.mark.parametrize(
    ("name", "code"),
    [("acme/nothing:1", ExitCode.NOT_FOUND), ("acme/image:1", ExitCode.UNSUPPORTED)],
)
def test_what_is_no_bundle_is_told_at_its_line(project: Project, name: str, code: ExitCode) -> None:
    layout = project.folder / "platform/layout"
    project.registry.push(layout, "quay.io/acme/shared:1", "acme/image:1")
    project.write("shop", {"Kubefile": CHILD.format(base=f"oci://{project.registry.host}/{name}")})
    with pytest.raises(BundlerError) as caught:
        project.built("shop")
    assert caught.value.code is code
    assert "Kubefile:1:6" in str(caught.value)


def test_without_a_network_the_cache_must_have_it(project: Project) -> None:
    project.prepared()
    with pytest.raises(Problems) as caught:
        project.built("shop", cache="other", offline=True)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "the build is offline" in str(caught.value)


def test_a_mirror_is_asked_and_the_name_stays(project: Project) -> None:
    project.prepared()
    project.write("shop", {"Kubefile": CHILD.format(base="oci://registry.invalid/acme/platform:3")})
    rule = Rule("registry.invalid", mirrors=(Mirror(project.registry.host, insecure=True),))
    project_mirrored = replace(
        project, request=replace(project.request, mirrors=Mirrors(registries=Registries((rule,))))
    )
    project_mirrored.locked("shop")
    (pin,) = project.ordered("shop").lock.inputs("linux/amd64").kubefiles
    assert pin.base == "oci://registry.invalid/acme/platform:3"


def test_a_damaged_part_never_gets_into_the_bundle(project: Project) -> None:
    project.prepared()
    stored = max(
        (project.registry.storage / "docker/registry/v2/blobs").rglob("data"), key=lambda p: p.stat().st_size
    )
    with stored.open("r+b") as file:
        file.seek(1000)
        file.write(bytes(64))
    with pytest.raises(BundlerError) as caught:
        project.built("shop", cache="other")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_logins_are_those_of_images(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """TLS, and a registry that wants a password or a token; FROM asks as IMAGE does."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    run = project.built("platform", cache="vendor")
    with serving_tokens(tmp_path / "tls") as tokens:
        how: dict[str, Any] = {"password": True} if kind == "basic" else {"auth": tokens.auth}
        with running(tokens.folder, tls=True, **how) as registry:
            monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))
            project.write("shop", {"Kubefile": CHILD.format(base=f"oci://{registry.host}/acme/platform:3")})
            with pytest.raises(BundlerError) as caught:
                project.built("shop")
            assert caught.value.code is ExitCode.TRUST
            assert "skopeo login" in str(caught.value)
            (tmp_path / "containers").mkdir()
            login(tmp_path / "containers/auth.json", registry.host)
            assert Keychain.of(os.environ).find(registry.host, "x") is not None
            project.push(f"{registry.host}/acme/platform:3", run)
            assert index_of_run(project.built("shop", cache="other")).name == "shop"


def found(project: Project, text: str) -> list[tuple[str, str]]:
    """Rules and hints of `bundler lint`."""
    project.write("lint", {"Kubefile": f'{text}\nCMDS ["true"]\n'})
    report = lint(project.folder / "lint/Kubefile", Catalogue(default_catalogue()))
    return [(finding.problem.rule, finding.problem.hint) for finding in report.findings]


def test_lint_asks_no_registry_and_tells_sealers_users_what_to_write(project: Project) -> None:
    assert found(project, "FROM oci://registry.invalid/acme/platform:3") == []
    ((rule, hint),) = found(project, "FROM docker.io/sealerio/kubernetes:v1.22.15")
    assert rule == "from-unsupported"
    assert "FROM oci://docker.io/sealerio/kubernetes:v1.22.15" in hint
    ((rule, hint),) = found(project, "FROM oci://registry.invalid/UPPER:1")
    assert (rule, "capital" in hint) == ("from-unknown", True)
