"""Measure what `--recompress` saves on the payload, and what it costs the build and the site.

    python -m tests.bench.recompress [--levels 3,8]

Builds start with an empty cache. Each .run's images are taken out again, verified, by a process of its own.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bundler.core.archive import Bundle
from tests.bench.kit import BUNDLER, Job, context, new_cache, run, scratch, seconds, table, title

_TAKE_OUT = """
import sys
from pathlib import Path
from bundler.core.archive import Bundle
from bundler.core.archive.extract import below, extract
with Bundle.open(Path(sys.argv[1])) as bundle:
    extract(bundle, below(bundle.index, "images"), Path(sys.argv[2]))
"""


def layers(path: Path) -> tuple[int, int]:
    """Bytes of all blobs of images, and of what the archive has for them."""
    with Bundle.open(path) as bundle:
        blobs = [each for each in bundle.index.members if each.path.startswith("images/blobs/")]
        frames = [each for each in bundle.index.members if each.path.startswith(("images/", "layers/"))]
        return sum(each.size for each in blobs), sum(each.length for each in frames)


def rows(folder: Path, levels: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One for a plain .run, one for each level."""
    source = context(folder)
    for name, options in {
        "plain": (),
        **{f"level {it}": ("--recompress", "--level", it) for it in levels},
    }.items():
        target, cache = folder / "payload.run", new_cache(folder / f"cache {name}")
        made = run(Job((*BUNDLER, "make", source, "-o", target, "--quiet", "--cache", cache, *options)))
        taken = run(Job((sys.executable, "-c", _TAKE_OUT, target, folder / f"out {name}")))
        before, after = layers(target)
        size = target.stat().st_size
        yield (
            name,
            f"{size / 1e6:.1f} MB",
            f"{1 - after / before:.1%}",
            seconds(made.wall),
            seconds(taken.wall),
            f"{taken.memory:.0f} MiB",
        )


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", default="3,8")
    levels = parser.parse_args().levels.split(",")
    with scratch() as folder:
        title("Layers without their gzip")
        head = ("", ".run", "saved of the images", "make, cold", "extract", "its peak memory")
        table(head, rows(folder, levels))
    return 0


if __name__ == "__main__":
    sys.exit(main())
