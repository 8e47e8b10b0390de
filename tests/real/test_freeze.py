import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import bundler
from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze, helm_library
from bundler.builder.sbom.installer import frozen_packages
from bundler.builder.sbom.model import Kind
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64, Platform
from tests.kits.run_files import make_run
from tests.site.root import base_root

pytestmark = pytest.mark.real

ENTRY = Path(__file__).parent / "frozen_entry.py"
MOUNT = "mount -t overlay -o lowerdir={lower},upperdir={upper},workdir={work} none {root} && "
START = "exec chroot {root} /bin/sh /media/demo.run 'a b'"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can chroot")


@pytest.fixture(scope="module")
def runtime() -> Path:
    """Kept in the cache: 20 s the first time, and after each change of the installer."""
    return freeze(AMD64, default_root(), entry=ENTRY)


@pytest.fixture(scope="module")
def product(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("product") / "demo.run"
    make_run(path, frozen=runtime)
    return path


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert ended.returncode == 0, ended.stderr
    loaded: dict[str, object] = json.loads(ended.stdout)
    return loaded


def expect(found: dict[str, object]) -> None:
    assert found == {
        "modules": 9,
        "member": "kubelet",
        "signed": 64,
        "hashed": True,
        "root": "root",
        "loopback": "127.0.0.1",
        "site": True,
        "child": "",
        "arguments": ["a b"],
    }


@pytest.mark.parametrize("path", [None, "/opt/mine"])
def test_it_runs_here_and_gives_children_no_library_path(product: Path, path: str | None) -> None:
    env = {"PATH": os.environ["PATH"]} | ({"LD_LIBRARY_PATH": path} if path else {})
    ended = subprocess.run([product, "a b"], env=env, capture_output=True, text=True, timeout=60, check=False)
    expect(told(ended))


@needs_root
def test_it_runs_where_there_is_nothing_but_busybox(product: Path, tmp_path: Path) -> None:
    """Not even /dev and /proc."""
    root = tmp_path / "root"
    for folder in ("bin", "media", "tmp", "var/tmp"):
        (root / folder).mkdir(parents=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)
    shutil.copy(shutil.which("busybox") or pytest.fail("apt-get install busybox-static"), root / "bin")
    (root / "bin/sh").symlink_to("busybox")
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"], check=True, timeout=20)
    shutil.copy(product, root / "media/demo.run")
    script = START.format(root=root)
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    expect(told(ended))


@needs_root
def test_it_runs_on_debian_11(product: Path, tmp_path: Path) -> None:
    """Whose glibc, 2.31, is older than the build machine's; 75 s the first time, to make the root."""
    base = base_root(default_root(), "bullseye", tmp_path / "log")
    root, upper, work = (tmp_path / name for name in ("root", "upper", "work"))
    for folder in (root, upper, work):
        folder.mkdir()
    (upper / "media").mkdir()
    shutil.copy(product, upper / "media/demo.run")
    script = MOUNT.format(lower=base.path, upper=upper, work=work, root=root)
    script += START.format(root=root)
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    expect(told(ended))


def test_helms_library_is_not_inside_but_found(runtime: Path) -> None:
    assert runtime.stat().st_size < 40_000_000
    with tarfile.open(runtime) as tar:
        names = tar.getnames()
    assert not any("libhelm" in name for name in names)
    assert helm_library().stat().st_size > 10_000_000


def test_it_holds_no_trace_of_who_made_it(runtime: Path) -> None:
    with tarfile.open(runtime) as tar:
        for entry in tar:
            assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
            assert entry.mode in ({0o777, 0o755} if not entry.isreg() else {0o644, 0o755})
            assert not entry.name.startswith(("/", ".."))


def test_it_tells_what_is_frozen_in(runtime: Path) -> None:
    """Each with a licence: no package of this machine goes in unnamed."""
    finds = frozen_packages(runtime)
    assert finds.gaps == ()
    found = {each.name: each for fact in finds.facts for each in getattr(fact, "packages", ())}
    assert {"libc6", "libssl3", "zlib1g", "paramiko", "cryptography", "openssl", "pyinstaller"} <= set(found)
    crates = [name for name, each in found.items() if each.kind is Kind.CARGO]
    assert "pbkdf2" in crates  # of a wheel that says nothing of its crates: their licences are not in it
    assert [name for name, each in found.items() if not each.licences and name not in crates] == []


def test_another_platform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="linux/riscv64") as caught:
        freeze(Platform("linux", "riscv64"), tmp_path)
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert "--runtime" in caught.value.fix


def frozen_in(folder: Path) -> Path:
    """What a copy of the sources in `folder` freezes to, by another user's settings and without a cache."""
    entry = shutil.copy(ENTRY, folder.parent)
    script = (
        "import os, sys; from pathlib import Path; os.umask(0o077); "
        "from bundler.builder.runtime.freeze import freeze; from bundler.core.oci import AMD64; "
        "print(freeze(AMD64, Path('cache'), entry=Path(sys.argv[1])))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, entry],
        env=ENVIRONMENT | {"PYTHONPATH": str(folder), "TZ": "Asia/Tokyo", "HOME": "/nonexistent"},
        cwd=folder, capture_output=True, text=True, timeout=500, check=True,
    )  # fmt: skip
    return folder / ended.stdout.strip()


def test_two_places_freeze_to_the_same_bytes(runtime: Path, tmp_path: Path) -> None:
    places = [tmp_path / "somewhere" / "else", tmp_path / "third"]
    source = Path(bundler.__file__).parents[1]
    for place in places:
        for name in ("bundler", "stubs", "templates"):
            shutil.copytree(source / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        source = place
    made = frozen_in(places[0])
    # Where the checkout was edited since `runtime` was made, that says nothing: freeze the copy's copy.
    other = runtime if runtime.name == made.name else frozen_in(places[1])
    assert made.name == other.name
    assert made.read_bytes() == other.read_bytes()
