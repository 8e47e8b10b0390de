"""The index.yaml of a chart repository, as `helm repo add` reads it."""

import json
from collections.abc import Iterable
from typing import Any, Final

from bundler.core.digest import Digest
from bundler.installer.handout.charts import Chart

FILE: Final = "index.yaml"
_LONG_AGO: Final = "1970-01-01T00:00:00Z"  # independent of when a bundle is asked


def index_yaml(charts: Iterable[tuple[Chart, Digest]]) -> bytes:
    """The index of packed charts, with addresses relative to itself. It is JSON, which is YAML too."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for chart, digest in charts:
        about = {"apiVersion": "v1", **chart.about, "name": chart.name, "version": chart.version}
        own = {"created": _LONG_AGO, "digest": digest.hex, "urls": [chart.file]}
        entries.setdefault(chart.name, []).append(about | own)
    document = {"apiVersion": "v1", "entries": entries, "generated": _LONG_AGO}
    return json.dumps(document, indent=1, sort_keys=True, default=str).encode() + b"\n"
