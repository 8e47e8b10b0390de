"""The base root that every machine starts from: a minimal Debian made by debootstrap, kept in the cache.

It holds what a freshly installed Debian server holds and nothing that Kubernetes needs: those things have to
come with the .run.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bundler.builder.packages.deb.machine import machine_distribution, machine_repositories
from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import run

PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "procps", "kmod",
)  # fmt: skip
_RECIPE = 2  # raise it when this module makes another root of the same inputs
# What debootstrap's run on this machine leaves that a machine must have of its own, or does not need.
_REMOVED = (
    "etc/machine-id", "etc/ssh/ssh_host_*", "etc/hostname", "etc/resolv.conf",
    "var/cache/apt/archives/*.deb", "var/cache/apt/*.bin", "var/lib/apt/lists/*_*", "var/log/*.log",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """A finished base root."""

    path: Path
    suite: str


def debian_mirror(suite: str) -> str:
    """The Debian mirror of this machine's own apt settings, or of $BUNDLER_DEBIAN_MIRROR.

    Raises BundlerError (UNSUPPORTED) when apt is not set up for Debian here.
    """
    if named := os.environ.get("BUNDLER_DEBIAN_MIRROR"):
        return named
    with tempfile.TemporaryDirectory() as empty:
        found = machine_repositories(Path(empty), ("main",)) if machine_distribution() == "debian" else ()
    # Another suite of the same distribution lies on the same mirror.
    plain = [each for each in found if not each.suite.endswith(("-updates", "-security", "-backports"))]
    for each in (*(each for each in plain if each.suite == suite), *plain):
        return each.uri
    raise BundlerError(
        "this machine's apt settings name no Debian mirror",
        code=ExitCode.UNSUPPORTED,
        fix="set BUNDLER_DEBIAN_MIRROR to the URL of one",
    )


def base_root(cache: Path, suite: str, log: Path) -> Base:
    """The base root from the cache, made now if it is not there (75 s).

    Half-made ones never count: a root gets its name when it is complete.
    Raises BundlerError (STEP) when debootstrap fails.
    """
    mirror = debian_mirror(suite)
    key = sha256(json.dumps([_RECIPE, suite, PACKAGES, mirror]).encode()).hexdigest()[:16]
    done = cache / "roots" / f"{suite}-{key}"
    if done.is_dir():
        return Base(done, suite)
    _sweep(cache / "roots")
    work = cache / "roots" / f".{suite}-{key}.{os.getpid()}"
    work.mkdir(parents=True)
    try:
        _bootstrap(work, suite, mirror, log)
        if not done.is_dir():  # another process may have been quicker
            work.rename(done)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Base(done, suite)


def is_made(cache: Path, suite: str) -> bool:
    """Whether some base root of the suite is in the cache, for the estimate of how long `up` takes."""
    return any((cache / "roots").glob(f"{suite}-*"))


def _sweep(folder: Path) -> None:
    """Remove what killed runs left half-made; the name ends with the pid of its maker."""
    for path in folder.glob(".*"):
        if not Path("/proc", path.suffix.lstrip(".")).exists():
            shutil.rmtree(path)


def _bootstrap(root: Path, suite: str, mirror: str, log: Path) -> None:
    output = run(
        "unshare", "--mount",  # what it mounts goes with it, however it ends
        "debootstrap", "--force-check-gpg", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        suite, root, mirror, timeout=900,
    )  # fmt: skip
    log.write_text(output)
    for pattern in _REMOVED:
        for path in root.glob(pattern):
            path.unlink()
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "ops")
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "clerk")
    sudoers = root / "etc/sudoers.d/ops"
    sudoers.write_text("ops ALL=(ALL:ALL) NOPASSWD: ALL\n")  # clerk has to give the password
    sudoers.chmod(0o440)
