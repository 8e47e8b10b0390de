"""Charts out of the stage: found, put into a folder for Helm, rendered, and remembered by their content."""

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import Helm, RenderRequest
from bundler.builder.charts.values import Values
from bundler.builder.tree.checkout import check_out
from bundler.builder.tree.tree import File, Symlink, Tree
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical

_RENDERED = "chart-render"  # kind of record
_NO_VALUES: Values = MappingProxyType({})
_RECIPE = 2  # raised when the same chart would be rendered differently by a newer bundler
_MARK = "Chart.yaml"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in the tree: a folder or a .tgz; `app` is the release it is installed as."""

    path: str
    app: str


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
    chart: Chart, tree: Tree, store: Store, helm: Helm, kube_version: str, values: Values = _NO_VALUES
) -> Mapping[str, str]:
    """All manifests of a chart with its own values and `values` over them.

    Raises BundlerError as `Helm.render` does.
    """
    content = _content(chart, tree)
    key = canonical([_RECIPE, str(content.digest), chart.app, kube_version, dict(values)]).decode()
    if (known := store.recall(_RENDERED, key)) is not None:
        remembered: dict[str, str] = json.loads(known)
        return remembered
    _check_links(content, chart.path)
    with store.scratch() as folder:
        checkout = check_out(content, store, folder / "chart")
        (top,) = {path.partition("/")[0] for path in content.entries}
        request = RenderRequest(checkout.root / top, chart.app, values=values, kube_version=kube_version)
        manifests = helm.render(request, chart.path)
    store.remember(_RENDERED, key, json.dumps(manifests).encode())
    return manifests


def _content(chart: Chart, tree: Tree) -> Tree:
    """The chart alone, below one name."""
    name = posixpath.basename(chart.path) or "chart"
    entry = tree.entries.get(chart.path)
    if isinstance(entry, File):
        return Tree({name: entry})
    return Tree().merge(tree.subtree(chart.path), at=name)


def _check_links(tree: Tree, where: str) -> None:
    """Helm follows links; what they lead to must be in the chart, or the bundle would lack it."""
    for path, entry in tree.entries.items():
        if isinstance(entry, Symlink):
            _check_link(path, entry.target, where)


def _check_link(path: str, target: str, where: str) -> None:
    top = path.partition("/")[0]
    led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or not _inside(led, top):
        raise BundlerError(
            "a symbolic link leads out of the chart",
            where=where,
            why=f"{path} → {target[:200]}",
            fix="put the file itself into the chart",
            code=ExitCode.INPUT,
        )
