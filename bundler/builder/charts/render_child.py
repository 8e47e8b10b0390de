"""The child process of `helm`: reads one order as JSON, renders, answers with JSON, and ends.

The answer has one key: `manifests`, `missing` (subcharts), `error` (Helm's words), or `unavailable`.
"""

import json
import os
import resource
import sys
from typing import Any


def main() -> None:
    """Take the order from standard input; the answer goes to what was standard output."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not end up in the answer
    order = json.load(sys.stdin)
    _limit(order["memory"], order["output"])
    answer = _render(order)
    with os.fdopen(answer_to, "w") as out:
        json.dump(answer, out)


def _limit(memory: int, output: int) -> None:
    """Bytes of address space, and of what may be written."""
    for kind, size in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        soft = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(kind, (soft, hard))


def _render(order: dict[str, Any]) -> dict[str, Any]:
    try:
        import helm_python  # noqa: PLC0415  (85 MB of Go, loaded under the limits set above)
    except Exception as error:  # noqa: BLE001  (whatever keeps it from loading is the message)
        return {"unavailable": str(error)}
    options = {"name": order["release"], "namespace": order["namespace"], "is_install": True}
    if order["kube_version"]:
        options["kube_version"] = order["kube_version"]
    try:
        chart = helm_python.Chart.load(order["chart"])
        missing = _missing(chart)
        if missing:
            return {"missing": missing}
        crds = {crd["filename"]: crd["data"] for crd in chart.crds}
        manifests = _rendered(chart, order["values"], options)
    except helm_python.HelmError as error:
        return {"error": str(error)}
    return {"manifests": {**crds, **manifests}}


def _rendered(chart: Any, values: dict[str, Any], options: dict[str, Any]) -> dict[str, str]:
    """Templates' names and manifests; `Chart.render` knows no kube_version, what it calls does."""
    from helm_python import _native  # noqa: PLC0415  (as above)

    handle = chart._raw()  # noqa: SLF001
    text = _native.call_string("helm_render", handle, json.dumps(values), json.dumps(options))
    manifests: dict[str, str] = json.loads(text)
    return manifests


def _missing(chart: Any) -> list[str]:
    """Subcharts that Chart.yaml declares and charts/ lacks; `helm install` on site would fail for them."""
    declared = [entry["name"] for entry in chart.metadata.get("dependencies") or []]
    there = {entry["name"] for entry in chart.dependencies}
    return [name for name in declared if name not in there]


if __name__ == "__main__":
    main()
