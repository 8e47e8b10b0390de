"""How long a stretch of work will take: as long as it took last time on this machine."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.site.lifecycle import Say


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the work; `usual`: seconds it takes where nothing is known of this machine."""

    name: str
    title: str
    usual: float


@contextlib.contextmanager
def timed(stretch: Stretch, number: str, memory: Path, say: Say) -> Iterator[None]:
    """Say what starts, how long it will take, and at its end how long it took; `number`: "2 of 5"."""
    known = _read(memory)
    say(f"\n[{number}] {stretch.title} ({_words(known.get(stretch.name, stretch.usual))})")
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    say(f"      done in {took:.0f} s")
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({**known, stretch.name: round(took, 1)}))


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(seconds, 1):.0f} s"
    return f"about {seconds / 60:.0f} min"


def _read(memory: Path) -> dict[str, float]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(memory.read_text()))
    return {}
