"""No silence: which steps have been under way for long, told every 15 seconds with their last words."""

from collections.abc import Callable
from typing import Final

from bundler.installer.plan.steps import Step
from bundler.installer.run.events import StepOutput, Waiting

EVERY: Final = 15.0  # seconds


class Waits:
    """The steps under way; only the walking thread touches it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: dict[str, tuple[Step, float]] = {}
        self._said: dict[str, str] = {}
        self._next = clock() + EVERY

    def begin(self, step: Step) -> None:
        """A step began."""
        self._began[step.id] = step, self._clock()

    def hear(self, output: StepOutput) -> None:
        """A step wrote a line."""
        if output.line.strip():
            self._said[output.step.id] = output.line.strip()

    def end(self, step: Step) -> None:
        """A step came back."""
        self._began.pop(step.id, None)
        self._said.pop(step.id, None)

    def due(self) -> Waiting | None:
        """What takes long, when it is time to tell."""
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + EVERY
        long = tuple(
            (step, now - began, self._said.get(step.id, ""))
            for step, began in self._began.values()
            if now - began >= EVERY * 0.9
        )
        return Waiting(long) if long else None
