"""The log of a run: a JSON object a line, everything that happened, without secrets."""

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TextIO

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import mute, show
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepProgress,
    StepStarted,
    Waiting,
)
from bundler.installer.run.redaction import redact

# What a terminal that shows the file would obey: controls beyond ASCII, directions of writing, surrogates.
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def entry(event: Event) -> dict[str, Any] | None:
    """What the log says of an event; None for those that would only fill it."""
    said: dict[str, Any] | None
    match event:
        case RunStarted(title, steps, done, size):
            said = {"event": "run", "title": title, "steps": steps, "done_before": done, "bytes": size}
        case StepStarted(step):
            said = {"event": "start", "host": step.host, "step": step.id, "reason": step.reason}
        case StepOutput(step, line):
            said = {"event": "output", "host": step.host, "step": step.id, "line": line}
        case Waiting(steps):
            waits = [
                {"host": step.host, "step": step.id, "seconds": round(since)} for step, since, _ in steps
            ]
            said = {"event": "waiting", "steps": waits}
        case StepFinished(step, seconds):
            said = {"event": "done", "host": step.host, "step": step.id, "seconds": round(seconds, 3)}
        case StepFailed(step, seconds, error):
            told = {"host": step.host, "step": step.id, "seconds": round(seconds, 3), "error": str(error)}
            said = {"event": "failed", **told}
        case PhaseFinished(phase, seconds):
            said = {"event": "phase", "phase": phase.value, "seconds": round(seconds, 3)}
        case RunFinished(seconds, left):
            said = {"event": "end", "seconds": round(seconds, 3), "left": left}
        case StepProgress():
            said = None
    return said


@lru_cache(maxsize=16)
def _as_json(secrets: frozenset[str]) -> frozenset[str]:
    return frozenset(json.dumps(each, ensure_ascii=False)[1:-1].replace("\\n", "\n") for each in secrets)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


class LogFile:
    """Appends events to a file that only its owner can read; a sink."""

    def __init__(self, path: Path, stream: TextIO, secrets: Callable[[], frozenset[str]]) -> None:
        self.path = path
        self._stream = stream
        self._secrets = secrets
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, secrets: Callable[[], frozenset[str]]) -> Self:
        """Open for appending. secrets: what must not be written, asked anew for every entry.

        Raises BundlerError (INPUT) when the file can't be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            why = error.strerror or str(error)
            fix = "name another place: --log FILE"
            raise BundlerError(
                "the log can't be written", where=path, why=why, code=ExitCode.INPUT, fix=fix
            ) from None
        return cls(path, os.fdopen(descriptor, "a", encoding="utf-8", buffering=1), secrets)

    def __call__(self, event: Event) -> None:
        """Log an event."""
        said = entry(event)
        if said is not None:
            self.note(**said)

    def note(self, **said: Any) -> None:
        """Write one entry of any kind."""
        now = time.time()
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
        line = json.dumps({"time": moment, **said}, ensure_ascii=False)
        # json.dumps escapes quotes and backslashes: the secrets are looked for in the form they have in it.
        secrets = _as_json(self._secrets())
        with self._lock, self._lasting():
            self._stream.write(_UNSEEN.sub(_escaped, redact(line, secrets)) + "\n")

    def close(self) -> None:
        """Close the file."""
        with self._lasting():
            self._stream.close()

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        """A full disk here is no reason to leave a cluster half done: told once, and no log from then on."""
        try:
            yield
        except OSError as error:
            mute(self._stream)
            why = error.strerror or str(error)
            show(sys.stderr, f"{self.path}: the log ends here: {why}; the run goes on without it\n")
