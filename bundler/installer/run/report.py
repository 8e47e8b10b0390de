"""The end of a run: what was done in which time, for a person and as JSON."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bundler.installer.plan.steps import Step
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
        """For a terminal."""
        hosts = [
            f"  {host.address:<16} {' + '.join(sorted(role.value for role in host.roles))}"
            for host in self.site.hosts
        ]
        phases = [f"  {name:<16} {seconds:>7.1f} s" for name, seconds in self.phases.items()]
        parts = [
            f"{self.title}: {self._counts()}, {self.seconds:.1f} s",
            *_part("hosts", hosts),
            *_part("phases (they overlap)", phases),
            *_part("nodes", [f"  {line}" for line in self.nodes.splitlines()]),
        ]
        if self.nodes:
            where = self.site.control_plane.address
            parts.append(f"next: on {where}, kubectl get pods -A")
        if self.log:
            parts.append(f"log: {self.log}")
        return "\n".join(parts)

    def _counts(self) -> str:
        done = f"{len(self.steps)} {'step' if len(self.steps) == 1 else 'steps'} done"
        return f"{done}, {self.done_before} before" if self.done_before else done

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


def _part(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *lines] if lines else []
