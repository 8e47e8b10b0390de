"""Charts out of the stage: found, put into a folder for Helm, rendered, and remembered by their content."""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.api_versions import api_versions
from bundler.builder.charts.helm import Helm, Look, Rendering, RenderRequest
from bundler.builder.charts.values import Values
from bundler.builder.tree.checkout import check_out
from bundler.builder.tree.links import led_to
from bundler.builder.tree.tree import Entry, File, Symlink, Tree
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical

_RENDERED = "chart-render"  # kind of record
_NO_VALUES: Values = MappingProxyType({})
_RECIPE = 3  # raised when the same chart would be rendered differently by a newer bundler
_MARK = "Chart.yaml"
_MAX_TEMPLATE = 4 << 20  # bytes
_BRANCHES = (b"APIVersions", b"IsUpgrade", b"IsInstall", b"Release.Revision")


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in the tree: a folder or a .tgz; `app` is the release it is installed as."""

    path: str
    app: str
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the charts of a tree for one version of Kubernetes, "" where the bundle brings none."""

    tree: Tree
    store: Store
    helm: Helm
    kube_version: str = ""


def find_charts(tree: Tree, folder: str, app: str) -> Iterator[Chart]:
    """The charts below a folder, outermost only: what lies in a chart belongs to it."""
    below = tree.subtree(folder)
    marks = (path.rpartition("/")[0] for path in below.entries if posixpath.basename(path) == _MARK)
    roots: list[str] = []
    for path in sorted(marks, key=lambda path: (path.count("/"), path)):
        if not any(_inside(path, root) for root in roots):
            roots.append(path)
    packed = (path for path, _ in below.files() if path.endswith(".tgz"))
    lone = [path for path in packed if not any(_inside(path, root) for root in roots)]
    for path in (*roots, *lone):
        yield Chart(posixpath.join(folder, path).rstrip("/"), app or _name(posixpath.join(folder, path)))


def _inside(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(f"{root}/")


def _name(path: str) -> str:
    return posixpath.basename(path.rstrip("/")).removesuffix(".tgz")


def render(
    chart: Chart, renderer: Renderer, values: Values = _NO_VALUES, sets: tuple[tuple[str, str], ...] = ()
) -> tuple[Rendering, ...]:
    """All manifests of a chart with its own values and `values` over them; then what else may come of it.

    sets: `--set` and the like, over all of these.

    Raises BundlerError as `Helm.render` does.
    """
    store, kube_version = renderer.store, renderer.kube_version
    content = _content(chart, renderer.tree)
    said = [_RECIPE, str(content.digest), chart.app, chart.namespace, kube_version, dict(values), sets]
    key = canonical(said).decode()
    if (known := store.recall(_RENDERED, key)) is not None:
        return tuple(json.loads(known))
    _check_links(content, chart.path)
    with store.scratch() as folder:
        checkout = check_out(content, store, folder / "chart")
        (top,) = {path.partition("/")[0] for path in content.entries}
        request = RenderRequest(
            checkout.root / top,
            chart.app,
            namespace=chart.namespace,
            values=values,
            kube_version=kube_version,
            sets=sets,
            looks=_looks(kube_version) if _asks(content, store) else (),
        )
        renderings = renderer.helm.renderings(request, chart.path)
    store.remember(_RENDERED, key, json.dumps(renderings).encode())
    return renderings


def _asks(chart: Tree, store: Store) -> bool:
    """Whether templates ask if they upgrade, or what the API has; what is packed may."""
    for path, file in chart.files():
        if path.endswith(".tgz"):
            return True
        if "/templates/" in path and file.size <= _MAX_TEMPLATE:
            text = b"".join(store.chunks(Blob(file.digest, file.size), name=path))
            if any(word in text for word in _BRANCHES):
                return True
    return False


def _looks(kube_version: str) -> tuple[Look, ...]:
    """As an upgrade on a cluster with what operators add; where that fails, each of both alone."""
    more = api_versions(kube_version)
    return Look(upgrade=True, api_versions=more), Look(upgrade=False, api_versions=more), Look(upgrade=True)


def _content(chart: Chart, tree: Tree) -> Tree:
    """The chart alone, below one name; links that lead out of it are what they lead to in the tree."""
    name = posixpath.basename(chart.path) or "chart"
    entry = tree.entries.get(chart.path)
    if isinstance(entry, File):
        return Tree({name: entry})
    return Tree().merge(Tree(dict(_followed(chart.path, tree))), at=name)


def _followed(folder: str, tree: Tree) -> Iterator[tuple[str, Entry]]:
    for path, entry in tree.subtree(folder).entries.items():
        if not isinstance(entry, Symlink) or not _leads_out(path, entry.target):
            yield path, entry
            continue
        try:
            for below, file in led_to(tree, f"{folder}/{path}", entry):
                yield f"{path}/{below}" if below else path, file
        except BundlerError:
            yield path, entry  # out of the tree: `_check_links` says so


def _check_links(tree: Tree, where: str) -> None:
    """Helm follows links; what they lead to must be in the chart, or the bundle would lack it."""
    for path, entry in tree.entries.items():
        if isinstance(entry, Symlink):
            _check_link(path, entry.target, where)


def _leads_out(path: str, target: str) -> bool:
    led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return target.startswith("/") or led == ".." or led.startswith("../")


def _check_link(path: str, target: str, where: str) -> None:
    if _leads_out(path.partition("/")[2], target):
        raise BundlerError(
            "a symbolic link leads out of the chart",
            where=where,
            why=f"{path} → {target[:200]}",
            fix="put the file itself into the chart",
            code=ExitCode.INPUT,
        )
