"""A run whose drains may be held up: what was chosen is done, and the run goes on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.cluster.blocked import HeldUp, agreed, held_up
from bundler.installer.plan.cluster.operation import Blocked, Operation
from bundler.installer.plan.cluster.steps import Plan
from bundler.installer.plan.cluster.view import View
from bundler.installer.run.loop import Ended

WAITS: Final = 12  # drains of one node, of 5 min each, that `wait` bears
Choose = Callable[[HeldUp], Blocked]


class Site(Protocol):
    """What is done of a run between two drains."""

    def once(self, operation: Operation) -> Ended:
        """Go on until nothing is left, or a step fails."""

    def look(self, operation: Operation) -> View:
        """How the site is now."""

    def lift(self, held: HeldUp) -> None:
        """Let the node take pods again."""


@dataclass(frozen=True, slots=True)
class Carried:
    """How a run ended, and what was agreed to meanwhile."""

    ended: Ended
    operation: Operation


def carried(site: Site, operation: Operation, choose: Choose, most: int = WAITS) -> Carried:
    """Run; at a drain that is held up do what is chosen, and go on. most: rounds of the same drain.

    Stopping leaves the node cordoned: the same command goes on there.
    """
    rounds = 0
    before: frozenset[str] = frozenset()
    while True:
        ended = site.once(operation)
        stage = ended.decision.stage if isinstance(ended.decision, Plan) else None
        if ended.error is None or stage is None or ended.error.code is not ExitCode.STEP:
            return Carried(ended, operation)
        held = tuple(held_up(site.look(operation), stage))
        names = frozenset(each.address for each in held)
        rounds = rounds + 1 if names == before else 1
        before = names
        chosen = _chosen(held, choose) if rounds <= most else ()
        if not chosen:
            return Carried(ended, operation)
        for each, choice in chosen:
            operation = agreed(operation, each, choice)
            if choice is Blocked.SKIP:
                site.lift(each)


def _chosen(held: Iterable[HeldUp], choose: Choose) -> tuple[tuple[HeldUp, Blocked], ...]:
    """Nothing where one is to stop, or where a choice is none for its node."""
    made: list[tuple[HeldUp, Blocked]] = []
    for each in held:
        choice = choose(each)
        if choice is Blocked.STOP or choice not in each.choices:
            return ()
        made.append((each, choice))
    return tuple(made)


def left(skipped: Iterable[str], version: str) -> dict[str, BundlerError]:
    """Hosts that were skipped, as a run tells of hosts that it has left out."""
    return {
        address: BundlerError(
            f"not upgraded to {version}: a disruption budget holds its drain up",
            where=address,
            code=ExitCode.PARTIAL,
            fix="the same command upgrades it once its pods may go",
        )
        for address in sorted(skipped)
    }
