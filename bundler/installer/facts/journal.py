"""What a host keeps of earlier runs, and how its journal is read.

A line of the journal is `<fingerprint> <step id>`; the last one of a step counts. A line cut short by a crash
matches no fingerprint, so its step is simply done again.
"""

import re
from collections.abc import Mapping
from typing import Final

STATE: Final = "/var/lib/bundler"
JOURNAL: Final = f"{STATE}/journal"
CONTENTS: Final = f"{STATE}/contents"  # which files were put there out of bundles: `<sha256 in hex> PATH`
RELEASES: Final = f"{STATE}/releases"  # which bundles the site has had: `NAME VERSION KEY`, see trust.Release

_LINE = re.compile(r"([0-9a-f]{64}) (\S+)")


def parse(text: str) -> Mapping[str, str]:
    """Step ids with the fingerprint of their last success; lines that are none are passed over."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}
