"""Pod specs in files that nothing was seen to apply: pointed out, since a script may do it all the same."""

import posixpath
import re
from collections.abc import Collection, Iterator
from contextlib import suppress

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.source import Chart, find_charts
from bundler.builder.discovery.documents import load_file
from bundler.builder.discovery.finds import At, Finds
from bundler.builder.discovery.names import called_within
from bundler.builder.discovery.podspec import dotted, images_in, subject
from bundler.builder.tree.links import resolve_link
from bundler.builder.tree.tree import Symlink, Tree
from bundler.core.errors import BundlerError, Location, Problem

_YAML = re.compile(r"\.(?:ya?ml|json)(?:\.[A-Za-z0-9]{1,9})?$")  # `.yaml.j2`, `.yaml.template`, too
_NOT_MANIFESTS = ("images/", "packages/", "bin/", "cri/", ".build/")
_POD_SPEC = re.compile(rb"containers[\"']?\s*:")
_MAX_FILE = 4 << 20  # bytes; manifests are small, what is larger is data
_WHY = "names an image that is not in the bundle, and nothing was seen to apply this file"


def search_beside(tree: Tree, store: Store, searched: Collection[str], finds: Finds) -> None:
    """searched: folders, with `/` at their end, and files that have been looked through."""
    folders = tuple(path for path in searched if path.endswith("/"))
    done = (*folders, *_led_to(tree, folders))
    charts = tuple(chart.path for chart in _charts(tree, (*done, *_NOT_MANIFESTS), searched))
    for path in charts:
        message = (
            "this chart is not searched for images: it is no app, not in charts/, and no command installs it"
        )
        hint = "make it an APP, or name its images with IMAGE"
        finds.miss(path, "", [Problem(Location(path), "chart-unsearched", message, hint)], fatal=False)
    left_out = (*done, *_NOT_MANIFESTS, *(f"{path}/" for path in charts))
    for path, file in tree.files():
        if (
            _YAML.search(path)
            and file.size <= _MAX_FILE
            and not path.startswith(left_out)
            and path not in searched
        ):
            text = b"".join(store.chunks(Blob(file.digest, file.size), name=path))
            if _POD_SPEC.search(text):
                for name, at in _images(text, path):
                    finds.beside(name, at, _WHY)


def _led_to(tree: Tree, folders: tuple[str, ...]) -> Iterator[str]:
    """The folders that links in searched ones lead to: they were searched there."""
    for path, entry in tree.entries.items():
        if isinstance(entry, Symlink) and path.startswith(folders):
            with suppress(BundlerError):
                yield f"{resolve_link(tree, path, entry)}/"


def _charts(tree: Tree, done: tuple[str, ...], searched: Collection[str]) -> Iterator[Chart]:
    for chart in find_charts(tree, "", ""):
        if (
            not f"{chart.path}/".startswith(done)
            and chart.path not in searched
            and _is_chart(tree, chart.path)
        ):
            yield chart


def _is_chart(tree: Tree, path: str) -> bool:
    """A folder with templates; a .tgz may be anything."""
    return tree.is_folder(f"{path}/templates") and posixpath.join(path, "Chart.yaml") in tree.entries


def _images(text: bytes, path: str) -> Iterator[tuple[str, At]]:
    loaded = load_file(text, path)
    for document in loaded.documents:
        for where, image in images_in(document.data):
            if isinstance(image, str):
                place = document.locate(where)
                told = f"{subject(document.data)} {dotted(where)}"
                yield image.strip(), At(path, "", told, place, document.lines(place.line))
    if loaded.problems:  # a template of somebody's
        plain = text.decode(errors="replace")
        for offset, name in called_within(plain):
            line = plain.count("\n", 0, offset) + 1
            yield name, At(path, "", "image", Location(path, line), plain.splitlines()[line - 1])
