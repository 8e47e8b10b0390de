"""Images named in what the bundle will apply: Kubernetes manifests, charts, and `manifests/imageList`.

Manifests are parsed as YAML and pod specs are found wherever they stand (a Deployment, a List, a custom
resource that holds a pod template). A chart is rendered by Helm first. What operators keep elsewhere is found
by rules and by what it is called, and what merely looks like an image is kept as a candidate. Each comes with
its place; what can't be resolved comes with a reason, so that nothing is passed over in silence.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.doubled import doubled_in
from bundler.builder.charts.helm import Helm
from bundler.builder.charts.kustomize import MARKS, built
from bundler.builder.charts.source import Chart, Renderer, find_charts, render
from bundler.builder.charts.values import Values, ValueSet, merged
from bundler.builder.discovery.annotations import search_annotations
from bundler.builder.discovery.applied import Script, launched_by, read
from bundler.builder.discovery.beside import search_beside
from bundler.builder.discovery.commands import Installed
from bundler.builder.discovery.finds import IMAGE_LIST, TEMPLATE, At, Discovery, Finds
from bundler.builder.discovery.kustomizations import tell_of_unbuilt
from bundler.builder.discovery.rules import ImageRules
from bundler.builder.discovery.search import search_file, search_inline, search_rendered
from bundler.builder.tree.checkout import check_out
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

APPS = "application/apps"
_FOLDERS = ("manifests", "charts")
_YAML = (".yaml", ".yml", ".json")
_MAX_KUSTOMIZED = 4 << 20  # bytes of a file that Kustomize may read
_MAX_FILE = 32 << 20  # bytes of one manifest file

ValueSets = Mapping[str, tuple[ValueSet, ...]]
_NO_RULES = ImageRules()


@dataclass(frozen=True, slots=True)
class Launch:
    """What is known of how charts and manifests are launched.

    kube_version: the Kubernetes that charts are rendered for, "" where the bundle brings none. value_sets: by
    a chart's path, values that it is rendered with once more, each set for itself. namespaces: by app, where
    charts are installed. scripts: commands that are run on site.
    """

    kube_version: str = ""
    value_sets: ValueSets = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[Script, ...] = ()


_UNKNOWN = Launch()


def discover(
    tree: Tree,
    store: Store,
    *,
    helm: Helm,
    launch: Launch = _UNKNOWN,
    rules: ImageRules = _NO_RULES,
) -> Discovery:
    """Look through `manifests/`, `charts/`, every app's folder, and what commands apply.

    rules: where images are besides pod specs, and which are not wanted.
    Raises BundlerError (UNSUPPORTED) where there are charts and no Helm; all else is in the Discovery.
    """
    finds = Finds(rules)
    looking = _Looking(Renderer(tree, store, helm, launch.kube_version), launch, finds)
    applied = launched_by(launch.scripts, tree, store, finds)
    searched: set[str] = set()
    for folder, app in _places(tree):
        charts = tuple(find_charts(tree, folder, app))
        for chart in charts:
            looking.chart(chart, applied.charts.get(chart.path, ()))
        _search_files(folder, app, charts, tree, store, finds)
        searched.add(f"{folder}/")
    for path, installs in applied.charts.items():
        if not path.startswith(tuple(searched)):
            looking.chart(Chart(path, posixpath.basename(path)), installs)
            searched |= {path, f"{path}/"}
    for path, app in applied.files.items():
        entry = tree.entries.get(path)
        if isinstance(entry, File) and not path.startswith(tuple(searched)) and _is_yaml(path):
            _search_one(entry, path, app, store, finds)
            searched.add(path)
    for path, app in applied.kustomized.items():
        looking.kustomized(path, app)
        searched.add(f"{path}/")
    for script, text in applied.inline:
        search_inline(text, script.where, script.app, finds)
    tell_of_unbuilt(tree, store, applied.kustomized, finds)
    search_beside(tree, store, searched, finds)
    return finds.result()


def _places(tree: Tree) -> Iterator[tuple[str, str]]:
    """Folder and app."""
    yield from ((folder, "") for folder in _FOLDERS)
    apps = {path.partition("/")[0] for path in tree.subtree(APPS).entries if "/" in path}
    yield from ((f"{APPS}/{app}", app) for app in sorted(apps))


@dataclass(frozen=True, slots=True)
class _Looking:
    """The search through charts."""

    renderer: Renderer
    launch: Launch
    finds: Finds

    def chart(self, chart: Chart, installs: Sequence[Installed]) -> None:
        """Look through one, as it is installed; installs: by commands, with their own values."""
        tree, store = self.renderer.tree, self.renderer.store
        self.finds.miss(chart.path, chart.app, doubled_in(chart, tree, store), fatal=False)
        search_annotations(chart, tree, store, self.finds)
        chart = replace(chart, namespace=self.launch.namespaces.get(chart.app, "") or "default")
        for one in installs:
            own = replace(
                chart,
                app=chart.app if chart.path.startswith(f"{APPS}/") else one.release or chart.app,
                namespace=one.namespace or chart.namespace,
            )
            self._rendered(own, ValueSet(one.shown, self._values(one)), one.sets)
        if not installs:
            self._rendered(chart, None)
        for values in self.launch.value_sets.get(chart.path, ()):
            self._rendered(chart, values)

    def kustomized(self, folder: str, app: str) -> None:
        """What kubectl builds of a folder and what lies beside it."""
        tree, store = self.renderer.tree, self.renderer.store
        small = {
            path: entry
            for path, entry in tree.entries.items()
            if not isinstance(entry, File) or entry.size <= _MAX_KUSTOMIZED
        }
        mark = next(name for name in MARKS if f"{folder}/{name}" in tree.entries)
        file = f"{folder}/{mark}"
        try:
            with store.scratch() as scratch:
                root = check_out(Tree(small), store, scratch / "tree").root
                text = built(root / folder, root, tree, store, folder)
        except BundlerError as error:
            problem = Problem(Location(file), "kustomize", f"{error.what}: {error.why}", error.fix)
            self.finds.miss(file, app, [problem], fatal=False)
            return
        search_rendered(text.decode(errors="replace"), file, app, self.finds)

    def _values(self, one: Installed) -> Values:
        """The files that a command gives; one that can't be read is reported."""
        layers: list[Values] = []
        for path in one.values:
            text = read(self.renderer.tree, path, self.renderer.store)
            try:
                layers.append(self.renderer.helm.values(text or "", path))
            except BundlerError as error:
                problem = Problem(Location(path), "chart-values", f"{error.what}: {error.why}", error.fix)
                self.finds.miss(path, "", [problem], fatal=False)
        return merged(layers)

    def _rendered(
        self, chart: Chart, chosen: ValueSet | None, sets: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """chosen: values to put over the chart's own, None for those alone."""
        finds = self.finds
        try:
            renderings = render(chart, self.renderer, chosen.values if chosen else {}, sets)
        except Problems as error:
            finds.miss(chart.path, chart.app, error.problems)
            return
        except BundlerError as error:
            if error.code == ExitCode.UNSUPPORTED:
                raise
            why = f": {error.why}" if error.why else ""
            told = f"{error.what}{f' with {chosen.name}' if chosen and chosen.name else ''}{why}"
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
        elif _is_yaml(path):
            _search_one(file, full, app, store, finds)


def _is_yaml(path: str) -> bool:
    return path.removesuffix(TEMPLATE).endswith(_YAML)


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
    for number, line in enumerate(text.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name:
            location = Location(file, number, line.index(name) + 1)
            finds.name(name, At(file, app, "", location, line))
