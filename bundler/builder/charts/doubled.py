"""Keys that stand twice in a chart's own values: Helm takes the last, its author may have meant the first.

A chart is mostly somebody else's, so this is only told. In values that the Kubefile names it is an error.
"""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import replace

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.source import Chart
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import Location, Problem, Problems
from bundler.core.yamldoc import DUPLICATE, load_all

VALUES = "values.yaml"
_KIND = "chart-doubled"  # kind of record
_MAX_VALUES = 4 << 20  # bytes
_HINT = "Helm takes the last one; if that is right, remove the other"


def doubled_in(chart: Chart, tree: Tree, store: Store) -> Iterator[Problem]:
    """Those of a chart in the tree and of its subcharts, but for packed ones. Remembered by content."""
    for path, file in tree.subtree(chart.path).files():
        if posixpath.basename(path) == VALUES and "templates/" not in path and file.size <= _MAX_VALUES:
            yield from _remembered(posixpath.join(chart.path, path), file, store)


def doubled_keys(text: bytes, file: str) -> tuple[Problem, ...]:
    """Those of one file; none where it can't be read at all: Helm tells what is wrong then."""
    try:
        load_all(text, file)
    except Problems as error:
        return tuple(replace(one, hint=_HINT) for one in error.problems if one.rule == DUPLICATE)
    return ()


def _remembered(path: str, file: File, store: Store) -> Iterator[Problem]:
    key = str(file.digest)
    if (known := store.recall(_KIND, key)) is None:
        text = b"".join(store.chunks(Blob(file.digest, file.size), name=path))
        places = [
            [one.location.line, one.location.column, one.message, one.text]
            for one in doubled_keys(text, path)
        ]
        known = json.dumps(places).encode()
        store.remember(_KIND, key, known)
    for line, column, message, text_line in json.loads(known):
        yield Problem(Location(path, line, column), DUPLICATE, message, _HINT, text_line)
