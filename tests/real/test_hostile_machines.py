"""A whole .run with the frozen installer on machines that make it hard.

Other Debians, busybox alone, a umask of 077, no HOME, a full /tmp, noexec where it would unpack.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze
from bundler.core.errors import ExitCode
from bundler.core.oci import AMD64
from tests.real.image_run_kit import CHART_FILES, usual, write_run
from tests.site.root import base_root

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.getuid() != 0, reason="only root can chroot and mount"),
]

OVERLAY = "mount -t overlay -o lowerdir={lower},upperdir={upper},workdir={work} none {root}"
FILES = CHART_FILES | {"root/bin/kubelet": b"kubelet", "sbom/bom.cdx.json": b"{}"}

# In a mount namespace and a chroot: what the machine is like, then the command.
HARD = {
    "plain": "",
    "umask": "umask 077; ",
    "no-home": "unset HOME; ",
    "lost-home": "HOME=/nonexistent/home; export HOME; ",
    "full-tmp": "cat /media/zeros >/tmp/full 2>/media/said; TMPDIR=/tmp; export TMPDIR; ",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the installer of this checkout; frozen runtimes are kept in the cache."""
    path = tmp_path_factory.mktemp("product") / "demo.run"
    write_run(path, usual(), FILES, frozen=freeze(AMD64, default_root()))
    return path


Root = Callable[[Path], tuple[Path, str]]  # gives the root, and what mounts it in the namespace


def busybox_root(scratch: Path) -> tuple[Path, str]:
    root = scratch / "root"
    for folder in ("bin", "media", "tmp", "var/tmp", "mnt"):
        (root / folder).mkdir(parents=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)
    shutil.copy(shutil.which("busybox") or pytest.fail("apt-get install busybox-static"), root / "bin")
    (root / "bin/sh").symlink_to("busybox")
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"], check=True, timeout=20)
    return root, "true"


def debian_root(suite: str) -> Root:
    def make(scratch: Path) -> tuple[Path, str]:
        base = base_root(default_root(), suite, scratch / "log")
        root, upper, work = (scratch / name for name in ("root", "upper", "work"))
        for folder in (root, upper / "media", work):
            folder.mkdir(parents=True)
        return root, OVERLAY.format(lower=base.path, upper=upper, work=work, root=root)

    return make


ROOTS: dict[str, Root] = {
    "busybox": busybox_root,
    "bullseye": debian_root("bullseye"),
    "bookworm": debian_root("bookworm"),
}


class Machine:
    """A root with the .run at /media; /tmp is 1 MiB of memory."""

    def __init__(self, scratch: Path, name: str, product: Path) -> None:
        self.root, self.mount = ROOTS[name](scratch)
        self.seen = self.root if name == "busybox" else scratch / "upper"
        shutil.copy(product, self.seen / "media/demo.run")
        (self.seen / "media/zeros").write_bytes(bytes(2 << 20))

    def run(self, script: str, *, before: str = "true") -> subprocess.CompletedProcess[str]:
        """Run a script in the root; `before` runs outside of it, in the same namespace."""
        tmp = f"mount -t tmpfs -o size=1m,mode=1777 none {self.root}/tmp"  # noqa: S108  (of the root)
        inside = f"exec chroot {self.root} /bin/sh -c '{script}'"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{self.mount} && {tmp} && {before} && {inside}"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


@pytest.fixture(params=ROOTS)
def machine(request: pytest.FixtureRequest, tmp_path: Path, product: Path) -> Machine:
    return Machine(tmp_path, request.param, product)


def test_it_answers_and_works_however_hard_it_is_made(machine: Machine) -> None:
    """--check, then everything taken out by the frozen installer, under each condition."""
    for name, hard in HARD.items():
        looked = machine.run(f"{hard}sh /media/demo.run --quiet --check && sh /media/demo.run --list")
        assert looked.returncode == 0, f"{name}: {looked.stderr}"
        assert "root/bin/kubelet" in looked.stdout
        told = machine.run(f"{hard}sh /media/demo.run extract root sbom --target /media/{name}")
        assert told.returncode == 0, f"{name}: {told.stderr}"
        out = machine.seen / "media" / name
        assert (out / "root/bin/kubelet").read_bytes() == b"kubelet"
        mask = 0o077 if name == "umask" else 0o022
        assert (out / "root/bin").stat().st_mode & 0o777 == 0o777 & ~mask
        assert (out / "sbom/bom.cdx.json").stat().st_mode & 0o777 == 0o644 & ~mask


def test_what_it_unpacks_serves_again_and_nothing_else_is_left(machine: Machine) -> None:
    script = "sh /media/demo.run export charts /media/c && sh /media/demo.run export images /media/i"
    told = machine.run(script)
    assert told.returncode == 0, told.stderr
    assert (machine.seen / "media/c/web-1.2.3.tgz").is_file()
    assert len(list((machine.seen / "media/i/blobs/sha256").iterdir())) == len(usual().blobs)
    (home,) = (path for path in (machine.seen / "var/tmp").iterdir() if path.name.startswith("bundler-"))
    assert len(list(home.iterdir())) == 1
    assert list((machine.seen / "tmp").glob("*")) == []


def test_a_target_serves_one_start(machine: Machine) -> None:
    told = machine.run("sh /media/demo.run --target /media/t export sbom /media/s && ls /media/s /var/tmp")
    assert told.returncode == 0, told.stderr
    assert "bom.cdx.json" in told.stdout
    assert not (machine.seen / "media/t").exists()
    assert "bundler-0" not in told.stdout


def test_noexec_takes_all_out(machine: Machine) -> None:
    told = machine.run("cd /media && sh demo.run --noexec")
    assert told.returncode == 0, told.stderr
    assert (machine.seen / "media/demo-1.0.0/root/bin/kubelet").read_bytes() == b"kubelet"


def test_where_nothing_may_be_started_it_says_what_to_do(machine: Machine) -> None:
    bad = "mount -t tmpfs -o noexec,mode=1777 none"
    state = f"{machine.root}/var/lib"
    before = f"{bad} {machine.root}/var/tmp && mkdir -p {state} && {bad} {state}"  # noqa: S108  (of the root)
    told = machine.run("unset HOME; TMPDIR=/tmp; export TMPDIR; sh /media/demo.run facts", before=before)
    assert told.returncode == ExitCode.UNSUPPORTED, told.stderr
    assert "noexec" in told.stderr
    assert "TMPDIR=FOLDER" in told.stderr
    again = machine.run(
        "mkdir /media/ok && TMPDIR=/media/ok sh /media/demo.run export sbom /media/s2", before=before
    )
    assert again.returncode == 0, again.stderr


def test_a_read_only_noexec_stick_will_do(machine: Machine) -> None:
    stick = f"{machine.root}/mnt"
    before = (
        f"mount -t tmpfs none {stick} && cp {machine.root}/media/demo.run {stick}/ && "
        f"mount -o remount,ro,noexec {stick}"
    )
    told = machine.run("sh /mnt/demo.run export sbom /media/s3", before=before)
    assert told.returncode == 0, told.stderr
    assert (machine.seen / "media/s3/bom.cdx.json").is_file()
