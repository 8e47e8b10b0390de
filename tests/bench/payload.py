"""Make the payload that figures are measured on: five images over a common base, as an OCI layout.

    python -m tests.bench.payload [FOLDER]

Its measure is 216 MiB of unique blobs that unpack to 784 MB. The images hold nothing but Debian packages
out of this machine's mirror, registered as in distroless images, in layers as an application's image has
them: the base, what the program runs on, the program; gzipped by zlib at level 6. The same packages give
the same bytes. With bookworm's packages of November 2026 it is 227,054,687 bytes of blobs, 0.2% over the
measure, and 783,953,920 bytes of layers, less than 0.1% below it. Made once, which takes about 80 s; FOLDER
is below the cache when it isn't named.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bundler.builder.cache.store import default_root
from bundler.core.digest import read_chunks

PACKED: Final = 216 << 20  # bytes of all blobs
UNPACKED: Final = 784_000_000  # bytes of all layers
SUITE: Final = "bookworm"
REGISTRY: Final = "registry.example/payload"

_FETCH: Final = Path(__file__).parents[2] / "templates/catalog/tools/fetch_debian.py"
_LEVEL: Final = 6  # gzip's, as Docker has it
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's window of 32 KiB, in gzip's wrapper
_TYPE: Final = "application/vnd.oci.image"

BASE: Final = (
    "libc6",
    "libstdc++6",
    "libgcc-s1",
    "zlib1g",
    "libssl3",
    "bash",
    "coreutils",
    "perl-base",
    "tzdata",
)
IMAGES: Final = {
    "java": (("openjdk-17-jre-headless",), ("libspring-core-java", "libjackson2-databind-java")),
    "go": (("runc", "containerd"), ("prometheus",)),
    "python": (
        ("python3.11-minimal", "libpython3.11-stdlib", "python3-cryptography"),
        ("python3-numpy", "python3-pandas", "python3-botocore"),
    ),
    "node": (
        ("nodejs", "libnode108"),
        ("npm", "node-semver", "node-glob", "node-minimatch", "node-typescript"),
    ),
    "database": (("mariadb-common",), ("mariadb-server-core",)),
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
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        _download(scratch / "debs")
        base = _packages(scratch, BASE, blobs, system=True)
        entries = [
            _image(name, (base, *(_packages(scratch, layer, blobs) for layer in layers)), blobs)
            for name, layers in IMAGES.items()
        ]
    _write(folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})
    _write(
        folder / "index.json",
        {"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": entries},
    )
    return folder


def _all() -> Iterator[str]:
    yield from BASE
    for layers in IMAGES.values():
        for layer in layers:
            yield from layer


def _download(folder: Path) -> None:
    _run(sys.executable, "-c", _DOWNLOAD, str(_FETCH.parent), SUITE, str(folder), *_all())


_DOWNLOAD = """
import sys; sys.path.insert(0, sys.argv[1])
import pathlib, fetch_debian
fetch_debian.download(sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])
"""


def _packages(scratch: Path, packages: Iterable[str], blobs: Path, *, system: bool = False) -> Layer:
    """A layer of packages unpacked, with what distroless images have of dpkg's database."""
    root = scratch / "root"
    for package in packages:
        (deb,) = (scratch / "debs").glob(f"{package}_*.deb")
        _run("dpkg-deb", "--extract", str(deb), str(root))
        status = root / "var/lib/dpkg/status.d" / package
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_bytes(_output("dpkg-deb", "--field", str(deb)))
    if system:
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    with tempfile.TemporaryFile(dir=scratch) as tar:
        _tar(root, tar)
        shutil.rmtree(root)
        tar.seek(0)
        return _layer(tar, blobs)


def _tar(root: Path, out: BinaryIO) -> None:
    """The folder as a tar that depends on names, contents, links and the x bit only."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob("*"), key=lambda one: one.relative_to(root).parts):
            entry = tar.gettarinfo(path, str(path.relative_to(root)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            entry.type = tarfile.REGTYPE if entry.islnk() else entry.type
            entry.size = path.stat().st_size if entry.isreg() else 0
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)


def _layer(tar: BinaryIO, blobs: Path) -> Layer:
    """Gzip a tar into the blobs."""
    raw, packed = hashlib.sha256(), hashlib.sha256()
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    with tempfile.NamedTemporaryFile(dir=blobs, delete=False) as out:

        def put(data: bytes) -> None:
            packed.update(data)
            out.write(data)

        for chunk in read_chunks(tar):
            raw.update(chunk)
            put(squeeze.compress(chunk))
        put(squeeze.flush())
        size = out.tell()
    place = blobs / packed.hexdigest()
    Path(out.name).replace(place)
    place.chmod(0o644)
    return Layer(packed.hexdigest(), raw.hexdigest(), size, tar.tell())


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
    """Beside bundler's own cache, another one for each list of packages."""
    recipe = hashlib.sha256(repr((SUITE, BASE, IMAGES, _LEVEL)).encode()).hexdigest()
    return default_root() / "bench" / f"payload-{recipe[:12]}"


def main() -> int:
    """Entry point; tells where the layout lies and what it weighs."""
    folder = payload(Path(sys.argv[1]) if sys.argv[1:] else default_folder())
    sizes = [blob.stat().st_size for blob in (folder / "blobs/sha256").iterdir()]
    packed, unpacked = sum(sizes), _unpacked(folder)
    sys.stdout.write(
        f"{folder}: {len(sizes)} blobs, {packed} bytes ({_off(packed, PACKED)}), "
        f"layers of {unpacked} bytes unpacked ({_off(unpacked, UNPACKED)})\n"
    )
    return 0


def _unpacked(folder: Path) -> int:
    """Bytes of all layers' tars: gzip's last four bytes say it (RFC 1952, ISIZE), none has 4 GiB."""
    size = 0
    for blob in (folder / "blobs/sha256").iterdir():
        with blob.open("rb") as stream:
            if stream.read(2) == b"\x1f\x8b":
                stream.seek(-4, os.SEEK_END)
                size += int.from_bytes(stream.read(), "little")
    return size


def _off(size: int, goal: int) -> str:
    return f"{size / goal - 1:+.1%}"


if __name__ == "__main__":
    sys.exit(main())
