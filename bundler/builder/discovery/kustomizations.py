"""Kustomizations that nothing was seen to build: pointed out, with the images that they would set."""

import posixpath
from collections.abc import Collection, Iterator
from typing import Any

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.kustomize import MARKS
from bundler.builder.charts.source import find_charts
from bundler.builder.discovery.documents import load_file
from bundler.builder.discovery.finds import At, Finds
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import Location, Problem
from bundler.core.yamldoc import Document

_MAX_FILE = 1 << 20  # bytes
_LISTS = ("resources", "bases", "components")  # that may name folders
_REMARK = "is what this kustomization sets, which nothing was seen to build, and not in the bundle"
_MESSAGE = "nothing was seen to build this kustomization, so images that it sets are not known"
_HINT = "make the folder an APP, or apply it with `kubectl apply -k`"


def tell_of_unbuilt(tree: Tree, store: Store, built: Collection[str], finds: Finds) -> None:
    """Their files are searched one by one, without what Kustomize changes. built: what commands build."""
    charts = tuple(f"{chart.path}/" for chart in find_charts(tree, "", ""))
    used = _with_bases(tree, store, built)
    for path, file in tree.files():
        if posixpath.basename(path) in MARKS and not path.startswith(charts):
            if posixpath.dirname(path) in used:
                continue
            finds.miss(
                path, "", [Problem(Location(path), "kustomization-unbuilt", _MESSAGE, _HINT)], fatal=False
            )
            for document in _documents(file, path, store):
                for number, name in images_set_by(document.data):
                    place = document.locate(("images", number))
                    at = At(path, "", f"images[{number}]", place, document.lines(place.line))
                    finds.beside(name, at, _REMARK)


def images_set_by(data: object) -> Iterator[tuple[int, str]]:
    """What `images:` of a kustomization puts in the place of other names: number in the list, and name."""
    images = data.get("images") if isinstance(data, dict) else None
    for number, entry in enumerate(images if isinstance(images, list) else ()):
        if isinstance(entry, dict):
            given = {
                key: str(entry[key]) for key in ("name", "newName", "newTag", "digest") if entry.get(key)
            }
            name = given.get("newName") or given.get("name", "")
            if name and (name == given.get("newName") or "newTag" in given or "digest" in given):
                yield number, _joined(name, given)


def _joined(name: str, given: dict[str, str]) -> str:
    """With its tag or digest; one that the name has already gives way, as in Kustomize."""
    if digest := given.get("digest"):
        return f"{name.partition('@')[0]}@{digest}"
    if tag := given.get("newTag"):
        head, slash, last = name.partition("@")[0].rpartition("/")
        return f"{head}{slash}{last.partition(':')[0]}:{tag}"
    return name


def _with_bases(tree: Tree, store: Store, built: Collection[str]) -> set[str]:
    """Built folders and those that they are made of, however deep."""
    used: set[str] = set()
    pending = [posixpath.normpath(path) for path in built]
    while pending:
        folder = pending.pop()
        if folder in used:
            continue
        used.add(folder)
        for mark in MARKS:
            path = posixpath.join(folder, mark)
            entry = tree.entries.get(path)
            if isinstance(entry, File):
                for document in _documents(entry, path, store):
                    pending += [
                        posixpath.normpath(posixpath.join(folder, each)) for each in _named(document.data)
                    ]
    return used


def _named(data: Any) -> Iterator[str]:
    for name in _LISTS:
        each = data.get(name) if isinstance(data, dict) else None
        yield from (text for text in (each if isinstance(each, list) else ()) if isinstance(text, str))


def _documents(file: File, path: str, store: Store) -> tuple[Document, ...]:
    if file.size > _MAX_FILE:
        return ()
    text = b"".join(store.chunks(Blob(file.digest, file.size), name=path))
    return tuple(load_file(text, path).documents)
