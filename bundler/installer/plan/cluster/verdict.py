"""What looking at a probe gives."""

from dataclasses import dataclass

from bundler.installer.plan.cluster.steps import Because


@dataclass(frozen=True, slots=True)
class Satisfied:
    """It is so already. kept: it is not, and a person wants it that way."""

    kept: bool = False


@dataclass(frozen=True, slots=True)
class Unsatisfied:
    """It is not so; because: the difference."""

    because: Because


@dataclass(frozen=True, slots=True)
class Undecidable:
    """Who must know does not answer."""

    why: str


Verdict = Satisfied | Unsatisfied | Undecidable
YES = Satisfied()
