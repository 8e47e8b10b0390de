"""From the steps that bring a host up to what has to be so on it: how each one's effect is looked at.

A step whose effect can be seen is done when it is seen, whatever the journal says; the journal explains what
changed, and decides only for what leaves nothing to look at.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bundler.core.words import counted
from bundler.installer.plan.inputs import digest_of, inputs_of, revision_of
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Relay, Step, Write
from bundler.installer.scripts.render import Script
from bundler.installer.site.desired import Piece
from bundler.installer.site.expected import (
    AppRuns,
    Expected,
    FileIs,
    FilesAre,
    ImagesAre,
    Journalled,
    NodesCarry,
    NodesReady,
    SysctlsAre,
    UnitGone,
    UnitRuns,
)

LATE: Final = frozenset({Phase.NETWORK, Phase.APPS})  # come after the joins
_CONTENT: Final = frozenset({Phase.DISTRIBUTE, Phase.REGISTRY})
CLUSTER: Final = frozenset(
    {Phase.CONTROL_PLANE, Phase.WORKERS}
)  # init and joins: decided by what is observed
_BESIDE: Final = ("kubectl", "vip-")  # of a control plane, and no part of how it comes to be one
_UNITS: Final = {
    "kubelet-enable.sh": "kubelet.service",
    "endpoint-start.sh": "bundler-endpoint.service",
}
# They start what reads files of the site's own.
_FOLLOWERS: Final = frozenset(
    {"apply.sh", "rolled-out.sh", "helm.sh", "shell-app.sh", "plugin.sh", "plugin-python.sh"}
)
_TRIALS: Final = frozenset({"registry-reach.sh", "registry-gate.sh"})
_DISTURBS: Final = {"containerd.service": "runtime", "bundler-registry.service": "registry"}


def pieces_of(steps: Iterable[Step]) -> tuple[Piece, ...]:
    """One for every step that is neither a means nor a part of `init` or of a join."""
    every = tuple(steps)
    apps = _of_apps(every)
    return tuple(
        piece_of(step, of_app=step.id in apps)
        for step in every
        if not (step.only_if_needed or step.always_run or is_cluster(step))
    )


def _of_apps(steps: tuple[Step, ...]) -> frozenset[str]:
    """Starts of apps, with the files and images that they come with."""
    needed = {name for step in steps if step.phase is Phase.APPS for name in step.after}
    return frozenset(
        step.id
        for step in steps
        if step.phase is Phase.APPS
        or (step.phase in _CONTENT and (step.id in needed or step.id.endswith("/app-images")))
    )


def is_cluster(step: Step) -> bool:
    """Whether it is a part of `init` or of a join; what makes root's kubectl work is not."""
    return step.phase in CLUSTER and not step.id.rsplit("/", 1)[-1].startswith(_BESIDE)


def is_late(step: Step) -> bool:
    """Whether it needs the cluster."""
    return step.phase in LATE or step.id.endswith("/kubectl")


def piece_of(step: Step, *, of_app: bool = False) -> Piece:
    """What has to be so, and how it is seen."""
    expected = _expected(step)
    script = getattr(step, "script", "")
    trial, restarts = _of_names(script) if isinstance(script, Script) else (False, "")
    disturbs = _DISTURBS.get(expected.unit, "") if isinstance(expected, UnitRuns) else restarts
    return Piece(
        key=step.id,
        host=step.host,
        subject=_subject(step),
        expected=expected,
        inputs=inputs_of(step),
        revision=revision_of(step),
        after=step.after,
        disturbs=disturbs,
        late=is_late(step),
        of_app=of_app,
        trial=trial,
    )


@lru_cache(maxsize=4096)  # hosts of a large site have most of them in common
def _of_names(script: Script) -> tuple[bool, str]:
    """Whether it changes nothing, and what it starts anew though its effect leaves nothing to look at.

    Trials change nothing: another registry is tried on every host, then the gate opens.
    """
    return not _TRIALS.isdisjoint(script.names), script.variables.get("disturbs", "")


_SUBJECTS: Final = {
    "prepare": "the set of names and kernel settings",
    "packages": "the set of OS packages",
    "images": "the node's set of images",
    "nodes": "the list of nodes",
    "dns": "the cluster's DNS",
    "start": "what containerd reads",
}


def _subject(step: Step) -> str:
    match step:
        case Write(path=path):
            return path
        case Deliver(files=files):
            return f"the set of {counted(len(files), 'file')} of {step.name}"
        case _:
            return _SUBJECTS.get(step.name, f"what {step.name} works on")


def _expected(step: Step) -> Expected:
    match step:
        case Write(slots=()):
            return _file(step.path, digest_of(step.content), step.secret)
        case Deliver(files=files):
            return FilesAre(
                {file.path: (file.digest.hex if file.digest else "", file.size) for file in files}
            )
        case Exec(script=Script() as script):
            return _of_script(script, step.stdin)
        case Await(script=Script() as script):
            return _of_script(script, "")
        case Write() | Relay() | Exec() | Await():
            return Journalled(follows=step.phase is Phase.APPS)


@lru_cache(maxsize=4096)
def _file(path: str, digest: str, secret: bool) -> FileIs:  # noqa: FBT001  (a cached call is fast by position)
    return FileIs(path, digest, secret)


@lru_cache(maxsize=4096)
def _of_script(script: Script, stdin: str) -> Expected:  # noqa: PLR0911  (a case for each script)
    """Scripts that start a unit, set kernel settings or pull images leave something to look at."""
    variables = script.variables
    for name in script.names:
        match name:
            case "unit-start.sh" | "vip-start.sh":
                return UnitRuns(variables["unit"])
            case "unit-gone.sh":
                return UnitGone(variables["unit"])
            case "kubelet-enable.sh":
                return UnitRuns(_UNITS[name], active=False)
            case "endpoint-start.sh":
                return UnitRuns(_UNITS[name])
            case "pull.sh":
                return ImagesAre(tuple(stdin.split()))
            case "nodes-ready.sh":
                return NodesReady(tuple(entry.partition("/")[0] for entry in variables["nodes"].split()))
            case "prepare.sh":
                pairs = (text.partition("=") for text in variables.get("sysctls", "").split())
                return SysctlsAre({key: value for key, _, value in pairs})
            case "labels.sh":
                return _carried(stdin)
    return _of_app(script)


def _of_app(script: Script) -> Expected:
    """The start of an app leaves a note in the cluster; of other scripts only the journal tells."""
    variables = script.variables
    if "app-noted.sh" in script.names:
        return AppRuns(variables["app"], variables["inputs"], variables["kind"], variables["namespace"])
    behind = variables["app"] if "rolled-out.sh" in script.names else ""
    follows = not _FOLLOWERS.isdisjoint(script.names)
    return Journalled(follows=follows, app=behind, unit="listening.sh" in script.names)


def _carried(stdin: str) -> NodesCarry:
    """From the lines that labels.sh reads: NODE, `label` or `taint` or `untaint`, and what."""
    labels: dict[str, dict[str, str]] = {}
    taints: dict[str, frozenset[str]] = {}
    for node, what, text in (line.split(" ", 2) for line in stdin.splitlines()):
        if what == "label":
            key, _, value = text.partition("=")
            labels.setdefault(node, {})[key] = value
        elif what == "taint":
            taints[node] = taints.get(node, frozenset()) | {text}
    return NodesCarry(labels, taints)
