"""Charts rendered by real Helm, kept at arm's length: in a process with limits on time and memory.

A template can loop for ever or fill the memory, and the library that renders can't be stopped from outside.
So each chart has a child process (`render_child`), which gets its order on standard input and can be killed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bundler.core.errors import BundlerError, ExitCode

TIMEOUT = 60.0  # seconds for one chart; real ones take milliseconds
MEMORY = 3 << 30  # bytes of address space, of which the library takes 1.8 GiB to begin with
MAX_RENDERED = 64 << 20  # bytes of all manifests of one chart
_SOURCES = Path(__file__).resolve().parents[3]  # where `bundler` is imported from
_TAIL = 600  # characters of what a child said when it died


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One rendering of one chart, as `helm install RELEASE CHART` would do it.

    chart: folder or .tgz. values: over the chart's own. kube_version: `v1.20.2`, "" for Helm's default.
    """

    chart: Path
    release: str
    namespace: str = "default"
    values: Mapping[str, Any] = field(default_factory=dict)
    kube_version: str = ""


class Helm(Protocol):
    """What is asked of Helm."""

    def render(self, request: RenderRequest, where: object) -> Mapping[str, str]:
        """All manifests by their template's name, hooks and CRDs included.

        where: the chart, for messages. Raises BundlerError (INPUT) with Helm's own words for a chart that
        doesn't render, (NOT_FOUND) for subcharts that are declared and not there, (UNSUPPORTED) without Helm.
        """


@dataclass(frozen=True, slots=True)
class SdkHelm:
    """Helm's own code, from the helm-python-sdk package. timeout in seconds, memory in bytes."""

    timeout: float = TIMEOUT
    memory: int = MEMORY

    def render(self, request: RenderRequest, where: object) -> Mapping[str, str]:
        """See `Helm.render`."""
        order = {
            "chart": str(request.chart),
            "release": request.release,
            "namespace": request.namespace,
            "values": dict(request.values),
            "kube_version": request.kube_version,
            "memory": self.memory,
            "output": MAX_RENDERED,
        }
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._run(json.dumps(order).encode(), out, err, where)
            out.seek(0)
            return _answer(out.read(MAX_RENDERED + 1), status, _tail(err), where)

    def _run(self, order: bytes, out: BinaryIO, err: BinaryIO, where: object) -> int:
        paths = [str(_SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GOMAXPROCS": "1"}
        try:
            return subprocess.run(
                [sys.executable, "-m", "bundler.builder.charts.render_child"],
                input=order,
                stdout=out,
                stderr=err,
                timeout=self.timeout,
                env=environment,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise _bad_chart(
                where,
                f"it was not rendered within {self.timeout:.0f} seconds",
                "look for a template that never ends",
            ) from None


def _answer(output: bytes, status: int, said: str, where: object) -> Mapping[str, str]:
    try:
        answer = json.loads(output)
    except ValueError:
        why = f"Helm ended with status {status} and no answer: {said}"
        raise _bad_chart(
            where, why, "look for a template that needs too much memory or writes too much"
        ) from None
    match answer:
        case {"manifests": dict(manifests)}:
            return manifests
        case {"missing": [*names]}:
            raise BundlerError(
                "the chart's dependencies are not all there",
                where=where,
                why=f"Chart.yaml names them, but charts/ lacks: {', '.join(map(str, names))}",
                fix="run `helm dependency build` in the chart's folder",
                code=ExitCode.NOT_FOUND,
            )
        case {"unavailable": str(why)}:
            raise BundlerError(
                "Helm can't be used here",
                where=where,
                why=why,
                fix="install the helm-python-sdk package for this machine's architecture",
                code=ExitCode.UNSUPPORTED,
            )
        case {"error": str(why)}:
            raise _bad_chart(where, why, "try it with `helm template`")
        case _:
            raise _bad_chart(where, "Helm's answer is malformed", "")


def _tail(stream: BinaryIO) -> str:
    """The last that a child said; of a Go panic the first lines, which tell what happened."""
    stream.seek(0)
    text = stream.read(1 << 20).decode(errors="replace").strip()
    return text[:_TAIL] if "fatal error" in text[:_TAIL] else text[-_TAIL:]


def _bad_chart(where: object, why: str, fix: str) -> BundlerError:
    return BundlerError("the chart doesn't render", where=where, why=why, fix=fix, code=ExitCode.INPUT)
