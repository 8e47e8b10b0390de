"""From "is this host well?" to a look at the whole site: a silent host counts as unmeasured."""

from collections.abc import Callable, Iterable

from bundler.installer.checks.model import Fault, Look, Looked, Scene, Seen
from bundler.installer.checks.probe import UnmeasuredError

Measure = Callable[[Seen], str]  # what was measured where it is not well, "" where it is
Only = Callable[[Seen], bool]


def everywhere(_: Seen) -> bool:
    """Every host."""
    return True


def control_planes(seen: Seen) -> bool:
    """Hosts that run, or will run, etcd and the API server."""
    return seen.host.is_control_plane


def fresh(seen: Seen) -> bool:
    """Hosts on which this product has not worked yet."""
    return not seen.ours


def nodes(seen: Seen) -> bool:
    """Hosts that are part of a cluster."""
    return seen.node


def each(measure: Measure, only: Only = everywhere) -> Look:
    """Every host by itself."""

    def look(scene: Scene) -> Looked:
        faults: list[Fault] = []
        unmeasured: dict[str, str] = {}
        places = 0
        for seen in filter(only, scene.hosts()):
            places += 1
            try:
                if value := measure(seen):
                    faults.append(Fault(seen.address, value, hosts=(seen.address,)))
            except UnmeasuredError as error:
                unmeasured[seen.address] = str(error)
        return Looked(tuple(faults), places, unmeasured)

    return look


def whole(survey: Callable[[Scene], Iterable[Fault]], only: Only = everywhere) -> Look:
    """All hosts together, where one is measured by the others."""

    def look(scene: Scene) -> Looked:
        places = sum(map(only, scene.hosts()))
        return Looked(tuple(survey(scene)), places) if places else Looked()

    return look
