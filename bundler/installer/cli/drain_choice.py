"""The choices at a drain that a disruption budget holds up: taken by a flag, or asked for on a terminal."""

import sys
from collections.abc import Iterator
from typing import Final

from bundler.core.errors import BundlerError
from bundler.installer.cli import asking
from bundler.installer.operations.drains import Choose
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.blocked import HeldUp
from bundler.installer.plan.cluster.operation import Blocked

_LETTERS: Final = {"w": Blocked.WAIT, "s": Blocked.SKIP, "f": Blocked.FORCE, "q": Blocked.STOP}
_NAMED: Final = 3
_TRIES: Final = 5  # answers that name no choice


def chooser(policy: Blocked | None) -> Choose:
    """What the flag says, otherwise asks on the terminal; without one, the run stops."""
    if policy is None and sys.stdin.isatty() and sys.stderr.isatty():
        return _ask

    def settled(held: HeldUp) -> Blocked:
        choice = policy or Blocked.STOP
        for line in _head(held):
            say(line)
        if choice not in held.choices:
            say(f"{held.address} is a control plane, which can't be skipped")
            return Blocked.STOP
        say(f"--blocked-drain {choice.value}")
        return choice

    return settled


def _ask(held: HeldUp) -> Blocked:
    texts = {
        Blocked.WAIT: "wait 5 min more",
        Blocked.SKIP: f"skip {held.address}: uncordon it, leave it as it is, go on (ends with 17, PARTIAL)",
        Blocked.FORCE: "force: delete these pods against their budgets",
        Blocked.STOP: "stop here; the cluster serves, the same command goes on",
    }
    for line in _head(held):
        say(line)
    letters = {letter: choice for letter, choice in _LETTERS.items() if choice in held.choices}
    for letter, choice in letters.items():
        say(f"  {letter}  {texts[choice]}")
    for _ in range(_TRIES):
        try:
            answer = asking.prompt("Choice", default="w", err=True).strip().lower()
        except BundlerError as gone:
            say(f"{gone.what}: {gone.why}; stopped")
            return Blocked.STOP
        if answer in letters:
            return letters[answer]
    say(f"no choice after {_TRIES} answers: stopped")
    return Blocked.STOP


def _head(held: HeldUp) -> Iterator[str]:
    yield f"{held.address} ({held.node}) still runs pods whose disruption budgets allow no eviction now:"
    for pod, budget in held.pods[:_NAMED]:
        yield f"  {pod}, held by {budget}"
    if len(held.pods) > _NAMED:
        yield f"  and {len(held.pods) - _NAMED} more"
