"""A check as a value: what it looks at, how grave a finding is, the limit, why it matters, what to do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bundler.core.errors import BundlerError, ExitCode, Problem
from bundler.installer.checks.probe import HostProbe
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.plan.context import Context
from bundler.installer.plan.limits import HostLimits
from bundler.installer.plan.vendor import NO_RULES, VendorRules
from bundler.installer.site.model import Host, Site


class Severity(StrEnum):
    """How much a finding matters: errors end with 11, warnings alone with 18, notes with 0."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


class Area(StrEnum):
    """What a check is about."""

    ACCESS = "access"
    SYSTEM = "system"
    HARDWARE = "hardware"
    DISKS = "disks"
    TIME = "time"
    NETWORK = "network"
    NAMES = "names"
    SECURITY = "security"
    KERNEL = "kernel"
    LEFTOVERS = "leftovers"
    IDENTITY = "identity"
    CLUSTER = "cluster"
    BUNDLE = "bundle"
    VENDOR = "vendor"


class Fix(StrEnum):
    """What --fix can do by itself, and `delete` takes back."""

    SYSCTL = "sysctl"
    SWAP = "swap"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a vendor's check printed on a host, and how it ended."""

    status: int
    text: str


@dataclass(frozen=True)
class Scene:
    """All that was seen of a site. Hosts that gave no answer are in `silent` alone.

    context: None where the plan was refused or no host could be asked. problems: what the preflight of
    `apply` says; refused: reasons why `apply` would do nothing. now: by our clock. speed: MiB/s to a host.
    ran: a vendor's checks by id and address. blobs: how many were looked for in the registry.
    """

    site: Site
    facts: Facts
    probes: Mapping[str, HostProbe]
    silent: Mapping[str, BundlerError] = field(default_factory=dict)
    context: Context | None = None
    problems: tuple[Problem, ...] = ()
    refused: tuple[Problem, ...] = ()
    subnets: tuple[str, ...] = ()
    now: float = 0.0
    speed: Mapping[str, float] = field(default_factory=dict)
    rules: VendorRules = NO_RULES
    ran: Mapping[tuple[str, str], Ran] = field(default_factory=dict)

    @property
    def limits(self) -> HostLimits:
        """What this site has to keep to."""
        return self.rules.limits

    def hosts(self) -> "Iterator[Seen]":
        """Every host that answered, in the site's order."""
        for host in self.site.hosts:
            facts, probe = self.facts.hosts.get(host.address), self.probes.get(host.address)
            if facts is not None and probe is not None:
                yield Seen(host, facts, probe, self.limits, self)


@dataclass(frozen=True, slots=True)
class Seen:
    """One host as it was seen, with what it has to keep to."""

    host: Host
    facts: HostFacts
    probe: HostProbe
    limits: HostLimits
    scene: Scene

    @property
    def address(self) -> str:
        """As the Clusterfile names it."""
        return self.host.address

    @property
    def device(self) -> str:
        """The interface that has the Clusterfile's address, "" where none has."""
        for text in self.facts.networks:
            name, _, address = text.partition(" ")
            if address.partition("/")[0] == self.address:
                return name.partition("@")[0]
        return ""

    @property
    def ours(self) -> bool:
        """Whether this product has worked here: what looks like leftovers is then its own."""
        return self.probe.says("ours") == "yes" or bool(self.facts.stamps)

    @property
    def node(self) -> bool:
        """Whether it is a node of a cluster."""
        return self.facts.kubelet_config


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where it is not as it should be. where: an address, or `10.0.0.2 → 10.0.0.3`.

    hosts: addresses that it hits. fix and reason: where they say more than the check's own.
    """

    where: str
    value: str
    fix: str = ""
    hosts: tuple[str, ...] = ()
    limit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a check came to on a site.

    places: how many were looked at. unmeasured: why, by address, where there was no answer.
    """

    faults: tuple[Fault, ...] = ()
    places: int = 0
    unmeasured: Mapping[str, str] = field(default_factory=dict)


Look = Callable[[Scene], Looked]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. limit: as a person reads it. required: part of the preflight of `apply`.

    strict: no flag passes over it. fix_by: what --fix does, setting: which value of it.
    """

    id: str
    area: Area
    severity: Severity
    title: str
    reason: str
    fix: str
    look: Look
    limit: Callable[[HostLimits], str] = lambda _: ""
    required: bool = False
    strict: bool = False
    fix_by: Fix | None = None
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what it came to, and the severity that counts here: a vendor may set another."""

    check: Check
    severity: Severity
    looked: Looked
    limit: str
    ignored: bool = False
    strict: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Where it is not as it should be."""
        return self.looked.faults

    @property
    def passed(self) -> bool:
        """Whether it was looked at somewhere and is well everywhere."""
        return not self.faults and self.looked.places > len(self.looked.unmeasured)

    @property
    def counts(self) -> bool:
        """Whether it says anything about this site."""
        return bool(self.faults) or self.passed


@dataclass(frozen=True, slots=True)
class Report:
    """All results. seconds: of the whole check. links: connections between hosts that were tried."""

    site: str
    hosts: int
    answered: int
    results: tuple[Result, ...]
    seconds: float = 0.0
    links: int = 0
    forecast: str = ""

    def of(self, severity: Severity) -> tuple[Result, ...]:
        """Findings of one severity, those that hit most hosts first."""
        found = [r for r in self.results if r.faults and r.severity is severity]
        return tuple(sorted(found, key=lambda r: (-len(r.faults), r.check.id)))

    @property
    def findings(self) -> tuple[Result, ...]:
        """The gravest first."""
        return tuple(result for severity in ORDER for result in self.of(severity))

    @property
    def failed(self) -> bool:
        """Whether an error counts."""
        return any(not result.ignored for result in self.of(Severity.ERROR))

    @property
    def code(self) -> ExitCode:
        """PREFLIGHT for errors, FINDINGS for warnings alone; notes and what is ignored don't count."""
        if self.failed:
            return ExitCode.PREFLIGHT
        warned = any(not result.ignored for result in self.of(Severity.WARNING))
        return ExitCode.FINDINGS if warned else ExitCode.OK


def listed(items: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    names = list(items)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
