"""The real command `bundler`, in a process and an environment of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def bundler(folder: Path, *words: object, cache: Path, timeout: float = 120, **environment: str) -> Said:
    """Run it in a folder; a traceback is a failure in any case."""
    done = subprocess.run(
        [sys.executable, "-m", "bundler.builder", *map(str, words)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cache / "home"),
            "PYTHONPATH": str(ROOT),
            "BUNDLER_CACHE": str(cache),
            "COLUMNS": "100",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    said = Said(done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in said.text
    assert "a bug in bundler" not in said.text
    return said


def case(name: str, target: Path) -> Path:
    """A copy of one of the cases to work in."""
    return Path(shutil.copytree(CASES / name, target / name, symlinks=True))


Command = Callable[..., Said]
