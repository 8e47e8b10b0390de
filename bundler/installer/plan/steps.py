"""The steps a plan is made of: frozen data with an id and a reason, nothing that acts.

A step runs on one host once all steps named in `after` have succeeded. The executor (`execute`) knows these
five kinds and no more; `plan` prints them and `execute` walks the very same objects.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bundler.core.digest import Digest
from bundler.installer.plan.cluster.steps import Plan as Decided

# Stands in `Delivery.member` for the .run's own runtime section: the frozen installer as tar.gz.
RUNTIME_MEMBER: Final = "@runtime"


class Phase(StrEnum):
    """The stretches of a run, in order; progress and timings are reported by phase."""

    PREFLIGHT = "preflight"
    DISTRIBUTE = "distribute"
    HOST = "host"
    RUNTIME = "runtime"
    REGISTRY = "registry"
    CONTROL_PLANE = "control-plane"
    WORKERS = "workers"
    NETWORK = "network"
    APPS = "apps"
    REMOVE = "remove"

    __hash__ = str.__hash__  # Enum's own is written in Python, and phases of steps are looked up very often

    @property
    def words(self) -> str:
        """As a person reads it."""
        return _WORDS.get(self, self.value)


_WORDS: Final = {
    Phase.PREFLIGHT: "checks",
    Phase.DISTRIBUTE: "copy",
    Phase.HOST: "hosts",
    Phase.RUNTIME: "containerd",
    Phase.CONTROL_PLANE: "control plane",
    Phase.REMOVE: "removal",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One member of the bundle and where it goes on the host.

    digest: of the content, so that a changed content is a changed step; None only for `RUNTIME_MEMBER`.
    size: bytes; 0 where it is not known before the section is opened. platform: of a file for several, whose
    index has it; "" for the one that the plan is made of.
    """

    member: str  # path in the index, or RUNTIME_MEMBER
    path: str  # absolute path on the host
    mode: int
    digest: Digest | None = None
    size: int = 0
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    id: str  # unique in a plan: `runtime/10.0.0.2/containerd`
    host: str  # address
    phase: Phase
    reason: str  # why this plan has it, for a person
    after: tuple[str, ...] = ()
    always_run: bool = False  # true: a stamp of an earlier success does not count, and none is kept
    only_if_needed: bool = False  # true: serves only the steps right behind it, left out when these are done

    @property
    def name(self) -> str:
        """What it does, by the last part of its id: `join`, `helm-web`."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver(_Step):
    """Stream files out of the bundle to the host; they appear in place only when all digests are right."""

    files: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(_Step):
    """Write a small file. `@@name@@` in `content` is replaced by what step output `name` was captured as."""

    path: str
    content: str
    mode: int = 0o644
    secret: bool = False  # never shown, never logged
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay(_Step):
    """Stream a file from another host of the site to this one; it appears in place only when it is the same.

    Its digest stands beside it, in `path`.sha256.
    """

    source: str  # address
    source_path: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(_Step):
    """Run a POSIX shell script as root.

    timeout: seconds. capture: keep standard output, stripped, under this name for later `Write.slots`;
    captured values count as secret. stdin goes to the script's standard input.
    """

    script: str
    timeout: float = 120.0
    stdin: str = ""
    capture: str = ""
    secret: bool = False  # neither script nor output are shown or logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Await(_Step):
    """Run a script again and again until it exits 0 or `deadline` seconds have passed.

    subject: what is awaited, for the message: "node worker-1 to be Ready". diagnose: a script whose output is
    shown when the deadline passes.
    """

    script: str
    subject: str
    deadline: float
    interval: float = 0.2
    diagnose: str = ""


Step = Deliver | Write | Relay | Exec | Await


@dataclass(frozen=True, slots=True)
class Done:
    """A step that the plan leaves out because it is so already."""

    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, in an order in which it can be done: a step stands behind those in its `after`.

    warnings: what a person should know before.
    """

    title: str
    steps: tuple[Step, ...]
    done: tuple[Done, ...] = field(default=())
    decision: Decided | None = None  # what the planner decided, where it was asked
    warnings: tuple[str, ...] = ()
