#!/usr/bin/env python3
"""Compose the images of a Kubernetes control plane and its nodes from compiled programs and Debian packages.

    images.py KUBERNETES_VERSION PROGRAMS LAYOUT

PROGRAMS is the folder that compile.sh filled; LAYOUT the OCI image layout to add the images to. Every image
holds only what it runs. Works in $TMPDIR.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import oci_layout
from fetch_debian import RefusedError, download, output
from oci_layout import Image, Layout

HERE = Path(__file__).parent
REGISTRY = "k8s.gcr.io"  # where kubeadm 1.20 looks for its images
ETCD = "3.4.23"  # etc/kubeadm.yml names it too
PAUSE = "3.2"
CNI_BRIDGE = "bundler.local/cni-bridge:1"

CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
FIREWALL_LIBRARIES = ("libxtables12", "libmnl0", "libnftnl11", "libnetfilter-conntrack3", "libnfnetlink0")
FIREWALL = ("iptables", "conntrack", *FIREWALL_LIBRARIES)
PACKAGES = ("libc6", "etcd-server", "busybox-static", "containernetworking-plugins", *FIREWALL)
UNUSED = ("usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "etc", "var")


@dataclass(frozen=True, slots=True)
class Parts:
    """Makes the folders that become layers, all below one scratch folder."""

    scratch: Path
    programs: Path
    debs: dict[str, Path]

    def program(self, name: str, folder: str) -> Path:
        """One compiled program in a layer of its own."""
        layer = self.scratch / f"program-{name}"
        place(self.programs / name, layer / folder / name)
        return layer

    def packages(self, name: str, *packages: str) -> Path:
        """Debian packages as they are, but for manuals and settings; each one's copyright stays."""
        layer = self.scratch / f"packages-{name}"
        for package in packages:
            output("dpkg-deb", "--extract", str(self.debs[package]), str(self.mkdir(layer)))
        for unused in UNUSED:
            shutil.rmtree(layer / unused, ignore_errors=True)
        for document in [one for one in (layer / "usr/share/doc").rglob("*") if one.name != "copyright"]:
            if document.is_symlink() or document.is_file():
                document.unlink()
        return layer

    @staticmethod
    def mkdir(folder: Path) -> Path:
        """The folder, made if it isn't there."""
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def libc(self) -> Path:
        """The C library and its loader, for Debian's dynamically linked programs."""
        layer = self.packages("libc", "libc6")
        for tables in layer.glob("usr/lib/*/gconv"):
            shutil.rmtree(tables)
        self.mkdir(layer / "etc")
        (layer / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        return layer

    def firewall(self) -> Path:
        """iptables over nftables, as on Debian 12 itself, and conntrack, under the names kube-proxy calls."""
        layer = self.packages("firewall", *FIREWALL)
        for old in layer.glob("usr/sbin/*legacy*"):
            old.unlink()
        for family in ("iptables", "ip6tables"):
            for name in (family, f"{family}-save", f"{family}-restore"):
                (layer / "usr/sbin" / name).symlink_to("xtables-nft-multi")
        return layer

    def busybox(self) -> Path:
        """A shell with the common commands built in; images of other Kubefiles can share this layer."""
        layer = self.scratch / "busybox"
        unpacked = self.packages("busybox-static", "busybox-static")
        place(unpacked / "bin/busybox", layer / "bin/busybox")
        (layer / "bin/sh").symlink_to("busybox")
        notice = "usr/share/doc/busybox-static/copyright"
        self.mkdir((layer / notice).parent)
        shutil.copyfile(unpacked / notice, layer / notice)
        return layer

    def cni_bridge(self) -> Path:
        """The node agent of the pod network, and the plug-ins it brings to each node."""
        layer = self.scratch / "cni-bridge"
        unpacked = self.packages("cni", "containernetworking-plugins")
        for plugin in CNI_PLUGINS:
            place(unpacked / "usr/lib/cni" / plugin, layer / "opt/cni/bin" / plugin)
        place(HERE / "cni-bridge.sh", layer / "usr/bin/cni-bridge")
        return layer

    def pause(self, architecture: str) -> Path:
        """The program of every pod's sandbox."""
        compiler = {"amd64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}.get(architecture)
        if compiler is None or shutil.which(compiler) is None:
            raise RefusedError(
                f"No C compiler for {architecture}. "
                "Fix: apt-get install gcc libc6-dev (or the cross-compiler of that architecture)"
            )
        layer = self.mkdir(self.scratch / "pause")
        # no path, no build id: the same source gives the same bytes
        flags = ("-Os", "-static", "-s", "-Wl,--build-id=none", f"-ffile-prefix-map={HERE}=.")
        output(compiler, *flags, "-o", str(layer / "pause"), str(HERE / "pause.c"))
        return layer


def place(source: Path, target: Path) -> None:
    """Copy a program, making the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


def images(version: str, parts: Parts, architecture: str) -> list[Image]:
    """The images, under the names that kubeadm and the catalogue's manifests ask for."""
    libc, firewall = parts.libc(), parts.firewall()
    local = "usr/local/bin"
    single = [
        Image(f"{REGISTRY}/{name}:v{version}", (parts.program(name, local),), (name,))
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
    proxy = (libc, firewall, parts.program("kube-proxy", local))
    network = (libc, firewall, parts.busybox(), parts.program("kubectl", "usr/bin"), parts.cni_bridge())
    return [
        *single,
        Image(f"{REGISTRY}/kube-proxy:v{version}", proxy, ("kube-proxy",)),
        Image(f"{REGISTRY}/etcd:{ETCD}", (libc, parts.packages("etcd", "etcd-server")), ("etcd",)),
        Image(f"{REGISTRY}/pause:{PAUSE}", (parts.pause(architecture),), ("/pause",)),
        Image(CNI_BRIDGE, network, ("/usr/bin/cni-bridge",)),
    ]


def compose(version: str, programs: Path, layout: Path) -> None:
    """Fetch the packages, make the layers and write the images."""
    system, _, architecture = oci_layout.platform().partition("/")
    with tempfile.TemporaryDirectory() as scratch:
        debs = download("bookworm", Path(scratch) / "debs", PACKAGES)
        etcd = debs["etcd-server"].name
        if not etcd.startswith(f"etcd-server_{ETCD}-"):
            raise RefusedError(
                f"Debian has another etcd than {ETCD}: {etcd}. Fix: ETCD here and in etc/kubeadm.yml"
            )
        target = Layout(layout, system, architecture)
        for image in images(version, Parts(Path(scratch), programs, debs), architecture):
            sys.stdout.write(f"{image.name} {target.add(image)}\n")
            sys.stdout.flush()


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [version, programs, layout]:
            compose(version.removeprefix("v"), Path(programs), Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


def main(argv: list[str]) -> int:
    """Entry point; returns the exit code."""
    try:
        run(argv)
    except (RefusedError, OSError) as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
