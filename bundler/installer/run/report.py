"""The end of a run: what was done in which time, for a person and as JSON."""

import json
import re
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bundler.core.words import counted, lasting
from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.plan.steps import Phase, Step
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import folded

_HEAD: Final = 9  # columns of the words at the left
_WIDTH: Final = 100
_STAYS: Final = "\xa0"  # a blank at which no line is broken


@dataclass(slots=True)
class Report:
    """Gathers the figures of a run; a sink. nodes: `kubectl get nodes` as it was in the end, or "".

    versions: of the product and its Kubernetes. findings: what the planner found and left alone. sent: bytes
    by host. Times are seconds from the first event on.
    """

    site: Site
    title: str = ""
    seconds: float = 0.0
    done_before: int = 0
    left: int = 0
    size: int = 0
    nodes: str = ""
    lost: dict[str, str] = field(default_factory=dict)  # hosts that failed and were excused, with the reason
    log: str = ""
    following: str = ""  # a command to go on with
    error: str = ""  # what ended the run, if it failed
    phases: dict[str, float] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: list[dict[str, str]] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _began: float | None = None
    _running: dict[str, float] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        if self._began is None:
            self._began = self.clock()
        match event:
            case StepStarted(step):
                self._running[step.id] = self.clock() - self._began
            case StepProgress(step, size):
                self.sent[step.host] = self.sent.get(step.host, 0) + size
            case RunStarted(title, _, done, size):
                if not self.title:  # a run may have several stages
                    self.title, self.done_before = title, done
                self.size += size
            case StepFinished(step, seconds):
                self.steps.append(self._timed(step, seconds))
            case StepFailed(step, seconds, error):
                self.failed.append({**self._timed(step, seconds), "error": str(error)})
            case PhaseFinished(phase, seconds):
                self.phases[phase.value] = round(self.phases.get(phase.value, 0.0) + seconds, 3)
            case RunFinished(seconds, left):
                self.seconds, self.left = round(self.seconds + seconds, 3), left
            case _:
                return

    def _timed(self, step: Step, seconds: float) -> dict[str, Any]:
        start = self._running.pop(step.id, 0.0)
        told = {"id": step.id, "host": step.host, "phase": step.phase.value}
        return {**told, "start": round(start, 3), "seconds": round(seconds, 3)}

    def as_text(self) -> str:
        """For a terminal: what has become of the site, and where to go from here."""
        lines = [self._headline()]
        if self.seconds:
            lines += _row("Took", self._times())
        for each in self.findings:
            if each["severity"] == Severity.WARNING:
                lines += _row("Warning", f"{each['where']}: {each['text']}")
        lines += _row("Failed", folded(self.lost)) if self.lost else []
        lines += _row("Next", self.following) if self.following else []
        lines += [f"{'Log':<{_HEAD}}{self.log}"] if self.log else []
        return "\n".join(lines)

    def _headline(self) -> str:
        ready, total = _ready(self.nodes)
        nodes = f"; {ready} of {counted(total, 'node')} Ready" if total else ""
        return f"{'!' if self.lost or ready < total else '✓'} {self.title or self.site.name}{nodes}"

    def _times(self) -> str:
        if len(self.phases) < 2:
            return lasting(self.seconds)
        parts = ", ".join(f"{Phase(name).words} {lasting(seconds)}" for name, seconds in self.phases.items())
        return f"{lasting(self.seconds)}: {parts} (phases overlap)"

    def as_json(self) -> str:
        """For a program; keys are stable."""
        return json.dumps(self.as_data(), indent=2) + "\n"

    def as_data(self) -> dict[str, Any]:
        """The same as data; the HTML report is made of it."""
        hosts = [
            {"address": host.address, "roles": sorted(role.value for role in host.roles)}
            for host in self.site.hosts
        ]
        return {
            "title": self.title,
            "site": self.site.name,
            "ok": not self.failed and not self.left and not self.error,
            "seconds": self.seconds,
            "bytes": self.size,
            "versions": dict(self.versions),
            "hosts": hosts,
            "sent": self.sent,
            "phases": self.phases,
            "steps": self.steps,
            "done_before": self.done_before,
            "left": self.left,
            "failed": self.failed,
            "lost": self.lost,
            "findings": self.findings,
            "nodes": self.nodes.splitlines(),
            "log": self.log,
            "error": self.error,
        }


def _row(head: str, text: str) -> list[str]:
    """Wrapped under its own column; a number stays with its unit."""
    lines = textwrap.wrap(
        re.sub(r"(?<=\d) (?=\w)", _STAYS, text), _WIDTH, initial_indent=f"{head:<{_HEAD}}",
        subsequent_indent=" " * _HEAD, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(_STAYS, " ") for line in lines]


def _ready(nodes: str) -> tuple[int, int]:
    """How many of how many nodes are Ready in the table that kubectl prints."""
    states = [words[1] for line in nodes.splitlines()[1:] if len(words := line.split()) > 1]
    return sum(state.split(",")[0] == "Ready" for state in states), len(states)
