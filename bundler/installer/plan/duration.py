"""How long the steps of a plan may take, on hosts of today; copying goes by its size. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bundler.installer.plan.steps import Await, Deliver, Phase, Step

SPEED: Final = 80 << 20  # bytes a second to all hosts together, as a gigabit link takes them
# What each phase adds to a run on hosts of today: they overlap, so by itself each takes longer.
_SECONDS: Final = {
    Phase.HOST: 8.0,
    Phase.RUNTIME: 4.0,
    Phase.REGISTRY: 3.0,
    Phase.CONTROL_PLANE: 14.0,
    Phase.WORKERS: 6.0,
    Phase.NETWORK: 8.0,
    Phase.REMOVE: 25.0,
}
_NEXT: Final = 12.0  # seconds; control planes join one behind the other
_APP: Final = 6.0  # apps start likewise


@dataclass(frozen=True, slots=True)
class PhaseWork:
    """What a phase has to do. steps: how many on each host, by address. seconds: a forecast."""

    phase: Phase
    steps: Mapping[str, int]
    seconds: float


def work(steps: Iterable[Step]) -> tuple[PhaseWork, ...]:
    """Phase by phase, in the order of `Phase`; copying is not counted, see `copying`."""
    counts: dict[Phase, dict[str, int]] = {}
    apps = 0
    for step in steps:
        hosts = counts.setdefault(step.phase, {})
        hosts[step.host] = hosts.get(step.host, 0) + 1
        apps += step.phase is Phase.APPS and not isinstance(step, Await)
    found = []
    for phase in Phase:
        if phase in counts:
            seconds = _SECONDS.get(phase, 0.0)
            seconds += apps * _APP if phase is Phase.APPS else 0.0
            seconds += (len(counts[phase]) - 1) * _NEXT if phase is Phase.CONTROL_PLANE else 0.0
            found.append(PhaseWork(phase, counts[phase], seconds))
    return tuple(found)


def copying(size: int) -> float:
    """Seconds that so many bytes take."""
    return size / SPEED


def copied(steps: Iterable[Step]) -> int:
    """Bytes that the steps copy, as far as the index tells."""
    return sum(file.size for step in steps if isinstance(step, Deliver) for file in step.files)
