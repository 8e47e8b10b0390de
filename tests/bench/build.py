"""Measure a build of the payload: with an empty cache, and again with a full one.

    python -m tests.bench.build [--runs N]

Prints wall time, processor time and peak memory of whole `bundler make` processes. The frozen installer is
made beforehand: it is the same for every bundle. Work is done below $TMPDIR.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.freeze import freeze
from bundler.builder.store import default_root
from tests.bench.payload import default_folder, payload

_KUBEFILE = "FROM scratch\nLABEL org.opencontainers.image.title=payload\nIMAGE oci:payload\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one build took: seconds, seconds of processor time, MiB."""

    what: str
    wall: float
    processor: float
    memory: float


def measure(runs: int) -> Iterator[Cost]:
    """One build with an empty cache and one with a full one, `runs` times."""
    layout = payload(default_folder())
    runtime = freeze("linux/amd64", default_root(), log=lambda _line: None)
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder) / "context"
        context.mkdir()
        (context / "Kubefile").write_text(_KUBEFILE)
        (context / "payload").symlink_to(layout)
        for number in range(runs):
            cache = Path(folder) / f"cache-{number}"
            for what in ("cold", "warm"):
                yield _build(what, context, Path(folder) / "payload.run", cache, runtime)


def _build(what: str, context: Path, target: Path, cache: Path, runtime: Path) -> Cost:
    argv = [sys.executable, "-m", "bundler.builder", "make", str(context), "-o", str(target)]
    argv += ["--cache", str(cache), "--runtime", str(runtime), "--quiet"]
    start = time.monotonic()
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[2])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise OSError(f"the build ended with status {status}")
    return Cost(what, time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    sys.stdout.write("| build | wall | processor | peak memory |\n|---|---|---|---|\n")
    for cost in measure(parser.parse_args().runs):
        row = f"| {cost.what} | {cost.wall:.2f} s | {cost.processor:.2f} s | {cost.memory:.0f} MiB |\n"
        sys.stdout.write(row)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
