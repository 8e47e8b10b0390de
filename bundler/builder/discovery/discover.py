"""Images named in what the bundle will apply: Kubernetes manifests, charts, and `manifests/imageList`.

Manifests are parsed as YAML and pod specs are found wherever they stand (a Deployment, a List, a custom
resource that holds a pod template). A chart is rendered by Helm first. What operators keep elsewhere is found
by rules and by what it is called, and what merely looks like an image is kept as a candidate. Each comes with
its place; what can't be resolved comes with a reason, so that nothing is passed over in silence.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.doubled import doubled_in
from bundler.builder.charts.helm import Helm
from bundler.builder.charts.source import Chart, Renderer, find_charts, render
from bundler.builder.charts.values import ValueSet
from bundler.builder.discovery.annotations import search_annotations
from bundler.builder.discovery.finds import IMAGE_LIST, TEMPLATE, At, Discovery, Finds
from bundler.builder.discovery.rules import ImageRules
from bundler.builder.discovery.search import search_file, search_rendered
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

APPS = "application/apps"
_FOLDERS = ("manifests", "charts")
_YAML = (".yaml", ".yml", ".json")
_MAX_FILE = 32 << 20  # bytes of one manifest file

ValueSets = Mapping[str, tuple[ValueSet, ...]]
_NO_SETS: ValueSets = MappingProxyType({})
_NO_NAMESPACES: Mapping[str, str] = MappingProxyType({})
_NO_RULES = ImageRules()


def discover(
    tree: Tree,
    store: Store,
    *,
    helm: Helm,
    kube_version: str = "",
    value_sets: ValueSets = _NO_SETS,
    namespaces: Mapping[str, str] = _NO_NAMESPACES,
    rules: ImageRules = _NO_RULES,
) -> Discovery:
    """Look through `manifests/`, `charts/` and every app's folder.

    kube_version: the Kubernetes the charts are rendered for, "" where the bundle brings none. value_sets: by
    a chart's path, values that it is rendered with once more, each set for itself. namespaces: by app, where
    charts are installed. rules: where images are besides pod specs, and which are not wanted.
    Raises BundlerError (UNSUPPORTED) where there are charts and no Helm; all else is told in the Discovery.
    """
    finds = Finds(rules)
    renderer = Renderer(tree, store, helm, kube_version)
    for folder, app in _places(tree):
        namespace = namespaces.get(app, "") or "default"
        charts = tuple(replace(one, namespace=namespace) for one in find_charts(tree, folder, app))
        for chart in charts:
            finds.miss(chart.path, chart.app, doubled_in(chart, tree, store), fatal=False)
            search_annotations(chart, tree, store, finds)
            for values in (None, *value_sets.get(chart.path, ())):
                _search_chart(chart, renderer, values, finds)
        _search_files(folder, app, charts, tree, store, finds)
    return finds.result()


def _places(tree: Tree) -> Iterator[tuple[str, str]]:
    """Folder and app."""
    yield from ((folder, "") for folder in _FOLDERS)
    apps = {path.partition("/")[0] for path in tree.subtree(APPS).entries if "/" in path}
    yield from ((f"{APPS}/{app}", app) for app in sorted(apps))


def _search_chart(chart: Chart, renderer: Renderer, chosen: ValueSet | None, finds: Finds) -> None:
    """chosen: values to put over the chart's own, None for those alone."""
    try:
        renderings = render(chart, renderer, chosen.values if chosen else {})
    except Problems as error:
        finds.miss(chart.path, chart.app, error.problems)
        return
    except BundlerError as error:
        if error.code == ExitCode.UNSUPPORTED:
            raise
        why = f": {error.why}" if error.why else ""
        told = f"{error.what}{f' with {chosen.name}' if chosen else ''}{why}"
        finds.miss(chart.path, chart.app, [Problem(Location(chart.path), "chart", told, error.fix)])
        return
    for rendering in renderings:
        for name, text in sorted(rendering.items()):
            if posixpath.basename(name) != "NOTES.txt":
                file = posixpath.join(chart.path, name.partition("/")[2])
                search_rendered(text, file, chart.app, finds)


def _search_files(
    folder: str, app: str, charts: Sequence[Chart], tree: Tree, store: Store, finds: Finds
) -> None:
    inside = tuple(f"{chart.path}/" for chart in charts)
    for path, file in tree.subtree(folder).files():
        full = f"{folder}/{path}"
        if full.startswith(inside):
            continue
        if posixpath.basename(path) == IMAGE_LIST:
            _search_list(_read(file, full, store), full, app, finds)
        elif path.removesuffix(TEMPLATE).endswith(_YAML):
            _search_one(file, full, app, store, finds)


def _search_one(file: File, path: str, app: str, store: Store, finds: Finds) -> None:
    if file.size > _MAX_FILE:
        too_large = Problem(
            Location(path), "manifest-size", f"larger than {_MAX_FILE} bytes, not searched for images"
        )
        finds.miss(path, app, [too_large], fatal=False)
        return
    search_file(_read(file, path, store), path, app, finds)


def _read(file: File, path: str, store: Store) -> bytes:
    return b"".join(store.chunks(Blob(file.digest, file.size), name=path))


def _search_list(text: bytes, file: str, app: str, finds: Finds) -> None:
    """One image a line; what stands behind `#` is a comment."""
    for number, line in enumerate(text.decode(errors="replace").splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name:
            location = Location(file, number, line.index(name) + 1)
            finds.name(name, At(file, app, "", location, line))
