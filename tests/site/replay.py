"""Raw answers of a site's machines, through the product's own parser, held against the simulated site.

With BUNDLER_RECORDINGS set, the answers are kept below that folder, a file for each machine of each chapter.
They hold no key, password or token: the product's question asks for none.
"""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from bundler.installer.facts.gather import SCRIPT, gathered, parse
from bundler.installer.facts.observed import Observed
from bundler.installer.plan.aim import observed_of
from tests.site import ssh
from tests.site.spec import Machine, SiteSpec

_CONNECTION = re.compile(r" *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} (?!0A)")  # as in /proc/net/tcp


def observed(spec: SiteSpec, machines: Sequence[Machine], chapter: str) -> Observed:
    """What these machines say now."""
    started = time.time()
    answers = {str(each.address): ssh.on(spec, each, SCRIPT, timeout=180) for each in machines}
    if folder := os.environ.get("BUNDLER_RECORDINGS"):
        _keep(Path(folder) / spec.name / chapter, answers)
    facts = {address: parse(address, text, asked_at=time.time()) for address, text in answers.items()}
    return observed_of(gathered(facts, started))


def _keep(folder: Path, answers: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for address, text in answers.items():
        (folder / f"{address}.txt").write_text(_lean(text), encoding="utf-8")


def _lean(text: str) -> str:
    """Without connections that are no listeners, and without the addresses of a distribution."""
    kept = (line for line in text.splitlines() if not _CONNECTION.match(line) and "_URL=" not in line)
    return "".join(f"{line}\n" for line in kept)
