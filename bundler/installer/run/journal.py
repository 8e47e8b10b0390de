"""The journal that a host keeps of the steps that succeeded on it: a line each, the last counts.

A line is `<fingerprint> <step id>`; it is appended by the very command that did the step. A line cut short by
a crash matches no fingerprint, so its step is simply done again.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from bundler.installer.plan.steps import Phase, Step, fingerprint

STATE: Final = "/var/lib/bundler"
JOURNAL: Final = f"{STATE}/journal"
CONTENTS: Final = f"{STATE}/contents"  # which files were put there out of bundles: `<sha256 in hex> PATH`
RELEASES: Final = f"{STATE}/releases"  # which bundles the site has had: `NAME VERSION KEY`, see trust.Release

_LINE = re.compile(r"([0-9a-f]{64}) (\S+)")


def record(step: Step) -> str:
    """Shell text that notes the step's success.

    Nothing for a volatile step, which is done every time, nor for one that takes away: the journal goes too.
    """
    if step.volatile or step.phase is Phase.REMOVE:
        return ":"
    line = shlex.quote(f"{fingerprint(step)} {step.id}")
    return f"mkdir -p -m 0700 {STATE} && printf '%s\\n' {line} >>{JOURNAL}"


def parse(text: str) -> Mapping[str, str]:
    """Step ids with the fingerprint of their last success; lines that are none are passed over."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}
