"""Measure a build of the payload, cold and warm, beside makeself at zstd level 3.

    python -m tests.bench.build [--runs N]

Whole `bundler make` processes: with an empty cache (all content is hashed, the bills of materials are made),
and again with a full one. The frozen installer is in the cache in both: it is the same for every bundle.
makeself packs the same files, without a bill and without bringing the result to the disk (fsync).
"""

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.bench.kit import (
    BUNDLER,
    Job,
    context,
    fresh,
    lacking,
    makeself,
    measured,
    new_cache,
    run,
    scratch,
    show,
    title,
)
from tests.bench.payload import default_folder, payload


def jobs(folder: Path) -> dict[str, Job]:
    """What is compared."""
    source, target = context(folder), folder / "payload.run"
    cold, warm = folder / "cold", new_cache(folder / "warm")
    make = (*BUNDLER, "make", source, "-o", target, "--quiet", "--cache")
    run(Job((*make, warm)))
    theirs = folder / "makeself.run"
    return {
        "`bundler make`, warm": Job((*make, warm), goal="≤ 0.7 s, ≤ 100 MiB"),
        "`bundler make`, cold, with SBOM": Job((*make, cold), partial(fresh, cold), "< 8 s, ≤ 100 MiB"),
        "makeself, zstd 3": Job(
            makeself(payload(default_folder()), theirs), partial(theirs.unlink, missing_ok=True)
        ),
    }


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    if lacking("makeself", "zstd"):
        return 2
    with scratch() as folder:
        compared = jobs(folder)
        title("Building the payload")
        show(compared, measured(compared, runs))
        shutil.rmtree(folder / "cold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
