"""Output that is closed, gone or full: no command takes that for a bug."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
GOOD = ("--version", "--help", "plan --help", "explain BND-QUORUM", "explain", "schema")
BAD = (
    "plan -f /none",
    "status -f /none",
    "check -f /none",
    "collect -f /none",
    "exec -f /none -- id",
    "nonsense",
)
FULL = 8


def run(words: str, ends: str, folder: Path) -> tuple[int, str]:
    text = f"set -o pipefail; '{sys.executable}' -m bundler.installer.cli.main {words} {ends}"
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "BUNDLER_RUN_FILE": "/none",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


def all_of(commands: tuple[str, ...], ends: tuple[str, ...], folder: Path) -> dict[str, tuple[int, str]]:
    pairs = list(product(commands, ends))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda pair: run(pair[0], pair[1], folder), pairs))
    return {" ".join(pair): each for pair, each in zip(pairs, found, strict=True)}


def test_who_reads_no_more_makes_no_error(tmp_path: Path) -> None:
    ends = (">&-", "<&- >&- 2>&-", "| true")
    found = all_of(GOOD, ends, tmp_path)
    assert {name: each for name, each in found.items() if each != (0, "")} == {}


def test_an_error_keeps_its_exit_code_when_nobody_reads_it(tmp_path: Path) -> None:
    heard = all_of(BAD, ("",), tmp_path)
    found = all_of(BAD, (">&- 2>&-", "2>/dev/full"), tmp_path)
    codes = {name.strip(): code for name, (code, _) in heard.items()}
    assert 1 not in codes.values()  # a bug in bundler
    for name, (code, said) in found.items():
        assert (code, said) == (codes[next(each for each in BAD if name.startswith(each))], ""), name


def test_a_full_disk_under_the_output_is_told(tmp_path: Path) -> None:
    found = all_of(GOOD, (">/dev/full",), tmp_path)
    assert {code for code, _ in found.values()} == {FULL}
    for _, said in found.values():
        assert said.startswith("error[BND-SPACE] this command's output: a disk of this machine is full")
        assert "Traceback" not in said
