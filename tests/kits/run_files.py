"""A small .run with a stand-in for the frozen installer, for the tests of its shell head."""

import gzip
import io
import tarfile
from pathlib import Path

from bundler.builder.runtime.freeze import stub_template
from bundler.core.archive import BundleWriter, Seal
from bundler.core.archive.platforms import Edition, tar_names
from bundler.core.digest import Digest
from bundler.core.index import Image, Index

# Stands where the frozen installer's start stands, and says how it was called.
START = """#!/bin/sh
printf '%s\\n' "$@"
echo "run $BUNDLER_RUN_FILE"
echo "runtime $BUNDLER_RUNTIME"
echo "argv0 $BUNDLER_ARGV0"
exit 7
"""

LAYER = b"\x1f\x8b" + bytes(range(256)) * 2000


def runtime(path: Path, start: str = START) -> Path:
    """The stand-in, packed as freeze packs."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("start")
        info.mode, info.size = 0o755, len(start)
        tar.addfile(info, io.BytesIO(start.encode()))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path


def index(platform: str) -> Index:
    """One image and nothing else."""
    blob = Digest.of(LAYER)
    return Index(
        name="demo",
        version="1.0.0",
        platform=platform,
        kubernetes="v1.20.2",
        labels={"maintainer": "me\x1b[31m"},
        env={},
        apps=(),
        launch=(),
        commands=("true",),
        images=(Image("docker.io/library/web:1", blob, "application/x", len(LAYER), (blob,), ()),),
        packages=(),
        members=(),
    )


def make_run(
    target: Path,
    *,
    platform: str = "linux/amd64",
    frozen: Path | None = None,
    files: dict[str, bytes] | None = None,
    start: str = START,
) -> Seal:
    """Write a .run; `frozen` takes the stand-in's place."""
    packed = frozen or runtime(target.parent / "runtime.tar.gz", start)
    blob = Digest.of(LAYER)
    with BundleWriter(target, stub=stub_template(), runtime=packed) as writer:
        writer.add(f"images/blobs/sha256/{blob.hex}", [LAYER], size=len(LAYER), digest=blob)
        for path, data in (files or {"root/bin/kubelet": b"kubelet", "n" * 150: b"long"}).items():
            writer.add(path, [data], size=len(data), digest=Digest.of(data), mode=0o755)
        return writer.finish(index(platform))


def make_universal(target: Path, *, further: str = "linux/arm64", start: str = START) -> Seal:
    """Write a .run for linux/amd64 and a further platform, whose stand-in says `of FURTHER` first."""
    blob, first = Digest.of(LAYER), "linux/amd64"
    shared = {f"images/blobs/sha256/{blob.hex}": LAYER, "root/etc/shop.conf": b"the same"}
    contents = (
        {**shared, "root/bin/kubelet": b"kubelet of amd64"},
        {**shared, "root/bin/kubelet": b"kubelet of arm64", "root/bin/more": b"more of arm64"},
    )
    names = tar_names((first, further), contents)
    other = runtime(target.parent / "other.tar.gz", f"#!/bin/sh\necho of {further}\n{start}")
    own = runtime(target.parent / "runtime.tar.gz", start)
    with BundleWriter(target, stub=stub_template(), runtime=own) as writer:
        files = {
            name: files[path] for of, files in zip(names, contents, strict=True) for path, name in of.items()
        }
        for name, data in files.items():
            writer.add(name, [data], size=len(data), digest=Digest.of(data), mode=0o755)
        edition = Edition(index(further), other, names[1])
        return writer.finish(index(first), names=names[0], further=(edition,))
