"""What `status` comes to: parts, findings, one word for the whole. Frozen; text and JSON are made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bundler.core.errors import ExitCode
from bundler.core.index import Image, Index
from bundler.installer.facts.model import Facts
from bundler.installer.plan.cluster.steps import Decision, Severity
from bundler.installer.plan.cluster.view import View
from bundler.installer.site.model import Site
from bundler.installer.site.record import Product
from bundler.installer.status.condition import Condition, PastRun


class State(StrEnum):
    """How the site or a part of it is. UNKNOWN: no host that must know has answered."""

    WELL = "well"
    FINDINGS = "findings"
    DOWN = "down"
    UNKNOWN = "unknown"

    @property
    def code(self) -> ExitCode:
        """What the command ends with."""
        return {State.WELL: ExitCode.OK, State.DOWN: ExitCode.DOWN}.get(self, ExitCode.FINDINGS)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at. id: stable. text: what is measured and what to do. value: for programs."""

    id: str
    severity: Severity
    text: str
    hosts: tuple[str, ...] = ()
    subject: str = ""  # what it is about where that is no host: an app, a site
    value: float | str | None = None


def graver(findings: Iterable[Finding]) -> bool:
    """Whether any of them is more than a note: a part with notes alone is well."""
    return any(each.severity is not Severity.NOTE for each in findings)


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table. count: `3 of 3 healthy`; detail: what else; data: for programs."""

    name: str
    state: State
    count: str
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A part, and what was found in it."""

    part: Part
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class HostState:
    """One host of the Clusterfile. state: ready, not-ready, silent or absent (no node)."""

    address: str
    node: str
    roles: tuple[str, ...]
    state: str
    kubelet: str = ""
    containerd: str = ""
    os: str = ""
    architecture: str = ""  # as OCI names it
    uptime: float = 0.0
    memory: int = 0
    memory_available: int = 0
    disk: int = 0  # per cent, of the fullest
    components: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The whole."""

    site: str
    state: State
    product: str
    version: str
    kubernetes: str
    generation: int
    hosts: tuple[HostState, ...]
    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    runs: tuple[PastRun, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and what it is judged by.

    forecast: what `apply` would do now, or why nobody could tell. again: the command that applies. now:
    seconds since the epoch. images: that the registries are to have; None for those of the index.
    """

    site: Site
    index: Index
    facts: Facts
    view: View
    conditions: Mapping[str, Condition]
    forecast: Decision | str
    now: float
    again: str = "./product.run -f site.yaml"
    images: tuple[Image, ...] | None = None

    @property
    def installed(self) -> Product | None:
        """The product that the site has, if it is another version than this file's, or another product."""
        record = self.view.record
        named = record.product(self.index.name) if record else None
        if record is None or (named and named.version == self.index.version):
            return None
        return named or next(iter(record.products), None)

    def name(self, address: str) -> str:
        """`10.0.0.11 (cp1)`."""
        node = self.view.node_name(address)
        return address if node in {"", address} else f"{address} ({node})"
