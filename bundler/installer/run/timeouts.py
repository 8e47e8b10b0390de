"""How much more time than usual steps get: for slow disks and networks (`--timeout-factor`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.yamldoc import suggest
from bundler.installer.plan.steps import Phase, Step

_LEAST: Final = 0.1
_MOST: Final = 100.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """A factor for all phases, and those of single phases in its place."""

    all: float = 1.0
    phases: Mapping[Phase, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read `2` or `apps=3`, each as often as wanted. Raises BundlerError (USAGE)."""
        everywhere = 1.0
        phases: dict[Phase, float] = {}
        for text in texts:
            name, sign, number = text.rpartition("=")
            if sign:
                phases[_phase(name)] = _number(number)
            else:
                everywhere = _number(text)
        return cls(everywhere, phases)

    def of(self, step: Step, seconds: float) -> float:
        """What this step gets in place of `seconds`."""
        return seconds * self.phases.get(step.phase, self.all)


def _phase(name: str) -> Phase:
    try:
        return Phase(name)
    except ValueError:
        raise BundlerError(
            f"--timeout-factor: there is no phase {name!r}",
            fix=suggest(name, [str(phase) for phase in Phase]),
            code=ExitCode.USAGE,
        ) from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _LEAST <= value <= _MOST:
        raise BundlerError(
            f"--timeout-factor: {text!r} is no number from {_LEAST:g} to {_MOST:g}",
            fix="write 2 for all phases, or apps=3 for one",
            code=ExitCode.USAGE,
        )
    return value
