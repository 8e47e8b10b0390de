"""Make the payload that builds are measured on: five images over a common base, as an OCI layout.

    python -m tests.bench.payload [FOLDER]

The images hold Debian packages from this machine's mirror, registered as in distroless images, and a layer
that fills them up: together 216 MiB of blobs that unpack to 784 MB, gzipped as most images are. The same
packages give the same bytes. Made once; FOLDER is below the cache when it isn't named.
"""

import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.store import default_root

PACKED = 216 << 20  # bytes of all blobs
UNPACKED = 784_000_000  # bytes of all layers
SEED = 216784
SUITE = "bookworm"
REGISTRY = "registry.example/payload"

_FETCH = Path(__file__).parents[2] / "templates/catalog/kubernetes-debian/build/fetch_debian.py"
_LEVEL = 6  # gzip's, as Docker has it
_TYPE = "application/vnd.oci.image"

BASE = ("libc6", "libstdc++6", "libgcc-s1", "zlib1g", "libssl3", "bash", "coreutils", "perl-base", "tzdata")
IMAGES = {
    "java": (
        "openjdk-17-jre-headless",
        "libtomcat9-java",
        "libspring-core-java",
        "libjackson2-databind-java",
    ),
    "go": ("containerd", "runc", "etcd-server"),
    "python": ("python3.11-minimal", "libpython3.11-stdlib", "python3-numpy", "python3-cryptography"),
    "node": ("nodejs", "libnode108", "npm", "node-semver", "node-glob", "node-minimatch"),
    "database": ("postgresql-15", "libpq5"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer; sizes in bytes."""

    digest: str
    diff_id: str
    packed: int
    unpacked: int


def payload(folder: Path) -> Path:
    """The layout in `folder`, made if it isn't there. Raises OSError and subprocess.CalledProcessError."""
    if (folder / "index.json").exists():
        return folder
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        base = _layer(_debian(Path(scratch) / "base", BASE, system=True), blobs)
        tops = {
            name: _layer(_debian(Path(scratch) / name, packages), blobs) for name, packages in IMAGES.items()
        }
    left_packed = PACKED - base.packed - sum(layer.packed for layer in tops.values())
    left = UNPACKED - base.unpacked - sum(layer.unpacked for layer in tops.values())
    dice = random.Random(SEED)  # noqa: S311  (filling, not a secret)
    share = len(tops)
    entries = []
    for name, top in tops.items():
        fill = _layer(_filling(dice, max(left_packed // share, 0), max(left // share, 0)), blobs)
        entries.append(_image(name, (base, top, fill), blobs))
    _write(folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})
    _write(
        folder / "index.json",
        {"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": entries},
    )
    return folder


def _debian(folder: Path, packages: tuple[str, ...], *, system: bool = False) -> bytes:
    """A tar of packages unpacked, with what distroless images have of dpkg's database."""
    debs = folder / "debs"
    _run(sys.executable, "-c", _DOWNLOAD, str(_FETCH.parent), SUITE, str(debs), *packages)
    root = folder / "root"
    for deb in sorted(debs.glob("*.deb")):
        _run("dpkg-deb", "--extract", str(deb), str(root))
        status = root / "var/lib/dpkg/status.d" / deb.name.partition("_")[0]
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_bytes(_output("dpkg-deb", "--field", str(deb)))
    if system:
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return _tar(root)


_DOWNLOAD = """
import sys; sys.path.insert(0, sys.argv[1])
import pathlib, fetch_debian
fetch_debian.download(sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])
"""


def _tar(root: Path) -> bytes:
    """The folder as a tar that depends on names, contents, links and the x bit only."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob("*"), key=lambda one: one.relative_to(root).parts):
            entry = tar.gettarinfo(path, str(path.relative_to(root)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            entry.type = tarfile.REGTYPE if entry.islnk() else entry.type
            entry.size = path.stat().st_size if entry.isreg() else 0
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return out.getvalue()


def _filling(dice: random.Random, packed: int, unpacked: int) -> bytes:
    """A tar of files that gzip makes about `packed` of `unpacked` bytes of: noise, and text that repeats."""
    text = b"".join(b"line %d of a file that says the same over and over\n" % (n % 97) for n in range(20_000))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number, content in enumerate(_contents(dice, text, packed, unpacked)):
            entry = tarfile.TarInfo(f"srv/data/{number:05}.bin")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _contents(dice: random.Random, text: bytes, packed: int, unpacked: int) -> Iterator[bytes]:
    noise, rest = packed, max(unpacked - packed, 0)
    while noise > 0:
        yield dice.randbytes(min(noise, 1 << 20))
        noise -= 1 << 20
    while rest > 0:
        yield text[: min(rest, len(text))]
        rest -= len(text)


def _layer(tar: bytes, blobs: Path) -> Layer:
    packed = gzip.compress(tar, _LEVEL, mtime=0)
    digest = hashlib.sha256(packed).hexdigest()
    (blobs / digest).write_bytes(packed)
    return Layer(digest, hashlib.sha256(tar).hexdigest(), len(packed), len(tar))


def _image(name: str, layers: tuple[Layer, ...], blobs: Path) -> dict[str, object]:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _put(config, f"{_TYPE}.config.v1+json", blobs),
        "layers": [
            {
                "mediaType": f"{_TYPE}.layer.v1.tar+gzip",
                "digest": f"sha256:{layer.digest}",
                "size": layer.packed,
            }
            for layer in layers
        ],
    }
    entry = _put(manifest, f"{_TYPE}.manifest.v1+json", blobs)
    named = {"org.opencontainers.image.ref.name": f"{REGISTRY}/{name}:1"}
    return {**entry, "platform": {"architecture": "amd64", "os": "linux"}, "annotations": named}


def _put(document: object, media_type: str, blobs: Path) -> dict[str, object]:
    raw = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(raw).hexdigest()
    (blobs / digest).write_bytes(raw)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(raw)}


def _write(path: Path, document: object) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(json.dumps(document, sort_keys=True).encode())
    temporary.replace(path)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=600)


def _output(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, timeout=60, capture_output=True).stdout


def default_folder() -> Path:
    """Beside bundler's own cache."""
    return default_root() / "bench" / "payload"


def main() -> int:
    """Entry point; tells where the layout lies and what it weighs."""
    folder = payload(Path(sys.argv[1]) if sys.argv[1:] else default_folder())
    size = sum(blob.stat().st_size for blob in (folder / "blobs/sha256").iterdir())
    sys.stdout.write(f"{folder}: {size} bytes in {len(list((folder / 'blobs/sha256').iterdir()))} blobs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
