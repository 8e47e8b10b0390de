"""kubeadm's documents from the API they were written for to the one that the bundle's kubeadm reads.

Pure. A field that has moved is moved, one that means nothing any more is left out where it asked for what is
so anyway; everything else that the wanted API can't say is refused, with its place and what to write instead.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bundler.core.errors import Location, Problem
from bundler.core.yamldoc import Document as Placed
from bundler.installer.plan import kubeadm_arguments as arguments

Document = Mapping[str, Any]
Path = tuple[str, ...]

_GROUP: Final = "kubeadm.k8s.io/"
_API: Final = re.compile(r"kubeadm\.k8s\.io/v1beta([1-4])")


@dataclass(frozen=True, slots=True)
class Source:
    """A document as somebody wrote it. placed: its places in the file; None where it was made in here."""

    data: Document
    placed: Placed | None = None

    def problem(self, path: Path, rule: str, message: str, hint: str = "") -> Problem:
        """A fault at this path."""
        if self.placed is not None:
            return self.placed.problem(path, rule, message, hint=hint, key=True)
        return Problem(Location(str(self.data.get("kind", "kubeadm"))), rule, message, hint)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A field that the APIs after `last` don't have. to: where its value goes, by kind; else it is left out.

    harmless: values that ask for what is so anyway; None where every value can be moved.
    """

    kind: str
    path: Path
    last: int
    instead: str
    to: tuple[tuple[str, Path], ...] = ()
    harmless: tuple[object, ...] | None = None


@dataclass(frozen=True, slots=True)
class _New:
    """A field that APIs before `first` don't have."""

    kind: str
    path: Path
    first: int
    instead: str = ""


_HEALTH: Final = ("timeouts", "controlPlaneComponentHealthCheck")
_GONE: Final = (
    _Gone(
        "ClusterConfiguration",
        ("dns", "type"),
        2,
        "leave it out: CoreDNS is the only choice",
        harmless=("CoreDNS", ""),
    ),
    _Gone(
        "ClusterConfiguration",
        ("useHyperKubeImage",),
        2,
        "leave it out: images of the single programs are used",
        harmless=(False, None),
    ),
    _Gone(
        "ClusterConfiguration",
        ("apiServer", "timeoutForControlPlane"),
        3,
        "write timeouts.controlPlaneComponentHealthCheck in InitConfiguration and JoinConfiguration",
        to=(("InitConfiguration", _HEALTH), ("JoinConfiguration", _HEALTH)),
    ),
    _Gone(
        "JoinConfiguration",
        ("discovery", "timeout"),
        3,
        "write timeouts.discovery",
        to=(("JoinConfiguration", ("timeouts", "discovery")),),
    ),
)
_COMPONENTS: Final = (("apiServer",), ("controllerManager",), ("scheduler",), ("etcd", "local"))
_NEW: Final = (
    *(
        _New("ClusterConfiguration", path, 4)
        for path in (
            *((*component, "extraEnvs") for component in _COMPONENTS),
            ("encryptionAlgorithm",),
            ("certificateValidityPeriod",),
            ("caCertificateValidityPeriod",),
            ("dns", "disabled"),
            ("proxy",),
        )
    ),
    *(
        _New(kind, path, first, instead)
        for kind in ("InitConfiguration", "JoinConfiguration")
        for path, first, instead in (
            (
                ("timeouts",),
                4,
                "write ClusterConfiguration's apiServer.timeoutForControlPlane, or discovery.timeout",
            ),
            (("dryRun",), 4, ""),
            (("nodeRegistration", "imagePullSerial"), 4, ""),
        )
    ),
)
_FIRST_KUBERNETES: Final = {3: "1.22", 4: "1.31"}


def convert(sources: Mapping[str, Source], api: str) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """One file's documents by kind, in the form of `api`, and what can't be said in it."""
    made = {kind: _own(source) for kind, source in sources.items()}
    problems: list[Problem] = []
    target = _number(api)
    for kind, source in sources.items():
        given = str(source.data.get("apiVersion", api))
        if not given.startswith(_GROUP):
            continue
        if not _API.fullmatch(given):
            problems.append(_unknown(source, given, api))
            continue
        number = _number(given)
        problems += _refused(kind, source, number, target)
        problems += _repeats(source, target)
        _move(kind, made, target)
    return made, problems


def _own(source: Source) -> dict[str, Any]:
    own = {key: value for key, value in source.data.items() if key not in {"apiVersion", "kind"}}
    made: dict[str, Any] = arguments.normal(own)
    return made


def _number(api: str) -> int:
    match = _API.fullmatch(api)
    return int(match[1]) if match else 0


def _unknown(source: Source, given: str, api: str) -> Problem:
    message = f"{given} is not read: neither this installer nor the bundle's kubeadm knows it"
    return source.problem(("apiVersion",), "wrong-version", message, f"write apiVersion: {api}")


def _refused(kind: str, source: Source, number: int, target: int) -> Iterator[Problem]:
    for gone in _GONE:
        if gone.kind != kind or not _has(source.data, gone.path):
            continue
        name, value = ".".join(gone.path), _at(source.data, gone.path)
        if number > gone.last:
            message = f"{name} does not exist in {_GROUP}v1beta{number}"
            yield source.problem(gone.path, "removed-field", message, gone.instead)
        elif target > gone.last and gone.harmless is not None and value not in gone.harmless:
            message = f"{name}: {value} is not supported since {_GROUP}v1beta{gone.last + 1}"
            yield source.problem(gone.path, "removed-field", message, gone.instead)
    for new in _NEW:
        if new.kind == kind and target < new.first and _has(source.data, new.path):
            since = _FIRST_KUBERNETES[new.first]
            message = f"{'.'.join(new.path)} needs {_GROUP}v1beta{new.first}, so Kubernetes {since} or newer"
            yield source.problem(new.path, "newer-field", message, new.instead or "leave it out")


def _repeats(source: Source, target: int) -> Iterator[Problem]:
    if target > 3:
        return
    for path, value in _argument_lists(source.data, ()):
        for name in arguments.repeated(value):
            message = f"{name} stands more than once, which {_GROUP}v1beta{target} can't say"
            yield source.problem(path, "repeated-argument", message, "give it once")


def _argument_lists(value: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    if not isinstance(value, Mapping):
        return
    for key, part in value.items():
        if key in arguments.KEYS and isinstance(part, list):
            yield (*path, key), part
        else:
            yield from _argument_lists(part, (*path, str(key)))


def _move(kind: str, made: dict[str, dict[str, Any]], target: int) -> None:
    for gone in _GONE:
        if gone.kind != kind or target <= gone.last or not _has(made[kind], gone.path):
            continue
        value = _at(made[kind], gone.path)
        made[kind] = _without(made[kind], gone.path)
        for other, path in gone.to:
            made[other] = _with(made.get(other, {}), path, value)


def _has(document: Document, path: Path) -> bool:
    value: Any = document
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True


def _at(document: Document, path: Path) -> Any:
    value: Any = document
    for step in path:
        value = value[step]
    return value


def _changed(document: Document, path: Path, change: Callable[[dict[str, Any], str], None]) -> dict[str, Any]:
    made = dict(document)
    if len(path) == 1:
        change(made, path[0])
    else:
        below = made.get(path[0])
        made[path[0]] = _changed(below if isinstance(below, Mapping) else {}, path[1:], change)
    return made


def _without(document: Document, path: Path) -> dict[str, Any]:
    def drop(made: dict[str, Any], key: str) -> None:
        made.pop(key, None)

    return _changed(document, path, drop)


def _with(document: Document, path: Path, value: Any) -> dict[str, Any]:
    """What stands there already was meant for this API, so it stays."""

    def put(made: dict[str, Any], key: str) -> None:
        made.setdefault(key, value)

    return _changed(document, path, put)
