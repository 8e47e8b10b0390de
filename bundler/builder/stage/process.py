"""One command on the build machine: its output line by line, its whole process group ended in any case."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL after Ctrl-C
_LONGEST_LINE = 8192  # bytes; a progress bar may never end its line
_TAIL = 20  # lines kept for the error
# The command runs beside a guard that reads a pipe of ours: when we die, however it happens, the pipe
# closes and the guard ends the whole group. It is nobody's child, so that no command ever waits for it.
_GUARDED = """exec 3<&0 </dev/null
( ( read -r _ <&3; kill -s KILL -- "-$$" ) >/dev/null 2>&1 & )
exec "$@" 3<&-"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. status: its exit status, negative for the signal that ended it."""

    status: int
    tail: tuple[str, ...]


def run_command(
    argv: Sequence[str], *, folder: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> Ended:
    """Run a command in `folder` with exactly this environment, no standard input and umask 022.

    stdout and stderr come together, line by line, on another thread. Nothing that the command started in its
    process group outlives the call, nor this process, however it ends. What can't be started ends with status
    126 or 127, as in a shell. Raises OSError when there is no shell.
    """
    tail: deque[str] = deque(maxlen=_TAIL)
    process = subprocess.Popen(
        ["/bin/sh", "-c", _GUARDED, "RUN", *argv],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o022,
        start_new_session=True,
    )
    if process.stdout is None or process.stdin is None:
        raise RuntimeError("pipes were asked for")
    reader = threading.Thread(target=_pass_on, args=(process.stdout, tail, on_line), daemon=True)
    reader.start()
    try:
        status = process.wait()
    except BaseException:  # Ctrl-C: the command must not go on without us
        _end_politely(process)
        raise
    finally:
        _signal_group(process.pid, signal.SIGKILL)  # what it left in the background
        process.stdin.close()
        reader.join(timeout=_GRACE)
    return Ended(status, tuple(tail))


def _pass_on(stream: IO[bytes], tail: deque[str], on_line: Callable[[str], None]) -> None:
    with stream:
        for line in _lines(stream):
            tail.append(line)
            on_line(line)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    rest = b""
    while chunk := os.read(stream.fileno(), 65536):
        *whole, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole.append(rest)
            rest = b""
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _end_politely(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_GRACE)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
