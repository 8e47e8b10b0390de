"""Run a command of this host and turn a failure into an error that says which and why."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode

_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def run(*argv: str | Path, stdin: str = "", timeout: float = 60) -> str:
    """Standard output of a command.

    Raises BundlerError (STEP) with the command's last lines when it fails or outlasts `timeout` seconds.
    """
    done = attempt(*argv, stdin=stdin, timeout=timeout)
    if done.returncode:
        raise _failed(argv, f"exit status {done.returncode}", done.stderr or done.stdout)
    return done.stdout


def attempt(*argv: str | Path, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """The same for a command that may fail.

    The command dies with us: going on after a kill of `up` it could make what `down` has just taken away.
    """
    try:
        return subprocess.run(
            (*_DIE_WITH_US, *argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(argv, f"no end after {timeout:.0f} s", str(error.stderr or "")) from error


def _failed(argv: Sequence[str | Path], what: str, output: str) -> BundlerError:
    command = " ".join(str(part) for part in argv)[:200]
    last = "\n".join(output.strip().splitlines()[-20:])
    return BundlerError(f"`{command}`: {what}", code=ExitCode.STEP, why=last)
