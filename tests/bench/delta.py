"""Measure what an upgrade carries: the payload with 5% of the bytes of its layers changed.

    python -m tests.bench.delta [--share 0.05]

Three upgrades: one image's largest layer changed in one place; the same changed all over; all layers of all
images changed all over. Changed bytes are noise, which no compression makes smaller. Prints the size of the
full bundle, of the delta, and the share; each delta is applied, and every content verified.
"""

import argparse
import gzip
import hashlib
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze
from bundler.core.archive.bases import opened
from bundler.core.oci import AMD64
from tests.bench.kit import BUNDLER, Job, run, scratch, seconds, table, title
from tests.bench.payload import default_folder, payload

_KUBEFILE = """FROM scratch
LABEL org.opencontainers.image.title=payload org.opencontainers.image.version={version}
IMAGE oci:{layout}
"""
_SEED = 20
_PIECE = 64 << 10  # bytes that change together where a change is spread


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How the images change. images, layers: how many of them; spread: in many places, not in one."""

    what: str
    images: int
    layers: int
    spread: bool


UPGRADES = (
    Upgrade("one layer of one image, in one place", 1, 1, spread=False),
    Upgrade("one layer of one image, all over", 1, 1, spread=True),
    Upgrade("every layer of every image, all over", 9, 9, spread=True),
)


def changed(layout: Path, target: Path, upgrade: Upgrade, share: float) -> None:
    """Write the layout as it is after an upgrade, with links to what stays."""
    dice = random.Random(_SEED)  # noqa: S311  (noise, not a secret)
    blobs = target / "blobs/sha256"
    blobs.mkdir(parents=True)
    for blob in (layout / "blobs/sha256").iterdir():
        (blobs / blob.name).symlink_to(blob)
    index = json.loads((layout / "index.json").read_bytes())
    known: dict[str, tuple[str, str, int]] = {}
    for entry in index["manifests"][: upgrade.images]:
        manifest = json.loads((blobs / entry["digest"][7:]).read_bytes())
        config = json.loads((blobs / manifest["config"]["digest"][7:]).read_bytes())
        largest = sorted(range(len(manifest["layers"])), key=lambda n: -manifest["layers"][n]["size"])
        for number in largest[: upgrade.layers]:
            layer = manifest["layers"][number]
            if layer["digest"] not in known:
                raw = bytearray(gzip.decompress((blobs / layer["digest"][7:]).read_bytes()))
                for start, length in _places(len(raw), share, dice, spread=upgrade.spread):
                    raw[start : start + length] = dice.randbytes(length)
                packed = gzip.compress(raw, 6, mtime=0)
                known[layer["digest"]] = (_put(packed, blobs), f"sha256:{_sum(raw)}", len(packed))
            layer["digest"], config["rootfs"]["diff_ids"][number], layer["size"] = known[layer["digest"]]
        raw_config, raw_manifest = json.dumps(config).encode(), b""
        manifest["config"] |= {"digest": _put(raw_config, blobs), "size": len(raw_config)}
        raw_manifest = json.dumps(manifest).encode()
        entry |= {"digest": _put(raw_manifest, blobs), "size": len(raw_manifest)}
    shutil.copy(layout / "oci-layout", target)
    (target / "index.json").write_text(json.dumps(index))


def _places(size: int, share: float, dice: random.Random, *, spread: bool) -> Iterator[tuple[int, int]]:
    total = int(size * share)
    if not spread:
        yield dice.randrange(size - total), total
        return
    for _ in range(total // _PIECE):
        yield dice.randrange(size - _PIECE), _PIECE


def _put(data: bytes, blobs: Path) -> str:
    (blobs / _sum(data)).write_bytes(data)
    return f"sha256:{_sum(data)}"


def _sum(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


def _make(folder: Path, name: str, layout: Path, version: int, *options: str) -> tuple[Path, float]:
    context = folder / name
    context.mkdir()
    (context / "Kubefile").write_text(_KUBEFILE.format(version=version, layout=layout.name))
    (context / layout.name).symlink_to(layout)
    target = folder / f"{name}.run"
    start = time.monotonic()
    run(Job((*BUNDLER, "make", context, "-o", target, "--quiet", *options)))
    return target, time.monotonic() - start


def _applied(delta: Path, full: Path) -> float:
    """Seconds that it takes to make all contents again. Raises ValueError where `full` has others."""
    start = time.monotonic()
    with opened(delta) as bundle, opened(full) as other:
        for member in other.index.members:
            again = bundle.member(member.path)
            if again.digest != member.digest:
                raise ValueError(member.path)
            for _ in bundle.chunks(again):  # which verifies
                pass
    return time.monotonic() - start


def measure(share: float) -> Iterator[tuple[str, ...]]:
    """Rows of the table."""
    layout = payload(default_folder())
    runtime = ("--runtime", str(freeze(AMD64, default_root(), log=lambda _line: None)))
    with scratch() as folder:
        cache = ("--cache", str(folder / "cache"))
        old, _ = _make(folder, "old", layout, 1, *runtime, *cache)
        for number, upgrade in enumerate(UPGRADES):
            new = folder / f"layout-{number}"
            changed(layout, new, upgrade, share)
            full, _ = _make(folder, f"full-{number}", new, 2, *runtime, *cache)
            delta, took = _make(folder, f"delta-{number}", new, 2, "--base", str(old), *runtime, *cache)
            whole, small = full.stat().st_size, delta.stat().st_size
            yield (
                upgrade.what,
                f"{whole / 1e6:.1f} MB",
                f"{small / 1e6:.1f} MB",
                f"{small / whole:.1%}",
                seconds(took),
                seconds(_applied(delta, full)),
            )


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.05, help="of a layer's bytes that change")
    share = parser.parse_args().share
    title(f"Upgrades with {share:.0%} of the bytes of layers changed")
    table(("changed", "full", "delta", "share", "make", "apply"), measure(share))
    return 0


if __name__ == "__main__":
    sys.exit(main())
