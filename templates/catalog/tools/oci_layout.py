#!/usr/bin/env python3
"""Compose container images out of folders, into an OCI image layout, without a container engine.

    oci_layout.py LAYOUT NAME [--layer FOLDER]... [--entrypoint ARG]... [--env K=V]... [--platform OS/ARCH]

One folder makes one layer: a tar with names in order, no owner, no time, and modes of 0755 or 0644, packed by
zstd. So the same folders give the same digests, and a folder that two images share is stored once. An image
of the same name is replaced. Follows the OCI image specification 1.1 (layout, config, manifest, zstd layers).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from shared import architecture

BLOCK = 1 << 20
EPOCH = "1970-01-01T00:00:00Z"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REF_NAME = "org.opencontainers.image.ref.name"
TYPE = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of. `layers` are folders, the lowest first."""

    name: str
    layers: tuple[Path, ...]
    entrypoint: tuple[str, ...] = ()
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer: its descriptor, and the digest of the tar inside."""

    descriptor: dict[str, object]
    diff_id: str


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI image layout in a folder, made if it isn't there."""

    root: Path
    os: str
    architecture: str
    packed: dict[Path, Layer] = field(default_factory=dict)

    @property
    def blobs(self) -> Path:
        """The folder of the blobs, each named by its SHA-256."""
        return self.root / "blobs" / "sha256"

    def add(self, image: Image) -> str:
        """Compose an image, name it in the layout's index, and return its manifest's digest."""
        self.blobs.mkdir(parents=True, exist_ok=True)
        layers = [self._layer(folder) for folder in image.layers]
        config = {
            "architecture": self.architecture,
            "config": {"Entrypoint": list(image.entrypoint), "Env": [f"PATH={PATH}", *image.env]},
            "created": EPOCH,
            "os": self.os,
            "rootfs": {"diff_ids": [layer.diff_id for layer in layers], "type": "layers"},
        }
        manifest = {
            "config": self._put(config, f"{TYPE}.config.v1+json"),
            "layers": [layer.descriptor for layer in layers],
            "mediaType": f"{TYPE}.manifest.v1+json",
            "schemaVersion": 2,
        }
        entry = self._put(manifest, f"{TYPE}.manifest.v1+json")
        entry["platform"] = {"architecture": self.architecture, "os": self.os}
        entry["annotations"] = {REF_NAME: image.name}
        self._name(image.name, entry)
        return str(entry["digest"])

    def _layer(self, folder: Path) -> Layer:
        if folder not in self.packed:
            self.packed[folder] = self._pack(folder)
        return self.packed[folder]

    def _pack(self, folder: Path) -> Layer:
        descriptor, path = tempfile.mkstemp(dir=self.blobs, prefix=".layer-")
        temporary = Path(path)
        try:
            with os.fdopen(descriptor, "wb") as packed:
                diff_id = compress(folder, packed)
            digest = digest_of(temporary)
            temporary.chmod(0o644)
            size = temporary.stat().st_size
            temporary.replace(self.blobs / digest)
        finally:
            temporary.unlink(missing_ok=True)
        return Layer(
            {"digest": f"sha256:{digest}", "mediaType": f"{TYPE}.layer.v1.tar+zstd", "size": size},
            f"sha256:{diff_id}",
        )

    def _put(self, value: object, media_type: str) -> dict[str, object]:
        raw = canonical(value)
        digest = hashlib.sha256(raw).hexdigest()
        write(self.blobs / digest, raw)
        return {"digest": f"sha256:{digest}", "mediaType": media_type, "size": len(raw)}

    def _name(self, name: str, entry: dict[str, object]) -> None:
        index = self.root / "index.json"
        held = json.loads(index.read_bytes())["manifests"] if index.exists() else []
        others = [other for other in held if other.get("annotations", {}).get(REF_NAME) != name]
        manifests = sorted([*others, entry], key=lambda one: str(one.get("annotations", {}).get(REF_NAME)))
        listed = {"manifests": manifests, "mediaType": f"{TYPE}.index.v1+json", "schemaVersion": 2}
        write(index, canonical(listed))
        write(self.root / "oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))


class Tee(io.RawIOBase):
    """Hands everything on to another stream and hashes it on the way."""

    def __init__(self, target: IO[bytes]) -> None:
        super().__init__()
        self.target = target
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # tarfile hands it bytes only
        """Hash and hand on."""
        self.sha256.update(data)
        return self.target.write(data)


def compress(folder: Path, packed: IO[bytes]) -> str:
    """Write the folder as a layer, and return the SHA-256 of the tar inside it, in hex. Raises OSError."""
    # the result is the same for any number of zstd's threads, but for none at all it would be another
    command = ("zstd", "-q", "-12", "-T0", "-c")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=packed) as zstd:
        if zstd.stdin is None:
            raise OSError("zstd has no standard input")
        tee = Tee(zstd.stdin)
        write_tar(folder, tee)
        zstd.stdin.close()
    if zstd.returncode != 0:
        raise OSError(f"zstd failed on {folder} with exit code {zstd.returncode}")
    return tee.sha256.hexdigest()


def write_tar(folder: Path, target: IO[bytes] | Tee) -> None:
    """Write the folder's content as a tar that depends on names, contents, links and the x bit only."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT, bufsize=BLOCK) as tar:
        for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).parts):
            add(tar, path, str(path.relative_to(folder)))


def add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Put one file, folder or link into a tar under a name. Raises OSError for anything else."""
    status = path.lstat()
    member = tarfile.TarInfo(name)
    match stat.S_IFMT(status.st_mode):
        case stat.S_IFLNK:
            member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
            tar.addfile(member)
        case stat.S_IFDIR:
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        case stat.S_IFREG:
            member.size, member.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                tar.addfile(member, content)
        case _:
            raise OSError(f"{path} is neither a file, a folder nor a link: a layer can't hold it")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def canonical(value: object) -> bytes:
    """JSON in one way only: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def write(path: Path, content: bytes) -> None:
    """Write a small file at once, so that a reader sees all of it or the one before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def platform() -> str:
    """The platform that RUN is told, else this machine's."""
    return f"linux/{architecture()}"


def main(argv: list[str]) -> int:
    """Entry point; returns the exit code."""
    as_it_stands = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_stands)
    parser.add_argument("layout", type=Path)
    parser.add_argument("name")
    parser.add_argument("--layer", type=Path, action="append", default=[])
    parser.add_argument("--entrypoint", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--platform", default=platform())
    asked = parser.parse_args(argv)
    system, _, architecture = asked.platform.partition("/")
    image = Image(asked.name, tuple(asked.layer), tuple(asked.entrypoint), tuple(asked.env))
    try:
        digest = Layout(asked.layout, system, architecture).add(image)
    except OSError as wrong:
        sys.stderr.write(f"Can't compose {asked.name}: {wrong}\n")
        return 1
    sys.stdout.write(f"{asked.name} {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
