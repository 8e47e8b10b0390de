"""A small .run that could install Kubernetes, and sites of loopback addresses, for `check` and `rehearse`."""

from pathlib import Path

from bundler.builder.runtime.freeze import stub_template
from bundler.core.archive import BundleWriter
from bundler.core.digest import Digest
from bundler.core.index import Image, Index
from tests.kits.run_files import runtime
from tests.real.sshd import Sshd

NAMES = (
    "kube-apiserver:v1.36.3",
    "etcd:3.6.5-0",
    "kube-proxy:v1.36.3",
    "pause:3.10.1",
    "coredns/coredns:v1.12.1",
)
PROGRAMS = ("kubeadm", "kubelet", "kubectl", "registry")


def make(
    target: Path, *, files: dict[str, bytes] | None = None, without: frozenset[str] = frozenset()
) -> Path:
    """Write a .run. files: more members. without: members that are left out although the index has them."""
    blobs = {name: name.encode() * 100 for name in NAMES}
    members = {f"images/blobs/sha256/{Digest.of(data).hex}": data for data in blobs.values()}
    members |= {f"root/bin/{name}": b"#!/bin/sh\n" for name in PROGRAMS}
    members |= {"root/cri/containerd-2.4.2-linux-amd64.tar.gz": b"archive"} | (files or {})
    with BundleWriter(
        target, stub=stub_template(), runtime=runtime(target.parent / "runtime.tar.gz")
    ) as writer:
        for path, data in sorted(members.items()):
            if path not in without:
                writer.add(path, [data], size=len(data), digest=Digest.of(data), mode=0o755)
        writer.finish(_index(blobs))
    return target


def _index(blobs: dict[str, bytes]) -> Index:
    def image(name: str, data: bytes) -> Image:
        digest = Digest.of(data)
        return Image(f"registry.k8s.io/{name}", digest, "application/x", len(data), (digest,), ())

    return Index(
        name="shop",
        version="2.1.0",
        platform="linux/amd64",
        kubernetes="v1.36.3",
        labels={},
        env={},
        apps=(),
        launch=(),
        commands=(),
        images=tuple(image(name, data) for name, data in blobs.items()),
        packages=(),
        members=(),
    )


def site(server: Sshd, hosts: int) -> str:
    """A Clusterfile: 127.0.1.1 is the control plane, the addresses behind it are workers."""
    rows = "".join(
        f"  - {{ips: [{address(number)}], roles: [{'worker' if number else 'control-plane'}],"
        f' hostKey: "{server.fingerprint}", ssh: {{port: {server.port}, pk: {server.user_key}}}}}\n'
        for number in range(hosts)
    )
    return f"apiVersion: bundler/v1\nkind: Cluster\nmetadata: {{name: shop-berlin}}\nspec:\n  hosts:\n{rows}"


def address(number: int) -> str:
    """127.0.1.1, 127.0.1.2, …: this machine answers on all of 127/8."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"
