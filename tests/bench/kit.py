"""What the benchmarks share: processes run one after another in turn, what each took, and tables of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

from bundler.builder.cache.store import Store, default_root
from bundler.builder.runtime.freeze import freeze
from bundler.core.oci import AMD64
from tests.bench.payload import default_folder, payload

ROOT: Final = Path(__file__).parents[2]
BUNDLER: Final = (sys.executable, "-m", "bundler.builder")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its children took: seconds, processor seconds, MiB of the largest of them.

    The memory is that of the benchmark itself at least: the kernel counts from the fork on.
    """

    wall: float
    processor: float
    memory: float


@dataclass(frozen=True, slots=True)
class Job:
    """A command to be measured; prepare: what is done before each run, unmeasured. goal: for the table."""

    argv: Sequence[str | Path]
    prepare: Callable[[], None] = lambda: None
    goal: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def run(job: Job) -> Cost:
    """One run. Raises OSError where it fails."""
    job.prepare()
    with tempfile.TemporaryFile() as said:
        start = time.monotonic()
        process = subprocess.Popen(
            job.argv, cwd=ROOT, env=environment(**job.environment), stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise OSError(f"{' '.join(map(str, job.argv))} ended with {process.returncode}: {words}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def environment(**more: str) -> dict[str, str]:
    """This process's, but with compiled Python files as a user has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"BUNDLER_ALLOW_EOL": "1", **kept, **more}


def measured(jobs: Mapping[str, Job], runs: int) -> dict[str, list[Cost]]:
    """Each job so many times, taking turns, so that what else the machine does hits all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            costs[name].append(run(job))
    return costs


def show(jobs: Mapping[str, Job], costs: Mapping[str, Sequence[Cost]]) -> None:
    """A row for each job."""
    rows = []
    for name, each in costs.items():
        walls = [cost.wall for cost in each]
        rows.append(
            (
                name,
                seconds(median(walls)),
                f"{seconds(min(walls))} … {seconds(max(walls))}",
                seconds(median(cost.processor for cost in each)),
                f"{max(cost.memory for cost in each):.0f} MiB",
                jobs[name].goal,
            )
        )
    table(("", "median", "range", "processor", "peak memory", "goal"), rows)


def seconds(value: float) -> str:
    """With three digits."""
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Markdown, on standard output, each row as soon as it is there."""
    for line in chain((head, ["---"] * len(head)), rows):
        sys.stdout.write(f"| {' | '.join(line)} |\n")
        sys.stdout.flush()
    sys.stdout.write("\n")


def title(text: str) -> None:
    """What the next tables are about."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    sys.stdout.write(f"\n### {text}\n\n{os.cpu_count()} processors, load {load}\n\n")
    sys.stdout.flush()


def lacking(*programs: str) -> bool:
    """Whether any of these is not installed; says so."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        sys.stderr.write(f"not installed: {', '.join(missing)}; `make setup-bench` installs it\n")
    return bool(missing)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on a disk, $TMPDIR's or /var/tmp's."""
    disk = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108  (/tmp may be memory)
    with tempfile.TemporaryDirectory(dir=disk, prefix="bench-") as folder:
        yield Path(folder)


def context(folder: Path) -> Path:
    """A build context with the payload's images and nothing else."""
    made = folder / "context"
    made.mkdir(exist_ok=True)
    (made / "Kubefile").write_text(
        "FROM scratch\nLABEL org.opencontainers.image.title=payload\nIMAGE oci:payload\n"
    )
    (made / "payload").symlink_to(payload(default_folder()))
    return made


def new_cache(folder: Path) -> Path:
    """An empty cache but for the frozen installer, which is the same for all bundles."""
    fresh(folder)
    return folder


def fresh(folder: Path) -> None:
    """Make it one, whatever it was."""
    shutil.rmtree(folder, ignore_errors=True)
    frozen = freeze(AMD64, default_root(), log=lambda _line: None)
    with Store(folder) as store:
        store.add_file(frozen, name=frozen.name)  # where `freeze` finds it, as its digest is on record


def payload_run(folder: Path) -> Path:
    """The payload's .run."""
    target = folder / "payload.run"
    run(Job((*BUNDLER, "make", context(folder), "-o", target, "--cache", new_cache(folder / "cache"), "-q")))
    return target


def makeself(folder: Path, target: Path) -> tuple[str | Path, ...]:
    """How makeself packs the payload: zstd at level 3."""
    return (
        "makeself",
        "--quiet",
        "--follow",
        "--zstd",
        "--complevel",
        "3",
        folder,
        target,
        "payload",
        "true",
    )
