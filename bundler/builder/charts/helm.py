"""Charts rendered by real Helm, kept at arm's length: in a process with limits on time and memory.

A template can loop for ever or fill the memory, and the library that renders can't be stopped from outside.
So each chart has a child process (`render_child`), which gets its order on standard input and can be killed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

TIMEOUT = 60.0  # seconds for one chart; real ones take milliseconds
RESOLVE_TIMEOUT = 300.0  # seconds for the dependencies of one chart, which come over the network
MEMORY = 3 << 30  # bytes of address space, of which the library takes 1.8 GiB to begin with
MAX_RENDERED = 64 << 20  # bytes of all manifests of one chart
_SOURCES = Path(__file__).resolve().parents[3]  # where `bundler` is imported from
_TAIL = 600  # characters of what a child said when it died


@dataclass(frozen=True, slots=True)
class Look:
    """One more way to render a chart: as an upgrade, for a cluster whose API has more than Helm knows of."""

    upgrade: bool
    api_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One chart to render, as `helm install RELEASE CHART` would do it.

    chart: folder or .tgz. values: over the chart's own. sets: flag (`--set`) and text, over these.
    kube_version: `v1.20.2`, "" for Helm's default.
    looks: further ways to render it. The first stands for all; where it fails, the others are tried, and
    those that fail tell nothing.
    """

    chart: Path
    release: str
    namespace: str = "default"
    values: Mapping[str, Any] = field(default_factory=dict)
    kube_version: str = ""
    looks: tuple[Look, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()


Rendering = Mapping[str, str]  # manifests by their template's name


class Helm(Protocol):
    """What is asked of Helm."""

    def render(self, request: RenderRequest, where: object) -> Mapping[str, str]:
        """All manifests by their template's name, hooks and CRDs included.

        where: the chart, for messages. Raises BundlerError (INPUT) with Helm's own words for a chart that
        doesn't render or isn't for this Kubernetes, (NOT_FOUND) for subcharts that are declared and not
        there, (UNSUPPORTED) without Helm.
        """

    def renderings(self, request: RenderRequest, where: object) -> tuple[Rendering, ...]:
        """What `render` gives, then what comes out differently by the request's looks. Raises as `render`."""

    def values(self, text: str, where: object) -> Mapping[str, Any]:
        """The values of a YAML file as Helm reads them. Raises BundlerError (INPUT, UNSUPPORTED)."""

    def resolve(
        self, dependencies: Sequence[Mapping[str, str]], where: object, *, plain: bool
    ) -> tuple[str, ...]:
        """The versions that fit the ranges of these dependencies (name, version, repository), in their order.

        plain: registries (`oci://`) are spoken to without TLS. Uses the network. Raises BundlerError
        (NETWORK) with Helm's own words, (UNSUPPORTED) without Helm.
        """

    def newest(self, versions: Sequence[str], wanted: str, where: object) -> str:
        """The newest of these versions in the range `wanted`, "" for none. Raises BundlerError (INPUT)."""


@dataclass(frozen=True, slots=True)
class SdkHelm:
    """Helm's own code, from the helm-python-sdk package. timeout in seconds, memory in bytes."""

    timeout: float = TIMEOUT
    memory: int = MEMORY

    def render(self, request: RenderRequest, where: object) -> Mapping[str, str]:
        """See `Helm.render`."""
        return self.renderings(request, where)[0]

    def renderings(self, request: RenderRequest, where: object) -> tuple[Rendering, ...]:
        """See `Helm.renderings`."""
        order = {
            "chart": str(request.chart),
            "release": request.release,
            "namespace": request.namespace,
            "values": dict(request.values),
            "kube_version": request.kube_version,
            "sets": [list(one) for one in request.sets],
            "looks": [[look.upgrade, list(look.api_versions)] for look in request.looks],
        }
        timeout = self.timeout * (1 + len(request.looks))
        return _renderings(self._asked("render", order, where, timeout=timeout), where)

    def values(self, text: str, where: object) -> Mapping[str, Any]:
        """See `Helm.values`."""
        match self._asked("values", {"text": text}, where):
            case {"values": dict(values)}:
                return values
            case {"error": str(why)}:
                raise BundlerError(
                    "not a file of values",
                    where=where,
                    why=why,
                    fix="write NAME: VALUE, as in the chart's values.yaml",
                    code=ExitCode.INPUT,
                )
            case answer:
                raise _unusable(answer, where)

    def resolve(
        self, dependencies: Sequence[Mapping[str, str]], where: object, *, plain: bool
    ) -> tuple[str, ...]:
        """See `Helm.resolve`."""
        order = {"dependencies": [dict(one) for one in dependencies], "plain": plain}
        match self._asked("resolve", order, where, timeout=RESOLVE_TIMEOUT):
            case {"versions": [*versions]} if len(versions) == len(dependencies):
                return tuple(map(str, versions))
            case {"error": str(why)}:
                raise BundlerError(
                    "Helm can't resolve the chart's dependencies",
                    where=where,
                    why=why,
                    fix="check the repositories in Chart.yaml and the network",
                    code=ExitCode.NETWORK,
                )
            case answer:
                raise _unusable(answer, where)

    def newest(self, versions: Sequence[str], wanted: str, where: object) -> str:
        """See `Helm.newest`."""
        match self._asked("newest", {"versions": list(versions), "range": wanted}, where):
            case {"newest": str(version)}:
                return version
            case {"error": str(why)}:
                raise BundlerError(
                    f"not a range of versions: {wanted[:80]!r}",
                    where=where,
                    why=why,
                    fix="correct the version in Chart.yaml",
                    code=ExitCode.INPUT,
                )
            case answer:
                raise _unusable(answer, where)

    def _asked(
        self, task: str, order: Mapping[str, Any], where: object, *, timeout: float | None = None
    ) -> object:
        """The child's answer. Raises BundlerError (INPUT) where there is none."""
        whole = {**order, "task": task, "memory": self.memory, "output": MAX_RENDERED}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._run(json.dumps(whole).encode(), timeout or self.timeout, out, err, where)
            out.seek(0)
            try:
                answer: object = json.loads(out.read(MAX_RENDERED + 1))
            except ValueError:
                why = f"Helm ended with status {status} and no answer: {_tail(err)}"
                fix = "look for a template that needs too much memory or writes too much"
                raise _bad_chart(where, why, fix) from None
        return answer

    def _run(self, order: bytes, timeout: float, out: BinaryIO, err: BinaryIO, where: object) -> int:
        paths = [str(_SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GOMAXPROCS": "1"}
        try:
            return subprocess.run(
                [sys.executable, "-P", "-m", "bundler.builder.charts.render_child"],
                input=order,
                stdout=out,
                stderr=err,
                timeout=timeout,
                env=environment,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise _bad_chart(
                where,
                f"it was not rendered within {timeout:.0f} seconds",
                "look for a template that never ends",
            ) from None


def _renderings(answer: object, where: object) -> tuple[Rendering, ...]:
    match answer:
        case {"manifests": dict(manifests), "more": [*more]}:
            return (manifests, *more)
        case {"missing": [*names]}:
            raise BundlerError(
                "the chart's dependencies are not all there",
                where=where,
                why=f"Chart.yaml names them, but charts/ lacks: {', '.join(map(str, names))}",
                fix="run `helm dependency build` in the chart's folder",
                code=ExitCode.NOT_FOUND,
            )
        case {"wrong": [*names]}:
            why = f"what lies in charts/ doesn't fit what Chart.yaml asks for: {', '.join(map(str, names))}"
            raise _bad_chart(where, why, "run `helm dependency update` in the chart's folder")
        case {"incompatible": str(wanted)}:
            raise BundlerError(
                "the chart is not for the bundle's Kubernetes",
                where=where,
                why=f"its kubeVersion is {wanted}",
                fix="use a version of the chart that fits, or another Kubernetes",
                code=ExitCode.INPUT,
            )
        case {"outside": [*references]}:
            raise Problems(tuple(_leads_out(where, *one) for one in references))
        case {"error": str(why)}:
            raise _bad_chart(where, why, _fix_for(why))
        case _:
            raise _unusable(answer, where)


def _leads_out(where: object, file: str, line: int, reference: str) -> Problem:
    message = f"the schema refers to {reference[:200]}, which Helm would read or fetch, here and on site"
    hint = "put what it refers to into the schema itself, or take values.schema.json out of the chart"
    return Problem(Location(f"{where}/{file}", line), "chart-schema", message, hint)


def _fix_for(why: str) -> str:
    """What to do about an error of Helm's."""
    if "namespace" in why.lower() and "not found" not in why:
        return "name the namespace that it wants with APP --namespace=NAME"
    if why.startswith("validation:"):
        return "correct the chart's Chart.yaml; `helm lint` shows the same error"
    if 'no template "' in why:
        return "put the chart that defines it into charts/, and name it under dependencies in Chart.yaml"
    if "parse error" in why or ('function "' in why and "not defined" in why):
        return "correct the template; `helm template` shows the same error"
    return "give the values it needs with APP --values=FILE; `helm template -f FILE` shows the same error"


def _unusable(answer: object, where: object) -> BundlerError:
    match answer:
        case {"unavailable": str(why)}:
            return BundlerError(
                "Helm can't be used here",
                where=where,
                why=why,
                fix="install the helm-python-sdk package for this machine's architecture",
                code=ExitCode.UNSUPPORTED,
            )
        case _:
            return _bad_chart(where, "Helm's answer is malformed", "")


def _tail(stream: BinaryIO) -> str:
    """The last that a child said; of a Go panic the first lines, which tell what happened."""
    stream.seek(0)
    text = stream.read(1 << 20).decode(errors="replace").strip()
    return text[:_TAIL] if "fatal error" in text[:_TAIL] else text[-_TAIL:]


def _bad_chart(where: object, why: str, fix: str) -> BundlerError:
    return BundlerError("the chart doesn't render", where=where, why=why, fix=fix, code=ExitCode.INPUT)
