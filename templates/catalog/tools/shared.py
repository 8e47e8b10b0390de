"""What the catalogue's tools have in common."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class RefusedError(Exception):
    """Something the user can put right; the message says what and how."""


def output(*argv: str, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints. Raises RefusedError with the command's own last words."""
    env = {**os.environ, **environment}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines()
        said = [line for line in words if line.startswith("E:")] or words[-8:]
        raise RefusedError(
            f"{' '.join(argv[:3])} failed with exit code {done.returncode}:\n" + "\n".join(said)
        )
    return done.stdout


def say(line: str) -> None:
    """One line for the person who waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def architecture() -> str:
    """The architecture that RUN is told to build for, else this machine's, as Debian and Go call it."""
    machine = os.uname().machine
    return os.environ.get("TARGETARCH") or {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def finish(run: Callable[[list[str]], None]) -> None:
    """Run a script with its arguments and end it: what the user can put right is told without a traceback."""
    try:
        run(sys.argv[1:])
    except (RefusedError, OSError) as refused:
        sys.exit(f"{refused}")
