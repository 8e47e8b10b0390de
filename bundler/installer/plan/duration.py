"""How long the steps of a plan may take, on hosts of today; copying goes by its size. Pure.

An upgrade is nearly all waiting: kubeadm replaces etcd and the parts of the control plane one by one, and
waits for each (docs/performance.md, "The day after"), so its steps count by themselves and not as a phase's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bundler.installer.plan.cluster.steps import Stage, Verb
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
# Seconds that steps of an upgrade wait, by their names.
_WAITS: Final = {
    "upgrade-snapshot": 5.0,
    "upgrade": 165.0,
    "upgrade-node-drain": 6.0,
    "upgrade-node-kubelet": 2.0,
    "upgrade-node-ready": 3.0,
    "upgrade-node-steady": 12.0,
}
_NODE: Final = sum(seconds for name, seconds in _WAITS.items() if name.startswith("upgrade-node"))


@dataclass(frozen=True, slots=True)
class PhaseWork:
    """What a phase has to do. steps: how many on each host, by address. seconds: a forecast."""

    phase: Phase
    steps: Mapping[str, int]
    seconds: float


def work(steps: Iterable[Step]) -> tuple[PhaseWork, ...]:
    """Phase by phase, in the order of `Phase`; copying is not counted, see `copying`."""
    counts: dict[Phase, dict[str, int]] = {}
    usual: dict[Phase, set[str]] = {}
    waits: dict[Phase, dict[str, float]] = {}
    apps = 0
    for step in steps:
        hosts = counts.setdefault(step.phase, {})
        hosts[step.host] = hosts.get(step.host, 0) + 1
        if step.name.partition("-")[0] == "upgrade":
            upgraded = waits.setdefault(step.phase, {})
            about = step.id.split("/")[1]  # a worker's drain runs on a control plane
            upgraded[about] = upgraded.get(about, 0.0) + _WAITS.get(step.name, 0.0)
        else:
            usual.setdefault(step.phase, set()).add(step.host)
        apps += step.phase is Phase.APPS and not isinstance(step, Await)
    return tuple(
        PhaseWork(
            phase,
            counts[phase],
            _upgrades(phase, waits.get(phase, {}))
            + _usual(phase, len(usual.get(phase, ())))
            + (apps * _APP if phase is Phase.APPS else 0.0),
        )
        for phase in Phase
        if phase in counts
    )


def _upgrades(phase: Phase, waits: Mapping[str, float]) -> float:
    """Control planes go one behind the other, the workers of a stage beside each other."""
    return sum(waits.values()) if phase is Phase.CONTROL_PLANE else max(waits.values(), default=0.0)


def _usual(phase: Phase, hosts: int) -> float:
    if not hosts:
        return 0.0
    return _SECONDS.get(phase, 0.0) + ((hosts - 1) * _NEXT if phase is Phase.CONTROL_PLANE else 0.0)


def ahead(stages: Iterable[Stage]) -> float:
    """Seconds that upgrades in later stages take; of all else the first stage tells enough."""
    return sum(
        _WAITS["upgrade"] * len(stage.verbs(Verb.UPGRADE_CONTROL_PLANE))
        + (_NODE if stage.verbs(Verb.UPGRADE_NODE) else 0.0)
        for stage in stages
    )


def copying(size: int) -> float:
    """Seconds that so many bytes take."""
    return size / SPEED


def copied(steps: Iterable[Step]) -> int:
    """Bytes that the steps copy, as far as the index tells."""
    return sum(file.size for step in steps if isinstance(step, Deliver) for file in step.files)
