"""What the planner returns: steps with their reasons, stages, plans, findings, refusals. Frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bundler.core.errors import ExitCode
from bundler.installer.plan.cluster.probes import Probe


class Verb(StrEnum):
    """What a step does. PUT makes a piece of a host what it has to be; the others change the cluster."""

    PUT = "put"
    INIT = "init"
    FINISH_INIT = "finish-init"
    UNDO_INIT = "undo-init"
    JOIN = "join"
    JOIN_CONTROL_PLANE = "join-control-plane"
    PROMOTE = "promote"
    REMOVE_MEMBER = "remove-member"
    DELETE_NODE = "delete-node"
    LEAVE = "leave"
    MARK_REMOVAL = "mark-removal"
    WIPE = "wipe"
    AWAIT_NODE = "await-node"
    LABELS = "labels"
    UNTAINT = "untaint"
    UNCORDON = "uncordon"
    KEEP = "keep"
    SNAPSHOT = "snapshot"
    UPGRADE_CONTROL_PLANE = "upgrade-control-plane"
    UPGRADE_NODE = "upgrade-node"
    STORE_CONFIG = "store-config"
    SETTINGS = "settings"
    RENEW = "renew"
    EXTEND_NAMES = "extend-names"
    LISTS = "lists"
    SWITCH_ENDPOINT = "switch-endpoint"
    CHECK_PULL = "check-pull"
    SET_CLOCK = "set-clock"
    RESTORE = "restore"
    RECOVER = "recover"
    APP = "app"
    UNINSTALL = "uninstall"


class Cause(StrEnum):
    """Why a step is needed."""

    MISSING = "missing"
    CHANGED = "changed"
    DRIFTED = "drifted"
    REVISED = "revised"
    REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class Because:
    """The reason of a step: the input, what it was and what it is to be; "" where there was or is none."""

    cause: Cause
    subject: str
    before: str = ""
    now: str = ""

    def __str__(self) -> str:
        match self.cause:
            case Cause.MISSING:
                return f"{self.subject} {'are' if self.subject.endswith(' more') else 'is'} missing"
            case Cause.DRIFTED if not self.now:
                return f"{self.subject} (drift)"
            case Cause.DRIFTED:
                return f"{self.subject} changed{_values(self.before, self.now)} on the host (drift)"
            case Cause.REVISED:
                return f"the way to do it was corrected (revision{_values(self.before, self.now)})"
            case Cause.CHANGED:
                return f"{self.subject} changed{_values(self.before, self.now)}"
            case Cause.REQUESTED:
                return self.subject


def _values(before: str, now: str) -> str:
    return f" from {before} to {now}" if before and now else f" to {now}" if now else ""


@dataclass(frozen=True, slots=True)
class Guard:
    """Read again on the host in the command that acts: the question, and what its answer has to be."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One effect on one host. key: stable from plan to plan. inputs: semantic, never secret.

    about: the host that it is about, where it runs on another one.
    """

    key: str
    host: str
    verb: Verb
    because: Because
    probe: Probe
    about: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    revision: int = 1
    after: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def subject(self) -> str:
        """The host that changes."""
        return self.about or self.host


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a concern wants: steps that go together. claims: how much it takes of which budget."""

    concern: str
    steps: tuple[Step, ...]
    claims: Mapping[str, int] = field(default_factory=dict)
    shared: bool = False  # may chain behind another claimer of the same stage


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say that changes nothing. id: stable."""

    id: str
    where: str
    text: str
    severity: Severity = Severity.NOTE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is done. rule: stable id. fix: the way on, with commands where there are any."""

    rule: str
    what: str
    where: str
    why: str
    fix: str
    code: ExitCode = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that may run together, in an order that respects `after`."""

    steps: tuple[Step, ...]

    def verbs(self, *verbs: Verb) -> tuple[Step, ...]:
        """The steps with one of these verbs."""
        return tuple(step for step in self.steps if step.verb in verbs)


@dataclass(frozen=True, slots=True)
class Plan:
    """stage: what to do now, None for nothing. forecast: the stages after it, as far as they are known.

    held: keys of steps that wait for a later stage. partial: hosts that were excused.
    """

    stage: Stage | None
    forecast: tuple[Stage, ...] = ()
    findings: tuple[Finding, ...] = ()
    held: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Of this stage and all that are forecast."""
        stages = (*((self.stage,) if self.stage else ()), *self.forecast)
        return tuple(step for stage in stages for step in stage.steps)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is done, and this is why: every reason that is known."""

    refusals: tuple[Refusal, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def code(self) -> ExitCode:
        """Of the first, which is the gravest."""
        return self.refusals[0].code


Decision = Plan | Refused
