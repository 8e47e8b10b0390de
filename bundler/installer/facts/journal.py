"""What a host keeps of earlier runs, and how its journal is read.

A line of the journal is JSON: `{"v": 1, "step": ID, "revision": N, "inputs": {…}}`; the last one of a step
counts. Lines of older runs are `<fingerprint> <step id>`: they say that a step was done, and not with what.
What is cut short by a crash is no line, so its step is looked at as if it had not been done.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

from bundler.installer.facts.answer_json import ODD, read_json
from bundler.installer.facts.observed import JournalEntry

STATE: Final = "/var/lib/bundler"
JOURNAL: Final = f"{STATE}/journal"
CONTENTS: Final = f"{STATE}/contents"  # which files were put there out of bundles: `<sha256 in hex> PATH`
RELEASES: Final = f"{STATE}/releases"  # which bundles the site has had: `NAME VERSION KEY`, see trust.Release
RUNS: Final = f"{STATE}/runs"  # how the last runs ended, a line of JSON each; on control planes
RECORD: Final = f"{STATE}/record.json"  # what was last wanted of the site; on control planes
REMOVING: Final = f"{STATE}/removing"  # there once a `delete` has begun
SCHEMA: Final = 1

_OLD = re.compile(r"([0-9a-f]{64}) (\S+)")


def parse(text: str) -> Mapping[str, JournalEntry]:
    """Steps that succeeded, with what they depended on; lines that are none are passed over."""
    found: dict[str, JournalEntry] = {}
    for line in text.splitlines():
        if match := _OLD.fullmatch(line):
            found[match[2]] = JournalEntry({}, 0)
        elif line.startswith("{"):
            found.update(_entry(line))
    return found


def _entry(line: str) -> dict[str, JournalEntry]:
    try:
        read = read_json(line)
        if read["v"] != SCHEMA:
            return {}
        inputs = {str(key): str(value) for key, value in read["inputs"].items()}
        return {str(read["step"]): JournalEntry(inputs, int(read["revision"]))}
    except ODD:
        return {}


def line(step: str, inputs: Mapping[str, str], revision: int) -> str:
    """The line that notes a success."""
    noted = {"v": SCHEMA, "step": step, "revision": revision, "inputs": dict(inputs)}
    return json.dumps(noted, sort_keys=True, ensure_ascii=True)
