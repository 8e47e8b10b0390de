"""The end of a run: what was done in which time, for a person and as JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
)
from bundler.installer.site.model import Site


@dataclass(slots=True)
class Report:
    """Gathers the figures of a run; a sink. nodes: `kubectl get nodes` as it was in the end, or ""."""

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

    def __call__(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case RunStarted(title, _, done, size):
                if not self.title:  # a run may have several stages
                    self.title, self.done_before = title, done
                self.size += size
            case StepFinished(step, seconds):
                told = {"id": step.id, "host": step.host, "phase": step.phase.value}
                self.steps.append({**told, "seconds": round(seconds, 3)})
            case StepFailed(step, _, error):
                self.failed.append({"id": step.id, "host": step.host, "error": str(error)})
            case PhaseFinished(phase, seconds):
                self.phases[phase.value] = round(self.phases.get(phase.value, 0.0) + seconds, 3)
            case RunFinished(seconds, left):
                self.seconds, self.left = round(self.seconds + seconds, 3), left
            case _:
                return

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
        hosts = [
            {"address": host.address, "roles": sorted(role.value for role in host.roles)}
            for host in self.site.hosts
        ]
        told = {
            "title": self.title,
            "ok": not self.failed and not self.left,
            "seconds": self.seconds,
            "bytes": self.size,
            "hosts": hosts,
            "phases": self.phases,
            "steps": self.steps,
            "done_before": self.done_before,
            "left": self.left,
            "failed": self.failed,
            "lost": self.lost,
            "nodes": self.nodes.splitlines(),
            "log": self.log,
            "error": self.error,
        }
        return json.dumps(told, indent=2) + "\n"


def _part(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *lines] if lines else []
