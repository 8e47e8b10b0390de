"""A product for two platforms: a registry of lists, a Debian of two architectures, a Kubefile."""

import json
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tests.kits.images import MadeImage, index_of, layout_files
from tests.real import debian_kit, registry_kit

PLATFORMS = ("linux/amd64", "linux/arm64")
SHARED = b"the layer that all images share, whatever they run on" * 2000
MAIN = tuple(MadeImage(SHARED, b"main of %s" % p.encode(), platform=p) for p in PLATFORMS)
SIDE = tuple(MadeImage(SHARED, b"side of %s" % p.encode(), platform=p, docker=True) for p in PLATFORMS)
PINNED = tuple(MadeImage(b"pinned of %s" % p.encode(), platform=p) for p in PLATFORMS)
WIDE = tuple(MadeImage(b"wide of %s" % p.encode(), platform=p) for p in (*PLATFORMS, "linux/riscv64"))
WIDE_PIN = f"sha256:{sha256(index_of(*WIDE)).hexdigest()}"
PIN = f"sha256:{sha256(index_of(*PINNED)).hexdigest()}"

KUBEFILE = f"""\
FROM scratch
ARG TARGETARCH
LABEL org.opencontainers.image.title=shop org.opencontainers.image.version=2.1 io.kubernetes.version=v1.37.2
COPY etc/ etc/
COPY $TARGETARCH/ bin/
IMAGE quay.io/team/main:1
IMAGE quay.io/team/side:1
IMAGE quay.io/team/pinned@{PIN}
IMAGE quay.io/team/wide:1@{WIDE_PIN}
PACKAGE debian:bookworm server
"""


def packages() -> tuple[debian_kit.Package, ...]:
    """What a machine of each architecture has, a server for each, and data for all."""
    own = (*debian_kit.MINIMAL, debian_kit.Package("server", depends="libc6, data"))
    arm = (replace(package, architecture="arm64") for package in own)
    return (*own, *arm, debian_kit.Package("data", architecture="all"))


def fill(registry: registry_kit.Registry, folder: Path) -> None:
    """Push each name as a list of both platforms."""
    for name, images in (("main:1", MAIN), ("side:1", SIDE), ("pinned:1", PINNED), ("wide:1", WIDE)):
        docker = images is SIDE
        raw = index_of(*images)
        files: dict[str, bytes] = {}
        for image in images:
            files |= layout_files({"": image})
        files[f"blobs/sha256/{sha256(raw).hexdigest()}"] = raw
        entry = {
            "mediaType": json.loads(raw)["mediaType"],
            "digest": f"sha256:{sha256(raw).hexdigest()}",
            "size": len(raw),
            "annotations": {"org.opencontainers.image.ref.name": name},
        }
        files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        layout = registry_kit.write_layout(folder / name.replace(":", "-"), files)
        options = ("--all", "--format=v2s2") if docker else ("--all", "--preserve-digests")
        registry.push(layout, name, f"team/{name}", *options)


def project(folder: Path) -> Path:
    """The build context."""
    for name, text in {
        "Kubefile": KUBEFILE,
        "etc/conf": "the same for all\n",
        "amd64/kubelet": "kubelet of amd64\n",
        "arm64/kubelet": "kubelet of arm64\n",
        "arm64/only": "only there\n",
        **{f"arm64/{name}": f"{name} of arm64\n" for name in ("kubeadm", "kubectl", "registry")},
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def cut_out(run: Path, offset: int, length: int, to: Path) -> Path:
    """The archive, with stock tools alone."""
    to.mkdir()
    piece = 'dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none'
    command: list[str | Path] = [
        "sh",
        "-ec",
        f'{piece} | zstd -dc | tar -x -C "$4"',
        "sh",
        run,
        str(offset),
        str(length),
        to,
    ]
    subprocess.run(command, check=True, timeout=60)
    return to
