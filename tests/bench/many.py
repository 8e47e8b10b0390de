"""Measure what a thousand images cost: resolved from a warm lock without a network, and built.

    python -m tests.bench.many [--images 1000] [--runs N]

Each image has a manifest, a config and eight layers of its own, so a thousand have 10,000 blobs. They are
small: what is measured is what grows with their number. They come out of a real docker-registry on loopback,
into whose storage they are written, once; then it is gone, and `bundler lock --offline` (all images resolved,
all blobs looked for in the cache) and `bundler make --locked --offline` take turns.
"""

import argparse
import gzip
import hashlib
import json
import sys
from pathlib import Path

from tests.bench.kit import BUNDLER, Job, lacking, measured, new_cache, run, scratch, show, title
from tests.real.registry_kit import running

_LAYERS = 8
_TYPE = "application/vnd.oci.image"


class Storage:
    """A docker-registry's storage on disk, as `distribution` lays it out (registry/storage/paths.go)."""

    def __init__(self, folder: Path) -> None:
        self._top = folder / "docker" / "registry" / "v2"

    def put(self, repository: str, data: bytes) -> dict[str, object]:
        """A blob of a repository; digest and size as a descriptor has them."""
        digest = hashlib.sha256(data).hexdigest()
        _write(self._top / "blobs" / "sha256" / digest[:2] / digest / "data", data)
        self._link(repository, f"_layers/sha256/{digest}", digest)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def tag(self, repository: str, tag: str, manifest: bytes) -> None:
        """A manifest, and the tag that means it."""
        digest = hashlib.sha256(manifest).hexdigest()
        _write(self._top / "blobs" / "sha256" / digest[:2] / digest / "data", manifest)
        self._link(repository, f"_manifests/revisions/sha256/{digest}", digest)
        self._link(repository, f"_manifests/tags/{tag}/current", digest)
        self._link(repository, f"_manifests/tags/{tag}/index/sha256/{digest}", digest)

    def _link(self, repository: str, place: str, digest: str) -> None:
        _write(self._top / "repositories" / repository / place / "link", f"sha256:{digest}".encode())


def fill(storage: Storage, count: int) -> list[str]:
    """Put the images in; their names."""
    names = []
    for number in range(count):
        name = f"many/image-{number:04}"
        layers = [
            {"mediaType": f"{_TYPE}.layer.v1.tar+gzip", **storage.put(name, _layer(number, layer))}
            for layer in range(_LAYERS)
        ]
        diffs = [f"sha256:{hashlib.sha256(f'{number} {n}'.encode()).hexdigest()}" for n in range(_LAYERS)]
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}
        described = {"mediaType": f"{_TYPE}.config.v1+json", **storage.put(name, _json(config))}
        media_type = f"{_TYPE}.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": layers}
        storage.tag(name, "1", _json(manifest))
        names.append(f"{name}:1")
    return names


def _layer(number: int, layer: int) -> bytes:
    return gzip.compress(f"layer {layer} of image {number}\n".encode() * 20, 1, mtime=0)


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def measure(images: int, runs: int) -> None:
    """Fill a registry, lock and build once, and measure what it takes again."""
    with scratch() as folder:
        context, cache = folder / "context", new_cache(folder / "cache")
        context.mkdir()
        names = fill(Storage(folder / "registry" / "data"), images)
        with running(folder / "registry") as registry:
            lines = "".join(f"IMAGE {registry.host}/{name}\n" for name in names)
            head = "FROM scratch\nLABEL org.opencontainers.image.title=many\n"
            (context / "Kubefile").write_text(head + lines)
            common = ("--cache", str(cache), "-q")
            insecure = ("--insecure-registry", registry.host, *common)
            run(Job((*BUNDLER, "lock", context, *insecure)))
        target = folder / "many.run"
        make = (*BUNDLER, "make", context, "-o", target, "--locked", "--offline", *common)
        run(Job(make))
        jobs = {
            "`bundler lock --offline`": Job((*BUNDLER, "lock", context, "--offline", *common), goal="< 5 s"),
            "`bundler make --locked --offline`": Job(make),
        }
        title(f"{images} images with {images * (_LAYERS + 2)} blobs, lock and cache warm")
        show(jobs, measured(jobs, runs))


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    if lacking("docker-registry"):
        return 2
    measure(given.images, given.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
