"""How long each phase of a build took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bundler.builder.build.report import Phase
from bundler.builder.lib.progress import Progress


class Clock:
    """Tells each phase to the progress, and keeps how long it took. of: which platform, of several."""

    def __init__(self, progress: Progress, of: str = "") -> None:
        self._progress = progress
        self._of = of
        self.phases: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The time within counts for `name`."""
        name = f"{name} {self._of}".rstrip()
        self._progress.begin(name)
        start = time.monotonic()
        yield
        self.phases.append(Phase(name, time.monotonic() - start))
