"""How many workers of a group may be down at once, for upgrades and for all that disturbs a node. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

WORKERS: Final = "workers"  # the group of hosts that name none
DEFAULT: Final = "10%"
_AMOUNT: Final = re.compile(r"([1-9][0-9]{0,3})(%?)")


def amount_fault(text: str) -> str:
    """Why this is no amount; "" for one."""
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[2] and int(match[1]) > 100):
        return f"{text[:80]!r} is no number of hosts, and no share of them from 1% to 100%"
    return ""


def windows(groups: Iterable[str], asked: Mapping[str, str]) -> Mapping[str, int]:
    """groups: of each worker. asked: amounts by group, "" for those that have none of their own.

    A share is rounded down, as Kubernetes does with a maxUnavailable, and is one host at least.
    """
    every = asked.get("", DEFAULT)
    return {group: _of(asked.get(group, every), size) for group, size in Counter(groups).items()}


def _of(amount: str, size: int) -> int:
    number = int(amount.rstrip("%"))
    return max(1, size * number // 100) if amount.endswith("%") else number
