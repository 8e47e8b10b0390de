#!/usr/bin/env python3
"""Put compiled programs into bin/ and cri/, and name their etcd in etc/kubeadm.yml.

arrange.py KUBERNETES_VERSION PROGRAMS ROOT
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
from pathlib import Path

from programs import release
from shared import RefusedError, finish

# Nodes get the programs by their role; the control plane's own run from images. etcdctl and etcdutl save and
# restore what etcd holds, also where no container runs.
BIN = ("kubeadm", "kubelet", "kubectl", "crictl", "etcdctl", "etcdutl", "registry")
# As their makers pack them: folder in the archive, programs.
CRI = {
    "containerd.tar.gz": ("bin/", ("containerd", "containerd-shim-runc-v2", "ctr")),
    "runc.tar.gz": ("", ("runc",)),
    "cni-plugins.tgz": ("", ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp")),
}
ETCD_TAG = "@etcd@"


def pack(archive: Path, programs: Path, folder: str, names: tuple[str, ...]) -> None:
    """Write an archive that depends on nothing but the programs: no owner, no time."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=9) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in names:
            member = tarfile.TarInfo(f"{folder}{name}")
            member.size, member.mode = (programs / name).stat().st_size, 0o755
            with (programs / name).open("rb") as content:
                tar.addfile(member, content)


def arrange(version: str, programs: Path, root: Path) -> None:
    """Fill bin/ and cri/, and name the etcd that comes along."""
    for folder in ("bin", "cri"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in BIN:
        shutil.copyfile(programs / name, root / "bin" / name)
        (root / "bin" / name).chmod(0o755)
    for name, (folder, members) in CRI.items():
        pack(root / "cri" / name, programs, folder, members)
    settings = root / "etc/kubeadm.yml"
    settings.write_text(settings.read_text().replace(ETCD_TAG, release(version).etcd_tag))


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [version, programs, root]:
            arrange(version.removeprefix("v"), Path(programs), Path(root))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
