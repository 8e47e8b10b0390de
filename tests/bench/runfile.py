"""Measure what a .run of the payload answers and unpacks, beside makeself's of the same files.

    python -m tests.bench.runfile [--runs N]

`--check` verifies every byte with sha256, makeself's MD5 sums. Extracting is verified on our side; makeself's
with its checks and without. Starts are measured after the first, and for the first time: the file is not in
the page cache then, and the installer not yet unpacked. The temporary space is what lies below TMPDIR and the
target at most while extracting, less what is extracted in the end.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from tests.bench.kit import (
    ROOT,
    Job,
    environment,
    lacking,
    makeself,
    measured,
    payload_run,
    run,
    scratch,
    show,
    table,
    title,
)
from tests.bench.payload import default_folder, payload


def answers(ours: Path, theirs: Path, temporary: Path) -> dict[str, Job]:
    """The questions that both answer."""
    place = {"TMPDIR": str(temporary)}

    def first() -> None:
        shutil.rmtree(temporary)
        temporary.mkdir()
        _forget(ours)

    return {
        "`--version`, the first time": Job((ours, "--version"), first, "< 1 s"),
        "`--version`": Job((ours, "--version"), goal="< 0.1 s"),
        "`--info`": Job((ours, "--info"), goal="< 0.1 s"),
        "`--list`": Job((ours, "--list"), goal="< 0.1 s"),
        "makeself `--list`": Job((theirs, "--list")),
        "`--check`": Job((ours, "--check"), goal="≤ 0.3 s"),
        "makeself `--check`": Job((theirs, "--check")),
        "`extract --help`, the first time (unpacks the installer)": Job(
            (ours, "extract", "--help"), first, environment=place
        ),
        "`extract --help`": Job((ours, "extract", "--help"), environment=place),
    }


def unpacking(ours: Path, theirs: Path, temporary: Path, out: Path) -> dict[str, Job]:
    """All content taken out."""
    place = {"TMPDIR": str(temporary)}
    gone = partial(shutil.rmtree, out, ignore_errors=True)
    unpack = (theirs, "--quiet", "--noexec", "--target", out)
    return {
        "`extract '*'`, verified": Job(
            (ours, "extract", "*", "--target", out), gone, "≤ makeself's without checks", place
        ),
        "makeself, checks off": Job(unpack, gone, environment=place | {"SETUP_NOCHECK": "1"}),
        "makeself, checks on": Job(unpack, gone, environment=place),
    }


def room(job: Job, folders: tuple[Path, ...], out: Path) -> int:
    """Bytes on the disk that a run takes at most beyond what it leaves in `out`."""
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.005):
            most = max(most, sum(_used(folder) for folder in folders))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run(job)
    finally:
        ended.set()
        watcher.join()
    return max(0, most - _used(out))


def _used(folder: Path) -> int:
    listed = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=False).stdout
    return int(listed.split()[0]) << 10 if listed.strip() else 0


def _forget(path: Path) -> None:
    """Have the page cache forget a file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def measure(runs: int) -> None:
    """Both files made once, then all in turn."""
    with scratch() as folder:
        temporary, out, theirs = folder / "tmp", folder / "out", folder / "makeself.run"
        temporary.mkdir()
        ours = payload_run(folder)
        made = makeself(payload(default_folder()), theirs)
        subprocess.run(made, cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)
        title("A .run of the payload: sizes")
        table(
            ("", "bytes"),
            [("payload.run", f"{ours.stat().st_size:,}"), ("makeself, zstd 3", f"{theirs.stat().st_size:,}")],
        )
        asked = answers(ours, theirs, temporary)
        title("A .run of the payload: answers")
        show(asked, measured(asked, runs))
        taken = unpacking(ours, theirs, temporary, out)
        title("A .run of the payload: taking all content out")
        show(taken, measured(taken, runs))
        shutil.rmtree(temporary)
        temporary.mkdir()
        job = taken["`extract '*'`, verified"]
        extra = room(job, (temporary, out), out)
        table(("temporary space beyond the content", "goal"), [(f"{extra / (1 << 20):.1f} MiB", "≤ 50 MiB")])


def main() -> int:
    """Entry point; prints tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    if lacking("makeself", "zstd"):
        return 2
    measure(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
