"""Images named in what the bundle will apply: Kubernetes manifests, charts, and `manifests/imageList`.

Manifests are parsed as YAML and pod specs are found wherever they stand (a Deployment, a List, a custom
resource that holds a pod template, a manifest inside of a ConfigMap). A chart is rendered by Helm first. What
operators keep elsewhere is found by rules, and what merely looks like an image is kept as a suspect. Each
comes with its place; what can't be resolved comes with a reason, so that nothing is passed over in silence.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.doubled import doubled_in
from bundler.builder.charts.helm import Helm
from bundler.builder.charts.source import Chart, find_charts, render
from bundler.builder.charts.values import Values, ValueSet
from bundler.builder.discovery.candidates import suspects_in
from bundler.builder.discovery.podspec import Path, dotted, images_in, subject
from bundler.builder.discovery.rules import ImageRules
from bundler.builder.oci.model import ImageRequest, ResolvedImage
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.reference import Reference
from bundler.core.yamldoc import Document, load_all

IMAGE_LIST = "imageList"
APPS = "application/apps"
_FOLDERS = ("manifests", "charts")
_YAML = (".yaml", ".yml", ".json")
_TEMPLATE = ".tmpl"  # rendered on site with the Clusterfile's env
_JUNK = ("{{", "${", "$(")
_MAX_FILE = 32 << 20  # bytes of one manifest file
_MARK = re.compile(r"\b(containers|initContainers)[\"']?\s*:")  # in a ConfigMap's text

ValueSets = Mapping[str, tuple[ValueSet, ...]]
_NO_SETS: ValueSets = MappingProxyType({})
_NO_RULES = ImageRules()


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
    line: str = ""

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
    """All that was found; `requests` is what `resolve_images` takes.

    suspects: what looks like an image and isn't known to be one.
    """

    found: tuple[FoundImage, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    suspects: tuple[FoundImage, ...] = ()

    def requests(self) -> tuple[ImageRequest, ...]:
        """One request for each find."""
        return tuple(ImageRequest(one.reference, (one.why,), one.location) for one in self.found)

    def check(self) -> tuple[Problem, ...]:
        """What is only worth a look, as warnings. Raises Problems for what is fatal."""
        fatal = tuple(one.problem for one in self.unresolved if one.fatal)
        if fatal:
            raise Problems(fatal)
        return tuple(one.problem for one in self.unresolved)

    def without(self, rules: ImageRules) -> "Discovery":
        """Less the images that are not wanted."""
        found = tuple(one for one in self.found if not rules.ignores(one.reference))
        suspects = tuple(one for one in self.suspects if not rules.ignores(one.reference))
        return replace(self, found=found, suspects=suspects)

    def left_out(self, images: Iterable[ResolvedImage]) -> tuple[Problem, ...]:
        """What looks like an image and is not among those of the bundle, as warnings; each name once."""
        known = {image.reference for image in images}
        first = {one.reference: one for one in reversed(self.suspects) if one.reference not in known}
        ordered = sorted(first.values(), key=lambda one: (one.location, one.reference))
        return tuple(_suspicion(one) for one in ordered)

    def unused(self, requests: Iterable[ImageRequest]) -> tuple[ImageRequest, ...]:
        """The requests for images that nothing in the bundle was seen to use."""
        known = {one.reference for one in (*self.found, *self.suspects)}
        return tuple(one for one in requests if isinstance(one.source, Reference) and one.source not in known)


def _suspicion(one: FoundImage) -> Problem:
    message = f"{one.path} looks like an image that is not in the bundle: {one.reference}"
    hint = "name it with IMAGE if it is needed on site, else silence this with --ignore-image"
    return Problem(one.location, "image-suspect", message, hint, one.line)


@dataclass(frozen=True, slots=True)
class _At:
    """A place where an image is named."""

    file: str
    app: str
    path: str
    location: Location
    line: str


@dataclass(slots=True)
class _Finds:
    rules: ImageRules
    found: list[FoundImage] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)
    suspects: list[FoundImage] = field(default_factory=list)

    def miss(
        self, file: str, app: str, problems: Iterable[Problem], *, path: str = "", fatal: bool = True
    ) -> None:
        self.unresolved += [Unresolved(file, path, app, problem, fatal) for problem in problems]

    def name(self, text: str, at: _At, *, fatal: bool = True) -> None:
        """Take an image's name as it stands there; fatal: it surely is one."""
        file, app, path, location, line = at.file, at.app, at.path, at.location, at.line
        if any(mark in text for mark in _JUNK):
            later = f"the image {text[:120]!r} is filled in later"
            on_site = file.endswith(_TEMPLATE) or not fatal
            fix = f"name what it will be in manifests/{IMAGE_LIST}" if on_site else "write the name out"
            self.miss(
                file, app, [Problem(location, "image-name", later, fix, line)], path=path, fatal=not on_site
            )
            return
        try:
            reference = Reference.parse(text.strip().removeprefix("docker://"))
        except BundlerError as error:
            message = f"{error.what}: {error.why}" if error.why else error.what
            problem = Problem(location, "image-name", message, error.fix, line)
            self.miss(file, app, [problem], path=path, fatal=fatal)
            return
        self.found.append(FoundImage(reference, file, path, app, location, line))

    def suspect(self, text: str, at: _At) -> None:
        """Keep what looks like an image; what is none after all is forgotten."""
        with suppress(BundlerError):
            reference = Reference.parse(text)
            self.suspects.append(FoundImage(reference, at.file, at.path, at.app, at.location, at.line))


def discover(
    tree: Tree,
    store: Store,
    *,
    helm: Helm,
    kube_version: str = "",
    value_sets: ValueSets = _NO_SETS,
    rules: ImageRules = _NO_RULES,
) -> Discovery:
    """Look through `manifests/`, `charts/` and every app's folder.

    kube_version: the Kubernetes the charts are rendered for, "" where the bundle brings none. value_sets: by
    a chart's path, values that it is rendered with once more, each set for itself. rules: where images are
    besides pod specs, and which are not wanted.
    Raises BundlerError (UNSUPPORTED) where there are charts and no Helm; all else is told in the Discovery.
    """
    finds = _Finds(rules)
    for folder, app in _places(tree):
        charts = tuple(find_charts(tree, folder, app))
        for chart in charts:
            finds.miss(chart.path, chart.app, doubled_in(chart, tree, store), fatal=False)
            for values in (None, *value_sets.get(chart.path, ())):
                rendering = partial(render, chart, tree, store, helm, kube_version)
                _look_into_chart(chart, rendering, values, finds)
        _look_into_files(folder, app, charts, tree, store, finds)
    return Discovery(tuple(finds.found), tuple(finds.unresolved), tuple(finds.suspects)).without(rules)


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
        _look_into_document(_Seen(document, app, rendered=rendered), finds)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A document that is looked through; a line of what Helm wrote is no line of the template."""

    document: Document
    app: str
    rendered: bool

    def at(self, path: Path) -> _At:
        document = self.document
        location = Location(document.file) if self.rendered else document.locate(path)
        told = f"{subject(document.data)} {dotted(path)}"
        return _At(document.file, self.app, told, location, document.lines(location.line))


def _look_into_document(seen: _Seen, finds: _Finds) -> None:
    data = seen.document.data
    taken: set[Path] = set()
    for path, image in images_in(data):
        taken.add(path)
        at = seen.at(path)
        if isinstance(image, str) and image.strip():
            finds.name(image, at)
        else:
            problem = Problem(at.location, "image-name", "the image is no text", "write NAME:TAG", at.line)
            finds.miss(at.file, at.app, [problem], path=at.path)
    ruled = [(path, text) for path, text in finds.rules.found_in(data) if path not in taken]
    for path, text in ruled:
        finds.name(text, seen.at(path), fatal=False)
    taken |= {path for path, _ in ruled}
    for path, text in (*_nested(data, seen), *suspects_in(data)):
        if path not in taken:
            finds.suspect(text, seen.at(path))


def _nested(data: object, seen: _Seen) -> Iterator[tuple[Path, str]]:
    """Images of manifests that are texts in a ConfigMap, which an operator may apply."""
    match data:
        case {"kind": "ConfigMap", "data": dict(texts)}:
            pass
        case _:
            return
    for key, text in texts.items():
        if not isinstance(text, str) or not _MARK.search(text):
            continue
        with suppress(Problems):
            for document in load_all(text, seen.document.file):
                for _, image in images_in(document.data):
                    yield ("data", key), str(image)


def _look_into_list(text: bytes, file: str, app: str, finds: _Finds) -> None:
    """One image a line; what stands behind `#` is a comment."""
    for number, line in enumerate(text.decode(errors="replace").splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name:
            location = Location(file, number, line.index(name) + 1)
            finds.name(name, _At(file, app, "", location, line))
