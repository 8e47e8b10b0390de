"""Images that a chart's makers list in its Chart.yaml, for those who carry it to places without a network."""

import posixpath
from collections.abc import Iterator

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.source import Chart
from bundler.builder.discovery.finds import At, Finds
from bundler.builder.discovery.names import called_within, full_within, is_image
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import Location, Problems
from bundler.core.yamldoc import load_all

_MARK = "Chart.yaml"
_KEYS = ("artifacthub.io/images", "helm.sh/images", "images")
_MAX_FILE = 1 << 20  # bytes


def search_annotations(chart: Chart, tree: Tree, store: Store, finds: Finds) -> None:
    """Keep what the chart and its subcharts list as candidates: what is optional stands there, too."""
    for path, file in tree.subtree(chart.path).files():
        if posixpath.basename(path) == _MARK and file.size <= _MAX_FILE and "templates/" not in path:
            _search(posixpath.join(chart.path, path), file, chart, store, finds)


def _search(path: str, file: File, chart: Chart, store: Store, finds: Finds) -> None:
    text = b"".join(store.chunks(Blob(file.digest, file.size), name=path)).decode(errors="replace")
    lines = text.splitlines()
    for key, name in _listed(text, path):
        line = next((number for number, one in enumerate(lines, start=1) if name in one), 1)
        at = At(path, chart.app, f"Chart {key}", Location(path, line), lines[line - 1])
        finds.candidate(name, at)


def _listed(text: str, path: str) -> Iterator[tuple[str, str]]:
    """Key of the annotation, and the name of an image."""
    try:
        documents = load_all(text, path)
    except Problems:
        return  # told when the chart is rendered
    match documents[0].data if documents else None:
        case {"annotations": dict(annotations)}:
            for key in _KEYS:
                if isinstance(listed := annotations.get(key), str):
                    yield from ((key, name) for name in dict.fromkeys(_names(listed)))
        case _:
            return


def _names(listed: str) -> Iterator[str]:
    yield from (name for _, name in called_within(listed))
    yield from (name for _, name in full_within(listed))
    for line in listed.splitlines():
        name = line.strip().removeprefix("- ").strip("\"'")
        if is_image("image", name):
            yield name
