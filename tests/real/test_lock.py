"""The lock end to end: real registry, apt's own solver, files by HTTP; what moves and what stays."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze
from bundler.core.archive import Bundle
from bundler.core.oci import AMD64
from tests.kits.images import MadeImage, layout_files
from tests.real import debian_kit, registry_kit

LACKS = debian_kit.missing() or registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKS), reason=LACKS or "all there")]

NO_NETWORK = ["unshare", "--net"] if os.geteuid() == 0 else []  # else --offline's own word is taken

KUBEFILE = """\
FROM ./base
ADD @FILES@/tool bin/tool
ADD --checksum=sha256:@FILES@/SHA256SUMS @FILES@/summed bin/summed
IMAGE @REGISTRY@/team/side:1
APP web local://web
APP plain local://plain
PACKAGE debian:bookworm server
"""
TEXTS = {
    "Kubefile": KUBEFILE,
    "base/Kubefile": "FROM scratch\nLABEL org.opencontainers.image.title=shop\nCOPY conf etc/conf\n",
    "base/conf": "conf\n",
    "plain/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: plain}\nspec:\n  containers:\n"
    '  - {name: c, image: "@REGISTRY@/team/main:1"}\n',
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "web/values.yaml": 'backend:\n  image: {repository: "@REGISTRY@/team/chart", tag: "1"}\n',
    "web/templates/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
    "  template:\n    spec:\n      containers:\n      - name: c\n"
    '        image: "{{ .Values.backend.image.repository }}:{{ .Values.backend.image.tag }}"\n',
}


@dataclass(frozen=True)
class Site:
    """A project and the servers that it takes its inputs from."""

    folder: Path
    files: Path
    registry: registry_kit.Registry
    push: Callable[[str, bytes], None]
    run: Callable[..., subprocess.CompletedProcess[str]]

    @property
    def lock(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = json.loads((self.folder / "Kubefile.lock").read_text())[
            "platforms"
        ]["linux/amd64"]
        return found

    def made(self, *options: str, out: str = "shop.run", **more: Any) -> str:
        """sha256 of the .run that a build with these options makes."""
        target = self.folder.parent / out
        done = self.run("make", self.folder, "-q", "-o", target, *options, **more)
        assert done.returncode == 0, done.stderr
        return sha256(target.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def runtime() -> Path:
    return freeze(AMD64, default_root())


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian_kit.Mirror]:
    packages = (
        *debian_kit.MINIMAL,
        debian_kit.Package("server", depends="libc6, tool"),
        debian_kit.Package("tool", depends="libtool"),
        debian_kit.Package("libtool"),
    )
    with debian_kit.mirror(tmp_path_factory.mktemp("mirror"), {"bookworm": packages}) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, runtime: Path, debian: debian_kit.Mirror) -> Iterator[Site]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "tool").write_text("tool 1\n")
    (files / "summed").write_text("summed 1\n")
    (files / "SHA256SUMS").write_text(f"{sha256(b'summed 1' + chr(10).encode()).hexdigest()}  ./summed\n")
    folder = tmp_path / "shop"
    with _Serving(files) as port, registry_kit.running(tmp_path / "registry") as registry:

        def push(name: str, salt: bytes) -> None:
            layout = tmp_path / f"layout-{name.replace(':', '-')}-{salt.hex()}"
            registry_kit.write_layout(layout, layout_files({name: MadeImage(b"shared", salt)}))
            registry.push(layout, name, f"team/{name}")

        for name in ("main:1", "side:1", "chart:1"):
            push(name, name.encode())
        _write(folder, {"@REGISTRY@": registry.host, "@FILES@": f"http://127.0.0.1:{port}"})
        run = _runner(tmp_path, registry, debian, runtime)
        yield Site(folder, files, registry, push, run)


class _Serving:
    def __init__(self, folder: Path) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return self._server.server_address[1]

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


def _write(folder: Path, values: dict[str, str]) -> None:
    for name, text in TEXTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for slot, value in values.items():
            text = text.replace(slot, value)  # noqa: PLW2901  (filled in, slot by slot)
        path.write_text(text)


def _runner(
    tmp_path: Path, registry: registry_kit.Registry, debian: debian_kit.Mirror, runtime: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`bundler` in a process of its own."""

    def run(
        command: str,
        *words: object,
        cache: Path | None = None,
        isolated: bool = False,
        prefix: Sequence[str] = (),
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        options: list[object] = []
        if command != "why":
            options = ["--cache", cache or tmp_path / "cache", "--insecure-registry", registry.host]
            options += ["--debian-mirror", debian.uri, "--keyring", f"debian={debian.keyring}"]
        if command == "make":
            options += ["--runtime", runtime]
        argv = [sys.executable, "-m", "bundler.builder", command, *words, *options]
        return subprocess.run(
            [*(NO_NETWORK if isolated else []), *prefix, *map(str, argv)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, **env},
        )

    return run


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def _digest(registry: registry_kit.Registry, name: str) -> str:
    text = registry_kit.skopeo("inspect", "--tls-verify=false", f"docker://{registry.host}/team/{name}")
    return str(json.loads(text)["Digest"])


def test_a_lock_holds_every_input_and_why_it_is_there(site: Site, debian: debian_kit.Mirror) -> None:
    told = _ok(site.run("lock", site.folder))
    lock, host = site.lock, site.registry.host
    assert [each["base"] for each in lock["kubefiles"]] == ["base"]
    digest = sha256((site.folder / "base/Kubefile").read_bytes()).hexdigest()
    assert lock["kubefiles"][0]["digest"] == f"sha256:{digest}"
    for each, name, line in zip(lock["files"], ("summed", "tool"), (3, 2), strict=True):
        path = site.files / name
        assert (each["digest"], each["size"]) == (
            f"sha256:{sha256(path.read_bytes()).hexdigest()}",
            path.stat().st_size,
        )
        assert str(each["url"]).endswith(f"/{name}")
        assert str(each["why"]).startswith(f"['ADD in Kubefile:{line}")
    assert [each["reference"] for each in lock["images"]] == [
        f"{host}/team/{name}:1" for name in ("chart", "main", "side")
    ]
    assert {each["digest"] for each in lock["images"]} == {
        _digest(site.registry, f"{name}:1") for name in ("chart", "main", "side")
    }
    packages = {each["package"]: each for each in lock["suites"][0]["packages"]}
    assert {name: each["why"] for name, each in packages.items()} == {
        "libtool": ["needed by tool"],
        "server": ["PACKAGE in Kubefile:7"],
        "tool": ["needed by server"],
    }
    text = (site.folder / "Kubefile.lock").read_text()
    assert str(site.folder) not in text
    assert debian.uri not in text, "a lock serves every mirror"
    assert told.count("+ image") == 3
    assert _ok(site.run("lock", site.folder)).endswith("is up to date\n")
    assert (site.folder / "Kubefile.lock").read_text() == text


def test_why(site_locked: Site) -> None:
    expected = {
        "team/chart:1": "web/values.yaml: backend.image.repository",
        "chart": "application/apps/web/templates/deployment.yaml: Deployment/web",
        "main": "application/apps/plain/pod.yaml:6: Pod/plain",
        "side": "IMAGE in Kubefile:4",
        "summed": "checksum from http",
        "libtool": "libtool <- tool <- server <- PACKAGE in Kubefile:7",
        "base": "FROM in Kubefile:1",
    }
    for name, said in expected.items():
        assert said in _ok(site_locked.run("why", name, "-C", site_locked.folder))


@pytest.fixture
def site_locked(site: Site) -> Site:
    _ok(site.run("lock", site.folder))
    return site


def test_what_moves_meanwhile_does_not_move_a_locked_build(site: Site) -> None:
    _ok(site.run("lock", site.folder))
    first = site.made("--locked")
    was = _digest(site.registry, "main:1")
    site.push("main:1", b"moved")
    assert _digest(site.registry, "main:1") != was
    assert site.made("--locked", out="again.run") == first
    elsewhere = {"cache": site.folder.parent / "other-cache"}
    assert site.made("--locked", out="cold.run", **elsewhere) == first, "by digest, in an empty cache too"
    bundle = Bundle.open(site.folder.parent / "cold.run")
    images = {image.name.rpartition("/")[2]: str(image.digest) for image in bundle.index.images}
    bundle.close()
    assert images["main:1"] == was
    told = _ok(site.run("update", "team/main:1", "-C", site.folder))
    assert [line.split()[:2] for line in told.splitlines() if line.startswith(("~", "+", "-"))] == [
        ["~", "image"]
    ]
    assert site.made("--locked", out="new.run") != first


def test_a_file_that_changed_is_refused_until_it_is_updated(site_locked: Site) -> None:
    site = site_locked
    (site.files / "tool").write_text("tool 2\n")
    done = site.run("make", site.folder, "-q", cache=site.folder.parent / "other-cache")
    assert (done.returncode, "bundler update" in done.stderr) == (6, True), done.stderr
    told = _ok(site.run("update", "tool", "-C", site.folder))
    assert "~ file" in told
    site.made("--locked", cache=site.folder.parent / "other-cache")


def test_a_warm_cache_and_a_lock_need_no_network_at_all(site_locked: Site) -> None:
    first = site_locked.made("--locked")
    assert site_locked.made("--locked", "--offline", out="2.run", isolated=True) == first
    assert site_locked.made(out="3.run", isolated=True) == first, "not even asked for, without --offline"


def test_locked_names_every_difference(site_locked: Site) -> None:
    site = site_locked
    kubefile = site.folder / "Kubefile"
    text = kubefile.read_text().replace("/team/side:1", "/team/main:1").replace(" server", " tool")
    kubefile.write_text(text)
    (site.folder / "base/Kubefile").open("a").write("ENV A=b\n")
    site.push("other:1", b"other")
    (site.folder / "plain/pod.yaml").write_text(
        (site.folder / "plain/pod.yaml").read_text().replace("main:1", "other:1")
    )
    done = site.run("make", site.folder, "-q", "--locked", "-o", site.folder.parent / "shop.run")
    assert done.returncode == 3
    for said in (
        "base base is sha256:",
        "team/other:1 is needed and not locked",
        "team/side:1 is locked, and nothing needs it",
        "PACKAGE debian:bookworm is tool, but locked as server",
        "package debian:bookworm server is locked, and nothing needs it",
    ):
        assert said in done.stderr
    assert not (site.folder.parent / "shop.run").exists()
    done = site.run("make", site.folder, "-o", site.folder.parent / "shop.run")
    assert "differs from this build in" in done.stderr


def test_locked_without_a_lock_says_how_to_get_one(site: Site) -> None:
    done = site.run("make", site.folder, "--locked")
    assert (done.returncode, "bundler lock" in done.stderr) == (3, True)


def test_another_place_and_another_environment_make_the_same_bytes(site_locked: Site, tmp_path: Path) -> None:
    site = site_locked
    with (site.folder / "Kubefile").open("a") as file:
        file.write("RUN LC_ALL= ls -l etc/conf > etc/listed; date -d @0 >> etc/listed; umask >> etc/listed\n")
    first = site.made("--locked")
    moved = tmp_path / "quite" / "another place" / "shop"
    moved.parent.mkdir(parents=True)
    site.folder.rename(moved)
    home = tmp_path / "home"
    home.mkdir()
    other = Site(moved, site.files, site.registry, site.push, site.run)
    old = os.umask(0o077)
    try:
        again = other.made(
            "--locked",
            cache=tmp_path / "other-cache",
            TZ="Pacific/Kiritimati",
            LC_ALL="tr_TR.UTF-8",
            LANG="tr_TR.UTF-8",
            HOME=str(home),
            PYTHONHASHSEED="7",
        )
    finally:
        os.umask(old)
    assert again == first


# Another uid without a name or a home, on a machine with another name, two days later. It may read whatever
# root may, as the code lies where the caller has it, but write only what is its own.
_ANOTHER_UID = 54321
_ELSEWHERE = (
    "unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh",
    "setpriv", f"--reuid={_ANOTHER_UID}", f"--regid={_ANOTHER_UID}", "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
    "faketime", "-f", "+2d",
)  # fmt: skip


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of the other user; those of pytest are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, _ANOTHER_UID, _ANOTHER_UID)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_on_another_machine_on_another_day_makes_the_same_bytes(
    site_locked: Site, theirs: Path
) -> None:
    with (site_locked.folder / "Kubefile").open("a") as file:
        file.write(
            "RUN stat -c '%a %s %n' etc/* > etc/listed; date -d @0 >> etc/listed; umask >> etc/modes\n"
        )
        file.write("RUN mkdir own && chmod 700 own && echo x > own/file\n")
    first = site_locked.made("--locked")
    project, target = theirs / "project", theirs / "shop.run"
    shutil.copytree(site_locked.folder, project)
    subprocess.run(["chown", "-R", str(_ANOTHER_UID), project], check=True)
    done = site_locked.run(
        "make", project, "-q", "-o", target, "--locked", cache=theirs / "cache",
        prefix=_ELSEWHERE, HOME="/nonexistent", USER="", LOGNAME="", TMPDIR=str(theirs),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert target.stat().st_uid == _ANOTHER_UID
    assert sha256(target.read_bytes()).hexdigest() == first
