#!/usr/bin/env python3
"""Compose the images of a Kubernetes control plane and its nodes from compiled programs and Debian packages.

    images.py KUBERNETES_VERSION PROGRAMS LAYOUT

PROGRAMS is the folder that programs.py filled; LAYOUT the OCI image layout to add the images to. Every image
holds only what it runs. Works in $TMPDIR.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from debian_layers import Layers
from oci_layout import Image, Layout
from programs import Release, release
from shared import RefusedError, architecture, finish, output, say

HERE = Path(__file__).parent
REGISTRY = "registry.k8s.io"  # where kubeadm looks for its images
LOCAL = "usr/local/bin"
COMPILERS = {"amd64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}


def pause(layer: Path) -> Path:
    """The program of every pod's sandbox, in a layer. Raises RefusedError where there is no C compiler."""
    compiler = COMPILERS.get(architecture())
    if compiler is None or shutil.which(compiler) is None:
        raise RefusedError(
            f"No C compiler for {architecture()}. "
            "Fix: apt-get install gcc libc6-dev (or the cross-compiler of that architecture)"
        )
    layer.mkdir()
    # no path, no build id: the same source gives the same bytes
    flags = ("-Os", "-static", "-s", "-Wl,--build-id=none", f"-ffile-prefix-map={HERE}=.")
    output(compiler, *flags, "-o", str(layer / "pause"), str(HERE / "pause.c"))
    return layer


def images(version: str, chosen: Release, programs: Path, layers: Layers) -> list[Image]:
    """The images, under the names that kubeadm asks for."""
    single = [
        Image(f"{REGISTRY}/{name}:v{version}", (layers.program(programs / name, LOCAL),), (name,))
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
    proxy = (layers.libc(), layers.firewall(), layers.program(programs / "kube-proxy", LOCAL))
    etcd = tuple(layers.program(programs / name, LOCAL) for name in ("etcdutl", "etcdctl", "etcd"))
    dns = layers.program(programs / "coredns", "")
    return [
        *single,
        Image(f"{REGISTRY}/kube-proxy:v{version}", proxy, ("kube-proxy",)),
        Image(f"{REGISTRY}/etcd:{chosen.etcd_tag}", etcd, ("etcd",)),
        Image(f"{REGISTRY}/coredns/coredns:v{chosen.coredns}", (dns,), ("/coredns",)),
        Image(f"{REGISTRY}/pause:{chosen.pause}", (pause(layers.scratch / "pause"),), ("/pause",)),
    ]


def compose(version: str, programs: Path, layout: Path) -> None:
    """Fetch the packages, make the layers and write the images."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Layout(layout, "linux", architecture())
        for image in images(version, release(version), programs, Layers.fetch(Path(scratch))):
            say(f"{image.name} {target.add(image)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [version, programs, layout]:
            compose(version.removeprefix("v"), Path(programs), Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
