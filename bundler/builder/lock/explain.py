"""Reasons more exact than a build needs: the value behind an image, the package behind a package."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from debian.deb822 import Packages, PkgRelation

from bundler.builder.images.discover import FoundImage
from bundler.builder.lock.collect import place_of
from bundler.builder.lock.model import ImagePin, Inputs, PackagePin, SuitePin
from bundler.builder.packages import SuitePackages
from bundler.builder.stage.tree import File, Tree
from bundler.builder.store import Blob, Store
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
    indexes = {str(made.suite): _index(made, store) for made in packages}
    values = _by_place(tree, found, store)
    return replace(
        inputs,
        images=tuple(_with_values(pin, values) for pin in inputs.images),
        suites=tuple(_with_needs(pin, indexes.get(pin.suite, b"")) for pin in inputs.suites),
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


def needed_by(index: bytes) -> Mapping[str, tuple[str, ...]]:
    """By package, the packages of a `Packages` file that depend on it, themselves or by what it provides."""
    stanzas = list(Packages.iter_paragraphs(index, use_apt_pkg=False))
    providers: dict[str, set[str]] = {}
    for stanza in stanzas:
        for name in (stanza["Package"], *_related(stanza, "Provides")):
            providers.setdefault(name, set()).add(stanza["Package"])
    needs: dict[str, set[str]] = {}
    for stanza in stanzas:
        for name in (*_related(stanza, "Depends"), *_related(stanza, "Pre-Depends")):
            for provider in providers.get(name, ()):
                needs.setdefault(provider, set()).add(stanza["Package"])
    return {name: tuple(sorted(by - {name})) for name, by in needs.items()}


def _related(stanza: Packages, field: str) -> Iterator[str]:
    if field in stanza:
        for group in PkgRelation.parse_relations(stanza[field]):
            yield from (each["name"] for each in group)


def _index(made: SuitePackages, store: Store) -> bytes:
    name = f"{made.suite.folder}/Packages"
    return b"".join(store.chunks(dict(made.files)[name], name=name))


def _with_needs(pin: SuitePin, index: bytes) -> SuitePin:
    needs = needed_by(index)
    return replace(pin, packages=tuple(_needed(one, needs) for one in pin.packages))


def _needed(pin: PackagePin, needs: Mapping[str, tuple[str, ...]]) -> PackagePin:
    by = tuple(f"needed by {name}" for name in needs.get(pin.package, ()))
    return replace(pin, why=(*pin.why, *by))


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
