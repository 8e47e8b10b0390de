"""What happens during a run, as data: the progress view, the log and the report are made of these."""

from collections.abc import Callable
from dataclasses import dataclass

from bundler.core.errors import BundlerError
from bundler.installer.plan.duration import PhaseWork
from bundler.installer.plan.steps import Phase, Step


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A plan is about to be executed. size: bytes that its deliveries hold in all. work: phase by phase."""

    title: str
    steps: int
    done: int  # steps that the plan leaves out because they were done before
    size: int
    work: tuple[PhaseWork, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began."""

    step: Step


@dataclass(frozen=True, slots=True)
class StepProgress:
    """So many more bytes of a delivery are sent, or were found to be there already."""

    step: Step
    size: int


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A line that a step's script wrote; never one of a secret step."""

    step: Step
    line: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Steps that have been under way for long: how long (seconds), and the last line that each wrote."""

    steps: tuple[tuple[Step, float, str], ...]


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step succeeded."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step failed."""

    step: Step
    seconds: float
    error: BundlerError


@dataclass(frozen=True, slots=True)
class PhaseFinished:
    """The last step of a phase succeeded. seconds: from the phase's first start to now, in wall time."""

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over. left: steps that were not done."""

    seconds: float
    left: int


Event = (
    RunStarted
    | StepStarted
    | StepProgress
    | StepOutput
    | Waiting
    | StepFinished
    | StepFailed
    | PhaseFinished
    | RunFinished
)
Sink = Callable[[Event], None]


def tee(*sinks: Sink) -> Sink:
    """One sink that hands every event to all, in order."""

    def send(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return send
