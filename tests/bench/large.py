"""Show that memory does not grow with size: an image with a layer of 6 GiB, and a .run of 20 GiB.

    python -m tests.bench.large [--layer 6GiB] [--bundle 20GiB]

The layer is one gzip stream over a tar with one file, not squeezed (level 0); it is built into a .run,
checked and taken out. The .run of 20 GiB is made by the product's own writer out of zeros, which are left
as holes in the file, so that it takes little of the disk; reading it is the same. Needs about 4 times the
layer's size of disk below $TMPDIR, then once the bundle's. Prints the peak memory of each process.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self
from unittest import mock

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze, stub_template
from bundler.core.archive import BundleWriter
from bundler.core.archive.newfile import NewFile
from bundler.core.archive.parts import parse_size
from bundler.core.digest import CHUNK, Digest
from bundler.core.index import Index
from bundler.core.oci import AMD64
from tests.bench import deliver
from tests.bench.kit import (
    BUNDLER,
    Cost,
    Job,
    environment,
    lacking,
    new_cache,
    run,
    scratch,
    seconds,
    table,
    title,
)
from tests.real.sshd import await_port, free_port, running

_ZEROS: Final = bytes(CHUNK)
_PAGE: Final = 4096
_TYPE: Final = "application/vnd.oci.image"
_GOAL: Final = "≤ 100 MiB"
_SILENT: Final = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
_MEMBER: Final = "images/blobs/large"


class Holes(NewFile):
    """A new file in which pages of zeros are holes."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of it."""
        view, place = memoryview(data), os.lseek(self.fd, 0, os.SEEK_CUR)
        for start in range(0, len(view), _PAGE):
            page = view[start : start + _PAGE]
            if page != _ZEROS[: len(page)]:
                self.write_at(place + start, bytes(page))
        end = os.lseek(self.fd, place + len(view), os.SEEK_SET)
        os.ftruncate(self.fd, max(end, os.fstat(self.fd).st_size))


def zeros(size: int) -> Iterator[bytes]:
    """So many."""
    for _ in range(size // CHUNK):
        yield _ZEROS
    yield _ZEROS[: size % CHUNK]


def bundle(target: Path, size: int) -> Path:
    """A .run with one stored member of this size."""
    hasher = hashlib.sha256()
    for chunk in zeros(size):
        hasher.update(chunk)
    runtime = freeze(AMD64, default_root(), log=lambda _line: None)
    index = Index("large", "1", "linux/amd64", "", {}, {}, (), (), ("true",), (), (), ())
    with (
        mock.patch("bundler.core.archive.writer.new_file", lambda path, _split: Holes(path)),
        BundleWriter(target, stub=stub_template(), runtime=runtime) as writer,
    ):
        digest = Digest(hasher.hexdigest())
        writer.add(_MEMBER, zeros(size), size=size, digest=digest, compressed=True)
        writer.finish(index)
    return target


def image(layout: Path, size: int) -> Path:
    """An OCI layout with one image with one layer of about this size."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    raw = _Hashed(layout / "layer")
    with raw, _Tar(raw) as tar:
        tar.add(size)
    (layout / "layer").rename(blobs / raw.hex)
    layer = {
        "mediaType": f"{_TYPE}.layer.v1.tar+gzip",
        "digest": f"sha256:{raw.hex}",
        "size": (blobs / raw.hex).stat().st_size,
    }
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{tar.hex}"]}
    config = _put(blobs, {"architecture": "amd64", "os": "linux", "rootfs": rootfs}, "config")
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": config,
        "layers": [layer],
    }
    entry = _put(blobs, manifest, "manifest")
    entry["annotations"] = {"org.opencontainers.image.ref.name": "registry.example/large:1"}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return layout


class _Hashed(io.RawIOBase):
    """A file that is written, and its sha256."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._hasher = hashlib.sha256()

    @property
    def hex(self) -> str:
        return self._hasher.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._hasher.update(data)
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Tar:
    """A gzipped tar with one file of a size, of numbered MiBs that no two are the same."""

    def __init__(self, out: _Hashed) -> None:
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=0, mtime=0)
        self._hasher = hashlib.sha256()

    @property
    def hex(self) -> str:
        return self._hasher.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def add(self, size: int) -> None:
        info = tarfile.TarInfo("srv/large")
        info.size = size
        self._write(info.tobuf(tarfile.GNU_FORMAT))
        noise = os.urandom(CHUNK - 8)
        for number in range(size // CHUNK):
            self._write(number.to_bytes(8, "big") + noise)
        self._write(bytes(size % CHUNK + -size % 512 + 1024))

    def _write(self, data: bytes) -> None:
        self._hasher.update(data)
        self._packed.write(data)


def _put(blobs: Path, document: object, kind: str) -> dict[str, object]:
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": f"{_TYPE}.{kind}.v1+json", "digest": f"sha256:{digest}", "size": len(data)}


def _row(name: str, cost: Cost) -> tuple[str, ...]:
    return name, seconds(cost.wall), f"{cost.memory:.0f} MiB", _GOAL


def of_layer(size: int) -> Iterator[tuple[str, ...]]:
    """Build, check and take out an image with a large layer."""
    with scratch() as folder:
        context, cache, target = folder / "context", new_cache(folder / "cache"), folder / "large.run"
        context.mkdir()
        image(context / "image", size)
        lines = ("FROM scratch", "LABEL org.opencontainers.image.title=large", "IMAGE oci:image")
        (context / "Kubefile").write_text("\n".join(lines) + "\n")
        make = Job((*BUNDLER, "make", context, "-o", target, "-q", "--cache", cache))
        yield _row("`bundler make`, cold, with SBOM", run(make))
        yield _row("`bundler make`, warm", run(make))
        yield _row("`--check`", run(Job((target, "--check"))))
        job = Job((target, "extract", "*", "--target", folder / "out"), environment={"TMPDIR": str(folder)})
        yield _row("`extract '*'`", run(job))


def of_bundle(size: int) -> Iterator[tuple[str, ...]]:
    """Ask a large .run everything that the product is asked."""
    with scratch() as folder:
        target = bundle(folder / "large.run", size)
        place = {"TMPDIR": str(folder)}
        for word in ("--info", "--list", "--check"):
            yield _row(f"`{word}`", run(Job((target, word))))
        out = folder / "out"
        yield _row("`extract '*'`", run(Job((target, "extract", "*", "--target", out), environment=place)))
        (out / _MEMBER).unlink()
        yield _served(target, size, place)
        (folder / "sshd").mkdir()
        with running(folder / "sshd") as server:
            server.trust()
            words = (deliver.AGAIN, target, str(server.port), server.home, folder / "to")
            (folder / "to").mkdir()
            yield _row(
                "copied to a host over ssh", run(Job((sys.executable, "-m", "tests.bench.deliver", *words)))
            )


def _served(target: Path, size: int, place: dict[str, str]) -> tuple[str, ...]:
    port = free_port()
    argv = (target, "serve", "--allow-unsigned", "--listen", f"127.0.0.1:{port}")
    server = subprocess.Popen(
        argv, env=environment(**place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await_port(port)
        cost = run(Job(("curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/{_MEMBER}")))
        status = Path(f"/proc/{server.pid}/status").read_text().splitlines()
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    finally:
        server.terminate()
        server.wait(10)
    return f"`serve`, {size >> 30} GiB to curl", seconds(cost.wall), f"{peak:.0f} MiB", _GOAL


def main() -> int:
    """Entry point; prints tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layer", default="6GiB")
    parser.add_argument("--bundle", default="20GiB")
    given = parser.parse_args()
    if lacking("curl", "scp"):
        return 2
    head = ("", "wall", "peak memory", "goal")
    title(f"An image with a layer of {given.layer}")
    table(head, of_layer(parse_size(given.layer)))
    title(f"A .run of {given.bundle}")
    table(head, of_bundle(parse_size(given.bundle)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
