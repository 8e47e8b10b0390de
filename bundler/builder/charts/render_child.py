"""The child process of `helm`: reads one order as JSON, carries it out, answers with JSON, and ends.

The order's `task` is `render` (a chart to manifests), `values` (YAML to values) or `resolve` (dependencies
to versions). The answer has one key: `manifests` (and `more`, the same by other looks), `values`, `versions`,
`missing` (subcharts), `wrong` (subcharts whose version doesn't fit), `incompatible` (the chart's range of
Kubernetes versions), `outside` (references of schemas that lead out of the chart), `error`
(Helm's words), or `unavailable`.
"""

import io
import json
import os
import resource
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from bundler.builder.charts.values import merged
from bundler.core.chart_schema import outside_references
from bundler.core.confine import confine


def main() -> None:
    """Take the order from standard input; the answer goes to what was standard output."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not end up in the answer
    order = json.load(sys.stdin)
    _limit(order["memory"], order["output"])
    if order["task"] != "resolve":  # which asks repositories
        library = os.environ.get("HELM_C_LIB", "")
        confine(path for path in (order.get("chart", ""), library) if path)
    answer = _TASKS[order["task"]](order)
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
        if unfit := _unfit(chart, order):
            return unfit
        crds = {crd["filename"]: crd["data"] for crd in chart.crds}
        values = _with_sets(order["values"], order.get("sets", []))
        manifests = _rendered(chart, values, options)
    except helm_python.HelmError as error:
        return {"error": str(error)}
    more = _looked(chart, values, options, order.get("looks", []), manifests)
    return {"manifests": {**crds, **manifests}, "more": more}


def _with_sets(values: dict[str, Any], sets: list[list[str]]) -> dict[str, Any]:
    """Values with those of `--set` and the like over them, as Helm reads them."""
    import helm_python  # noqa: PLC0415  (as above)

    parse = {
        "--set": helm_python.parse_set_string,
        "--set-string": helm_python.parse_set_string_values,
        "--set-json": helm_python.parse_set_json,
        "--set-literal": helm_python.parse_set_literal,
    }
    return merged((values, *(parse[flag](text) for flag, text in sets)))


def _unfit(chart: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Why a chart shouldn't be rendered; nothing where it can be."""
    try:
        outside = [[one.file, one.line, one.reference] for one in outside_references(Path(order["chart"]))]
    except (ValueError, OSError, tarfile.TarError) as error:
        return {"error": f"the chart's schemas can't be read: {error}"}
    if outside:
        return {"outside": outside}
    if missing := _missing(chart):
        return {"missing": missing}
    if wrong := _wrong(order["chart"]):
        return {"wrong": wrong}
    wanted = chart.metadata.get("kubeVersion")
    if wanted and order["kube_version"] and not _fits(wanted, order["kube_version"]):
        return {"incompatible": wanted}
    return {}


def _looked(
    chart: Any, values: dict[str, Any], options: dict[str, Any], looks: list[Any], known: dict[str, str]
) -> list[dict[str, str]]:
    """What comes out differently by the first look; where that fails, by the others."""
    import helm_python  # noqa: PLC0415  (as above)

    more: list[dict[str, str]] = []
    for number, (upgrade, api_versions) in enumerate(looks):
        changed = {"is_install": not upgrade, "is_upgrade": upgrade, "api_versions": api_versions}
        try:
            manifests = _rendered(chart, values, {**options, **changed})
        except helm_python.HelmError:
            continue  # charts ask for values on an upgrade that a first install has made
        more.append({name: text for name, text in manifests.items() if known.get(name) != text})
        if number == 0:
            break
    return [one for one in more if one]


def _rendered(chart: Any, values: dict[str, Any], options: dict[str, Any]) -> dict[str, str]:
    """Templates' names and manifests; `Chart.render` knows no kube_version, what it calls does."""
    from helm_python import _native  # noqa: PLC0415  (as above)

    handle = chart._raw()  # noqa: SLF001
    text = _native.call_string("helm_render", handle, json.dumps(values), json.dumps(options))
    manifests: dict[str, str] = json.loads(text)
    return manifests


_NEWEST = """\
{{- $best := "" -}}
{{- range .Values.versions -}}
{{- if semverCompare $.Values.range . -}}
{{- if or (not $best) (eq 1 ((semver .).Compare (semver $best))) -}}{{- $best = . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{ $best }}"""


def _missing(chart: Any) -> list[str]:
    """Subcharts that Chart.yaml declares and charts/ lacks; `helm install` on site would fail for them."""
    declared = [entry["name"] for entry in chart.metadata.get("dependencies") or []]
    there = {entry["name"] for entry in chart.dependencies}
    return [name for name in declared if name not in there]


def _wrong(chart: str) -> list[str]:
    """Subcharts whose version is not one that Chart.yaml asks for: Helm would leave them out in silence."""
    import helm_python  # noqa: PLC0415  (as above)

    if not Path(chart).is_dir():
        return []
    return [
        f"{one['name']} {one['version']}"
        for one in helm_python.dependency_list(chart)
        if one["status"] in {"wrong version", "corrupt"}
    ]


def _fits(constraint: str, version: str) -> bool:
    """Whether Helm takes a version of Kubernetes to be in a chart's range: its own comparison says it."""
    template = "{{ semverCompare .Values.range .Values.version }}"
    return _asked(template, {"range": constraint, "version": version}) == "true"


def _asked(template: str, values: dict[str, Any]) -> str:
    """What a template comes to; versions are compared by Helm's own functions."""
    import helm_python  # noqa: PLC0415  (as above)

    files = {
        "asked/Chart.yaml": "{apiVersion: v2, name: asked, version: 0.0.0}",
        "asked/templates/t.yaml": template,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    asked = helm_python.Chart.load_archive(packed.getvalue())
    rendered: dict[str, str] = asked.render(values, name="asked")
    return rendered["asked/templates/t.yaml"].strip()


def _resolve(order: dict[str, Any]) -> dict[str, Any]:
    """The versions that `helm dependency update` settles on for these dependencies, in their order."""
    try:
        import helm_python  # noqa: PLC0415  (as above)
    except Exception as error:  # noqa: BLE001  (as above)
        return {"unavailable": str(error)}
    import yaml  # noqa: PLC0415  (only needed here)

    # An alias for each: two versions of one chart would else be refused.
    listed = [{**one, "alias": f"d{number}"} for number, one in enumerate(order["dependencies"])]
    chart = {"apiVersion": "v2", "name": "asked", "version": "0.0.0", "dependencies": listed}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Chart.yaml").write_text(json.dumps(chart))
        try:
            helm_python.dependency_update(folder, plain_http=order["plain"])
        except helm_python.HelmError as error:
            return {"error": str(error)}
        lock = yaml.safe_load((Path(folder) / "Chart.lock").read_text())
    return {"versions": [str(one["version"]) for one in lock["dependencies"]]}


def _newest(order: dict[str, Any]) -> dict[str, Any]:
    """The newest of some versions that is in a range, as `helm dependency update` takes it; "" for none."""
    try:
        import helm_python  # noqa: PLC0415  (as above)
    except Exception as error:  # noqa: BLE001  (as above)
        return {"unavailable": str(error)}
    try:
        return {"newest": _asked(_NEWEST, {"range": order["range"], "versions": order["versions"]})}
    except helm_python.HelmError as error:
        return {"error": str(error)}


def _values(order: dict[str, Any]) -> dict[str, Any]:
    """What Helm reads out of a file of values."""
    try:
        import helm_python  # noqa: PLC0415  (as above)
    except Exception as error:  # noqa: BLE001  (as above)
        return {"unavailable": str(error)}
    try:
        return {"values": helm_python.values_from_yaml(order["text"])}
    except helm_python.HelmError as error:
        return {"error": str(error)}


_TASKS = {"render": _render, "values": _values, "resolve": _resolve, "newest": _newest}

if __name__ == "__main__":
    main()
