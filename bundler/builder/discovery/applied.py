"""What the bundle's commands apply, found in its tree: manifests, charts with their values, and scripts."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.kustomize import is_kustomization
from bundler.builder.discovery.commands import (
    Action,
    Applied,
    Called,
    Inline,
    Installed,
    Kustomized,
    actions_in,
)
from bundler.builder.discovery.finds import Finds
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import Location, Problem

_MAX_SCRIPT = 1 << 20  # bytes
_MAX_SCRIPTS = 200  # called by one another
_HINT = "put what is fetched into the bundle: manifests/, charts/ or an APP; and its images by IMAGE"


@dataclass(frozen=True, slots=True)
class Script:
    """Commands that are run on site, in a folder of the bundle. where: for messages."""

    text: str
    folder: str
    app: str
    where: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Launched:
    """What scripts apply: paths of the tree, with the app whose script does it; and what they hold."""

    files: Mapping[str, str] = field(default_factory=dict)
    charts: Mapping[str, tuple[Installed, ...]] = field(default_factory=dict)
    kustomized: Mapping[str, str] = field(default_factory=dict)
    inline: tuple[tuple[Script, str], ...] = ()


@dataclass(slots=True)
class _Reading:
    tree: Tree
    store: Store
    finds: Finds
    files: dict[str, str] = field(default_factory=dict)
    charts: dict[str, tuple[Installed, ...]] = field(default_factory=dict)
    kustomized: dict[str, str] = field(default_factory=dict)
    inline: list[tuple[Script, str]] = field(default_factory=list)


def launched_by(scripts: tuple[Script, ...], tree: Tree, store: Store, finds: Finds) -> Launched:
    """Follow the scripts; what they fetch, and paths that can't be told, goes to the finds as warnings."""
    reading = _Reading(tree, store, finds)
    pending = list(reversed(scripts))
    seen: set[tuple[str, str, str]] = set()
    while pending and len(seen) < _MAX_SCRIPTS:
        script = pending.pop()
        if (key := (script.text, script.folder, script.app)) in seen:
            continue
        seen.add(key)
        for action in actions_in(script.text, script.folder, script.variables):
            pending += _take(action, script, reading)
    return Launched(reading.files, reading.charts, reading.kustomized, tuple(reading.inline))


def _take(action: Action, script: Script, reading: _Reading) -> Iterator[Script]:
    match action:
        case Called(path, inside):
            if (text := read(reading.tree, path, reading.store)) is not None:
                yield Script(text, inside, script.app, path, script.variables)
        case Inline(text):
            reading.inline.append((script, text))
        case Applied(path, recursive):
            _apply(path, script, reading, recursive=recursive)
        case Kustomized(path):
            if is_kustomization(reading.tree, path):
                reading.kustomized.setdefault(path, script.app)
            else:
                _warn(f"`kubectl apply -k {path}`", script, reading, path)
        case Installed(chart):
            if reading.tree.is_folder(chart) or chart in reading.tree.entries:
                reading.charts[chart] = (*reading.charts.get(chart, ()), action)
            else:
                _warn(f"`helm install` of {chart}", script, reading, chart)


def _apply(path: str, script: Script, reading: _Reading, *, recursive: bool) -> None:
    found = list(_matching(path, reading.tree, recursive=recursive))
    for one in found:
        reading.files.setdefault(one, script.app)
    if not found:
        _warn(f"`kubectl apply -f {path}`", script, reading, path)


def _matching(path: str, tree: Tree, *, recursive: bool) -> Iterator[str]:
    """The files that a path, a pattern or a folder means."""
    if path in tree.entries:
        yield path
        return
    if tree.is_folder(path) or path == ".":
        folder = "" if path == "." else path
        below = tree.subtree(folder).entries
        yield from (posixpath.join(folder, name) for name in below if recursive or "/" not in name)
    elif any(mark in path for mark in "*?["):
        same = path.count("/")
        yield from (one for one in tree.entries if fnmatchcase(one, path) and one.count("/") == same)


def _warn(what: str, script: Script, reading: _Reading, path: str) -> None:
    if "://" in path:
        why = "which lies on the network, out of a site's reach"
    elif "$" in path or "`" in path:
        why = "which is known on site only, so it is not searched for images"
    elif path.startswith(("/", "..")):
        return  # what lies there is made on site
    else:
        why = "which the bundle does not have"
    message = f"{script.app or 'CMDS'} runs {what}, {why}"
    same = [one for one in reading.tree.entries if one.rpartition("/")[2] == path.rpartition("/")[2]]
    hint = (
        f"the bundle has {same[0]}: correct the path, or the destination of COPY" if len(same) == 1 else _HINT
    )
    problem = Problem(Location(script.where), "launch-unknown-file", message, hint)
    reading.finds.miss(script.where, script.app, [problem], fatal=False)


def read(tree: Tree, path: str, store: Store) -> str | None:
    """A small text file of the tree; None for anything else."""
    entry = tree.entries.get(path)
    if not isinstance(entry, File) or entry.size > _MAX_SCRIPT:
        return None
    return b"".join(store.chunks(Blob(entry.digest, entry.size), name=path)).decode(errors="replace")
