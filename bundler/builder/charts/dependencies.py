"""What a chart depends on and hasn't got in `charts/`: read from Chart.yaml and Chart.lock. Pure."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bundler.builder.cache.store import Blob, Store
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.tree.tree import File, Tree
from bundler.core.chart_reference import OCI, REPOSITORY, ChartReference
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.yamldoc import load_all

_EXACT = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_DECLARED = (("Chart.yaml", "Chart.lock"), ("requirements.yaml", "requirements.lock"))  # apiVersion v2, v1
_MAX_FILE = 1 << 20  # bytes of a Chart.yaml or a lock
_FOLDER = "file://"


def is_exact(version: str) -> bool:
    """Whether this is one version, written out, and no range."""
    return _EXACT.fullmatch(version) is not None


@dataclass(frozen=True, slots=True)
class Missing:
    """A dependency that is declared and not there; `version` may be a range."""

    name: str
    version: str
    repository: str

    @property
    def folder(self) -> str:
        """The path behind file://, "" for all others."""
        return self.repository.removeprefix(_FOLDER) if self.repository.startswith(_FOLDER) else ""

    @property
    def is_oci(self) -> bool:
        """Whether it lies in a registry."""
        return self.repository.startswith(OCI)

    @property
    def exact(self) -> bool:
        """Whether there is only one version that will do."""
        return is_exact(self.version)

    def at(self, version: str) -> "Missing":
        """The same with its version settled."""
        return replace(self, version=version)

    def asked_at(self, mirrors: Mirrors) -> "Missing":
        """The same at the place where it is really asked for."""
        if self.is_oci:
            return replace(self, repository=OCI + mirrors.image(self.repository.removeprefix(OCI)))
        return replace(self, repository=mirrors.url(self.repository))

    def declared(self) -> dict[str, str]:
        """As Chart.yaml has it."""
        return {"name": self.name, "version": self.version, "repository": self.repository}

    def reference(self) -> ChartReference:
        """Which chart it is. Raises BundlerError (INPUT) for a repository that is no address."""
        base = self.repository.rstrip("/")
        return ChartReference.parse(f"{'' if self.is_oci else REPOSITORY}{base}/{self.name}:{self.version}")


def missing_dependencies(chart: Tree, store: Store, where: str) -> tuple[Missing, ...]:
    """What `charts/` lacks, each chart and version once; versions are those of the lock where there is one.

    Raises BundlerError (INPUT) for a Chart.yaml or lock that can't be read, or that don't fit together.
    """
    found: dict[Missing, None] = {}
    for declared, locked in _DECLARED:
        wanted = _listed(chart, declared, store, where)
        there = frozenset(_there(chart, wanted, store, where))
        lock = _listed(chart, locked, store, where)
        for entry in wanted:
            name = str(entry.get("name", ""))
            if name not in there:
                one = Missing(name, str(entry.get("version", "")), str(entry.get("repository", "")))
                found[_locked(_known(one, where), lock, where)] = None
    return tuple(found)


def _there(chart: Tree, wanted: list[Mapping[str, Any]], store: Store, where: str) -> Iterator[str]:
    """Names of those in `charts/`, as folders or packed. Helm itself judges later whether they fit."""
    inside = chart.subtree("charts")
    for entry in wanted:
        packed = re.compile(re.escape(str(entry.get("name", ""))) + r"-v?\d[^/]*\.tgz")
        if any(packed.fullmatch(path) for path in inside.entries):
            yield str(entry.get("name", ""))
    for path in inside.entries:
        folder, _, last = path.rpartition("/")
        if last == "Chart.yaml" and "/" not in folder:
            yield str(_document(inside, path, store, where).get("name", ""))


def _listed(chart: Tree, path: str, store: Store, where: str) -> list[Mapping[str, Any]]:
    listed = _document(chart, path, store, where).get("dependencies") or []
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _document(chart: Tree, path: str, store: Store, where: str) -> Mapping[str, Any]:
    entry = chart.entries.get(path)
    if not isinstance(entry, File) or entry.size > _MAX_FILE:
        return {}
    text = b"".join(store.chunks(Blob(entry.digest, entry.size), name=path))
    try:
        documents = load_all(text, posixpath.join(where, path))
    except Problems as error:
        raise _bad(where, str(error), f"correct {path}") from error
    data = documents[0].data if documents else None
    return data if isinstance(data, dict) else {}


def _known(one: Missing, where: str) -> Missing:
    """Raises BundlerError (INPUT) where nothing says where it comes from."""
    if one.repository.startswith((OCI, "https://", "http://", _FOLDER)):
        return one
    if not one.repository:
        fix = f"put it into the chart's folder charts/{one.name}, or name its repository in Chart.yaml"
        raise _bad(where, f"charts/ lacks {one.name}, and no repository is named for it", fix, missing=True)
    fix = "write the repository's address into Chart.yaml: an alias means something on one machine only"
    raise _bad(where, f"the repository of {one.name} is {one.repository[:120]!r}", fix)


def _locked(one: Missing, lock: list[Mapping[str, Any]], where: str) -> Missing:
    """With the version of the lock."""
    if not lock or one.folder:
        return one
    versions = [
        str(entry.get("version", ""))
        for entry in lock
        if entry.get("name") == one.name
        and str(entry.get("repository", "")).rstrip("/") == one.repository.rstrip("/")
    ]
    if one.exact and one.version.removeprefix("v") in {version.removeprefix("v") for version in versions}:
        return one
    if len(set(versions)) != 1 or (one.exact and versions[0] != one.version):
        fix = "run `helm dependency update` in the chart's folder"
        raise _bad(where, f"the lock doesn't fit: it has no {one.name} {one.version} of that repository", fix)
    return one.at(versions[0])


def _bad(where: str, why: str, fix: str, *, missing: bool = False) -> BundlerError:
    return BundlerError(
        "the chart's dependencies are not all there" if missing else "the chart's dependencies can't be used",
        where=where,
        why=why,
        fix=fix,
        code=ExitCode.NOT_FOUND if missing else ExitCode.INPUT,
    )
