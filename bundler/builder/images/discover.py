"""Images named in what the bundle will apply: Kubernetes manifests, charts, and `manifests/imageList`.

Manifests are parsed as YAML and pod specs are found wherever they stand (a Deployment, a List, a custom
resource that holds a pod template). A chart is rendered by Helm first. Each image comes with its place; what
can't be resolved comes with a reason, so that nothing is passed over in silence.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from bundler.builder.charts.helm import Helm
from bundler.builder.charts.source import Chart, find_charts, render
from bundler.builder.charts.values import Values, ValueSet
from bundler.builder.images.model import ImageRequest
from bundler.builder.stage.tree import File, Tree
from bundler.builder.store import Blob, Store
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.reference import Reference
from bundler.core.yamldoc import Document, load_all

IMAGE_LIST = "imageList"
APPS = "application/apps"
_FOLDERS = ("manifests", "charts")
_YAML = (".yaml", ".yml", ".json")
_TEMPLATE = ".tmpl"  # rendered on site with the Clusterfile's env
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_JUNK = ("{{", "${", "$(")
_MAX_FILE = 32 << 20  # bytes of one manifest file

Path = tuple[str | int, ...]
ValueSets = Mapping[str, tuple[ValueSet, ...]]
_NO_SETS: ValueSets = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image and who names it.

    file: path in the tree, of the template for a chart. path: `Deployment/web spec.…containers[0].image`.
    app: "" outside of apps and charts.
    """

    reference: Reference
    file: str
    path: str
    app: str
    location: Location

    @property
    def why(self) -> str:
        """One line for a person."""
        what = self.path.partition(" ")[0] or "named"
        return f"{what} in {self.file}" + (f" (app {self.app})" if self.app else "")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that may name an image, and why it can't be told which.

    fatal: an image is surely missing if this is passed over; otherwise it is only worth a look.
    """

    file: str
    path: str
    app: str
    problem: Problem
    fatal: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """All that was found; `requests` is what `resolve_images` takes."""

    found: tuple[FoundImage, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()

    def requests(self) -> tuple[ImageRequest, ...]:
        """One request for each find."""
        return tuple(ImageRequest(one.reference, (one.why,), one.location) for one in self.found)

    def check(self) -> tuple[Problem, ...]:
        """What is only worth a look, as warnings. Raises Problems for what is fatal."""
        fatal = tuple(one.problem for one in self.unresolved if one.fatal)
        if fatal:
            raise Problems(fatal)
        return tuple(one.problem for one in self.unresolved)


@dataclass(slots=True)
class _Finds:
    found: list[FoundImage] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)

    def miss(
        self, file: str, app: str, problems: Iterable[Problem], *, path: str = "", fatal: bool = True
    ) -> None:
        self.unresolved += [Unresolved(file, path, app, problem, fatal) for problem in problems]

    def name(self, text: str, file: str, path: str, app: str, location: Location, line: str = "") -> None:
        """Take an image's name as it stands there."""
        if any(mark in text for mark in _JUNK):
            later = f"the image {text[:120]!r} is filled in later"
            on_site = file.endswith(_TEMPLATE)
            fix = f"name what it will be in manifests/{IMAGE_LIST}" if on_site else "write the name out"
            self.miss(
                file, app, [Problem(location, "image-name", later, fix, line)], path=path, fatal=not on_site
            )
            return
        try:
            reference = Reference.parse(text.strip())
        except BundlerError as error:
            message = f"{error.what}: {error.why}" if error.why else error.what
            self.miss(file, app, [Problem(location, "image-name", message, error.fix, line)], path=path)
            return
        self.found.append(FoundImage(reference, file, path, app, location))


def discover(
    tree: Tree, store: Store, *, helm: Helm, kube_version: str = "", value_sets: ValueSets = _NO_SETS
) -> Discovery:
    """Look through `manifests/`, `charts/` and every app's folder.

    kube_version: the Kubernetes the charts are rendered for, "" where the bundle brings none. value_sets: by
    a chart's path, values that it is rendered with once more, each set for itself.
    Raises BundlerError (UNSUPPORTED) where there are charts and no Helm; all else is told in the Discovery.
    """
    finds = _Finds()
    for folder, app in _places(tree):
        charts = tuple(find_charts(tree, folder, app))
        for chart in charts:
            for values in (None, *value_sets.get(chart.path, ())):
                rendering = partial(render, chart, tree, store, helm, kube_version)
                _look_into_chart(chart, rendering, values, finds)
        _look_into_files(folder, app, charts, tree, store, finds)
    return Discovery(tuple(finds.found), tuple(finds.unresolved))


def _places(tree: Tree) -> Iterator[tuple[str, str]]:
    """Folder and app."""
    yield from ((folder, "") for folder in _FOLDERS)
    apps = {path.partition("/")[0] for path in tree.subtree(APPS).entries if "/" in path}
    yield from ((f"{APPS}/{app}", app) for app in sorted(apps))


def _look_into_chart(
    chart: Chart, rendering: Callable[[Values], Mapping[str, str]], chosen: ValueSet | None, finds: _Finds
) -> None:
    """chosen: values to put over the chart's own, None for those alone."""
    try:
        manifests = rendering(chosen.values if chosen else {})
    except BundlerError as error:
        if error.code == ExitCode.UNSUPPORTED:
            raise
        why = f": {error.why}" if error.why else ""
        told = f"{error.what}{f' with {chosen.name}' if chosen else ''}{why}"
        finds.miss(chart.path, chart.app, [Problem(Location(chart.path), "chart", told, error.fix)])
        return
    for name, text in sorted(manifests.items()):
        if posixpath.basename(name) != "NOTES.txt":
            file = posixpath.join(chart.path, name.partition("/")[2])
            _look_into_text(text, file, chart.app, finds, rendered=True)


def _look_into_files(
    folder: str, app: str, charts: Sequence[Chart], tree: Tree, store: Store, finds: _Finds
) -> None:
    inside = tuple(f"{chart.path}/" for chart in charts)
    for path, file in tree.subtree(folder).files():
        full = f"{folder}/{path}"
        if full.startswith(inside):
            continue
        if posixpath.basename(path) == IMAGE_LIST:
            _look_into_list(_read(file, full, store), full, app, finds)
        elif path.removesuffix(_TEMPLATE).endswith(_YAML):
            _look_into_file(file, full, app, store, finds)


def _look_into_file(file: File, path: str, app: str, store: Store, finds: _Finds) -> None:
    if file.size > _MAX_FILE:
        too_large = Problem(
            Location(path), "manifest-size", f"larger than {_MAX_FILE} bytes, not searched for images"
        )
        finds.miss(path, app, [too_large], fatal=False)
        return
    _look_into_text(_read(file, path, store), path, app, finds)


def _read(file: File, path: str, store: Store) -> bytes:
    return b"".join(store.chunks(Blob(file.digest, file.size), name=path))


def _look_into_text(text: str | bytes, file: str, app: str, finds: _Finds, *, rendered: bool = False) -> None:
    try:
        documents = load_all(text, file)
    except Problems as error:
        templated = not rendered and ("{{" in str(text) or "${" in str(text))
        finds.miss(file, app, error.problems, fatal=not templated)
        return
    for document in documents:
        for path, image in images_in(document.data):
            # a line of what Helm wrote is no line of the template
            location = Location(file) if rendered else document.locate(path)
            _take(document, path, image, location, app, finds)


def _take(document: Document, path: Path, image: object, location: Location, app: str, finds: _Finds) -> None:
    file = location.file
    told = f"{_subject(document.data)} {_dotted(path)}"
    line = document.lines(location.line)
    if isinstance(image, str) and image.strip():
        finds.name(image, file, told, app, location, line)
    else:
        problem = Problem(location, "image-name", "the image is no text", "write NAME:TAG", line)
        finds.miss(file, app, [problem], path=told)


def images_in(data: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """The images of all pod specs in plain data, each with its path; volumes of type image included."""
    if isinstance(data, list):
        for number, item in enumerate(data):
            yield from images_in(item, (*path, number))
    if not isinstance(data, dict):
        return
    for key in _CONTAINERS:
        for number, container in enumerate(_dicts(data.get(key))):
            if "image" in container:
                yield (*path, key, number, "image"), container["image"]
    for number, volume in enumerate(_dicts(data.get("volumes"))):
        source = volume.get("image")
        if isinstance(source, dict) and "reference" in source:
            yield (*path, "volumes", number, "image", "reference"), source["reference"]
    for key, value in data.items():
        yield from images_in(value, (*path, key))


def _dicts(value: object) -> list[dict[str, Any]]:
    """The items of a list, whatever is no mapping as an empty one, so that numbers stay right."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _subject(data: object) -> str:
    """`Deployment/web`, as kubectl names it; what is missing is left out."""
    if not isinstance(data, dict):
        return "document"
    meta = data.get("metadata")
    name = meta.get("name", "") if isinstance(meta, dict) else ""
    return f"{data.get('kind', 'document')}/{name}" if name else str(data.get("kind", "document"))


def _dotted(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _look_into_list(text: bytes, file: str, app: str, finds: _Finds) -> None:
    """One image a line; what stands behind `#` is a comment."""
    for number, line in enumerate(text.decode(errors="replace").splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name:
            finds.name(name, file, "", app, Location(file, number, line.index(name) + 1), line)
