"""Whether this host can boot a site, and if not, why, in words for a person."""

import os
import platform
import shutil
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import attempt

_COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "scp": "openssh-client",
    "nsenter": "util-linux",
    "openssl": "openssl",
}


# What a site does, in small; fails in a container without privileges.
_PROBE = ("unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "probe", "/mnt")


def reasons() -> tuple[str, ...]:
    """Everything that stands in the way; empty when a site can be brought up."""
    if platform.system() != "Linux":
        return (f"a site needs Linux, this is {platform.system()}",)
    found = []
    missing = {package for command, package in _COMMANDS.items() if not shutil.which(command)}
    if missing:
        found.append("not installed: " + ", ".join(sorted(missing)) + " (`make setup` installs them)")
    filesystems = Path("/proc/filesystems").read_text().split()
    if "overlay" not in filesystems and not Path("/sys/module/overlay").exists():
        found.append("the kernel offers no overlay filesystem (try `modprobe overlay`)")
    if not Path("/dev/loop-control").exists():
        found.append("the kernel offers no loop devices (try `modprobe loop`)")
    if os.geteuid() != 0:
        found.append("a site needs root: namespaces, mounts and cgroups are made")
    else:
        found += _refused()
    return tuple(found)


def _refused() -> list[str]:
    """What this host refuses even to root."""
    found = []
    if shutil.which("unshare") and (said := attempt(*_PROBE)).returncode:
        found.append(f"namespaces or mounts are refused here: {said.stderr.strip()}")
    if not os.access("/sys/fs/cgroup", os.W_OK) and not Path("/run/systemd/system").is_dir():
        found.append("/sys/fs/cgroup is read-only and no systemd runs that could hand out cgroups")
    return found


def require_support() -> None:
    """Raise BundlerError (UNSUPPORTED) with all reasons when this host can't boot a site."""
    if found := reasons():
        raise BundlerError("no site can be brought up here", code=ExitCode.UNSUPPORTED, why="; ".join(found))
