"""Upstream's servers on loopback, in their own layout, filled with what the catalogue compiled.

`python -m tests.real.upstream_kit OUTPUT.run` makes the demo from them.
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.kubefile.catalogue import default_catalogue
from bundler.core.archive import Bundle
from tests.real import catalogue_kit, registry_kit
from tests.real.mirror_kit import serving

KUBERNETES = "1.37.2"
ETCD = "3.7.0-0"  # as upstream's kubeadm names it
_RELEASE = f"dl.k8s.io/v{KUBERNETES}/bin/linux/amd64"
_GITHUB = "github.com/{}/releases/download/v{}"
_CONTAINERD = f"{_GITHUB.format('containerd/containerd', '2.4.2')}/containerd-static-2.4.2-linux-amd64.tar.gz"
_PLUGINS = f"{_GITHUB.format('containernetworking/plugins', '1.10.0')}/cni-plugins-linux-amd64-v1.10.0.tgz"
_CRICTL = f"{_GITHUB.format('kubernetes-sigs/cri-tools', '1.37.0')}/crictl-v1.37.0-linux-amd64.tar.gz"
_REGISTRY = f"{_GITHUB.format('distribution/distribution', '3.1.2')}/registry_3.1.2_linux_amd64.tar.gz"
_RUNC = f"{_GITHUB.format('opencontainers/runc', '1.5.2')}/runc.amd64"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The servers: a mirrors file that leads to them, and the registry among them."""

    mirrors: Path
    registry: str

    def options(self) -> list[str]:
        """What `bundler make` is given."""
        return ["--mirrors", str(self.mirrors), "--insecure-registry", self.registry]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Upstream]:
    """Compile what isn't kept, and serve it until this ends."""
    with catalogue_kit.built("kubernetes-source", folder / "stage"):
        files = _files(folder / "stage", folder / "www")
    with serving(files) as (port, _), registry_kit.running(folder / "registry") as registry:
        _images(folder / "stage/images", registry)
        rules = [f"https://{host}/ http://127.0.0.1:{port}/{host}/" for host in ("dl.k8s.io", "github.com")]
        mirrors = folder / "mirrors"
        mirrors.write_text("\n".join([*rules, f"registry.k8s.io {registry.host}"]) + "\n")
        yield Upstream(mirrors, registry.host)


def _images(layout: Path, registry: registry_kit.Registry) -> None:
    for name in catalogue_kit.names(layout):
        host, _, rest = name.partition("/")
        if host == "registry.k8s.io":
            registry.push(layout, name, f"etcd:{ETCD}" if rest.startswith("etcd:") else rest)


def _files(stage: Path, www: Path) -> Path:
    for name in ("kubeadm", "kubelet", "kubectl"):
        _publish(www / _RELEASE / name, stage / "bin" / name)
    _publish(www / _CONTAINERD, stage / "cri/containerd.tar.gz", ".sha256sum")
    _publish(www / _PLUGINS, stage / "cri/cni-plugins.tgz")
    _publish(www / _CRICTL, _packed(www / "crictl.tar.gz", stage / "bin/crictl"))
    _publish(www / _REGISTRY, _packed(www / "registry.tar.gz", stage / "bin/registry"))
    with tarfile.open(stage / "cri/runc.tar.gz") as tar:
        tar.extract("runc", www)
    _publish(www / _RUNC, www / "runc", None)
    (www / _RUNC).with_name("runc.sha256sum").write_text(f"{_sha256(www / 'runc')} *runc.amd64\n")
    return www


def _publish(place: Path, source: Path, ending: str | None = ".sha256") -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    if ending is not None:
        place.with_name(place.name + ending).write_text(f"{_sha256(source)}  {place.name}\n")


def _packed(archive: Path, program: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(program, program.name)
    return archive


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def make_demo(output: Path, upstream: Upstream) -> frozenset[str]:
    """Make the demo on upstream's Kubernetes; the images that are in it."""
    demo = default_catalogue() / "demo"
    argv = [sys.executable, "-m", "bundler.builder", "make", demo, "-o", output]
    argv += ["--build-arg", "KUBERNETES=kubernetes", *upstream.options()]
    subprocess.run([*map(str, argv)], check=True, timeout=1200)
    with Bundle.open(output) as bundle:
        return frozenset(image.name for image in bundle.index.images)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch, running(Path(scratch)) as servers:
        made = make_demo(Path(sys.argv[1]), servers)
    sys.stdout.write("\n".join(sorted(made)) + "\n")
