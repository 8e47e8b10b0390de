"""Reasons more exact than a build needs: the value behind an image, the package behind a package."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from bundler.builder.cache.store import Blob, Store
from bundler.builder.discovery.finds import FoundImage
from bundler.builder.lock.collect import place_of
from bundler.builder.lock.model import ImagePin, Inputs, PackagePin, SuitePin
from bundler.builder.packages import SuitePackages
from bundler.builder.packages.needs import Needs, needs
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import Problems
from bundler.core.reference import Reference
from bundler.core.yamldoc import load_all

_VALUES = "values.yaml"
_MAX_VALUES = 1 << 20  # bytes
_NAMES = ("repository", "image", "name")  # how charts call the part of an image's name before the tag


def explained(
    inputs: Inputs, tree: Tree, found: Iterable[FoundImage], packages: Iterable[SuitePackages], store: Store
) -> Inputs:
    """The inputs with the values that images come from, and the packages that need packages."""
    needed = {str(made.suite): needs(made, store) for made in packages}
    values = _by_place(tree, found, store)
    return replace(
        inputs,
        images=tuple(_with_values(pin, values) for pin in inputs.images),
        suites=tuple(_with_needs(pin, needed.get(pin.suite, {})) for pin in inputs.suites),
    )


def value_paths(values: object, reference: Reference, path: str = "") -> Iterator[str]:
    """Where in a chart's values an image is named: whole, or as a repository beside its tag."""
    if isinstance(values, list):
        for number, value in enumerate(values):
            yield from value_paths(value, reference, f"{path}[{number}]")
    elif isinstance(values, dict):
        for key, value in values.items():
            below = f"{path}.{key}" if path else str(key)
            if key in _NAMES and _names(value, reference, values.get("tag")):
                yield below
            else:
                yield from value_paths(value, reference, below)
    elif isinstance(values, str) and _is(values, reference):
        yield path


def _with_needs(pin: SuitePin, by: Needs) -> SuitePin:
    return replace(pin, packages=tuple(_needed(one, by) for one in pin.packages))


def _needed(pin: PackagePin, by: Needs) -> PackagePin:
    whys = tuple(f"needed by {name}" for name in by.get(pin.package, ()))
    return replace(pin, why=(*pin.why, *whys))


def _by_place(tree: Tree, found: Iterable[FoundImage], store: Store) -> dict[tuple[str, str], str]:
    """By image and place, the place with the values behind it."""
    read: dict[str, object] = {}
    told: dict[tuple[str, str], str] = {}
    for one in found:
        behind = [
            f"{file}: {path}"
            for file in _values_above(one.file, tree)
            for path in value_paths(_read(file, tree, store, read), one.reference)
        ]
        if behind:
            told[str(one.reference), place_of(one)] = f"{place_of(one)} = {', '.join(behind)}"
    return told


def _with_values(pin: ImagePin, values: Mapping[tuple[str, str], str]) -> ImagePin:
    return replace(pin, why=tuple(values.get((pin.reference, why), why) for why in pin.why))


def _values_above(file: str, tree: Tree) -> Iterator[str]:
    """The values of the chart that a template is of, and of the charts that this chart is in."""
    folder = posixpath.dirname(file)
    while folder:
        if f"{folder}/Chart.yaml" in tree.entries and f"{folder}/{_VALUES}" in tree.entries:
            yield f"{folder}/{_VALUES}"
        folder = posixpath.dirname(folder)


def _read(file: str, tree: Tree, store: Store, read: dict[str, object]) -> object:
    if file not in read:
        read[file] = _parsed(file, tree, store)
    return read[file]


def _parsed(file: str, tree: Tree, store: Store) -> object:
    entry = tree.entries[file]
    if not isinstance(entry, File) or entry.size > _MAX_VALUES:
        return None
    text = b"".join(store.chunks(Blob(entry.digest, entry.size), name=file))
    try:
        documents = load_all(text, file)
    except Problems:
        return None  # Helm has read it, so its images are there; only the reason stays short
    return documents[0].data if documents else None


def _names(value: object, reference: Reference, tag: object) -> bool:
    if not isinstance(value, str):
        return False
    return _is(value, reference) or (
        (tag is None or str(tag) in {reference.tag, ""}) and _ends(value, reference)
    )


def _is(text: str, reference: Reference) -> bool:
    """Whether a text names the image with its tag, with or without the registry."""
    full = str(reference)
    return (":" in text or "@" in text) and (full == text or full.endswith(f"/{text}"))


def _ends(text: str, reference: Reference) -> bool:
    return bool(text) and (reference.name == text or reference.name.endswith(f"/{text}"))
