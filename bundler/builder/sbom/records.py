"""Scans as bytes for the store's records: JSON, and behind it the hashes of a layer's paths. Pure."""

import json
import sys
from array import array
from typing import Any

from bundler.builder.sbom.layer import Layer, Paths
from bundler.builder.sbom.model import (
    Copyright,
    DocLink,
    Fact,
    Finds,
    Gap,
    Kind,
    Package,
    Packages,
    Release,
)
from bundler.core.index import canonical


def from_layer(layer: Layer) -> bytes:
    """A layer's scan."""
    head = {"finds": _finds(layer.finds), "removed": sorted(layer.removed), "opaque": sorted(layer.opaque)}
    return canonical(head) + b"\n" + _swapped(layer.replaced.hashes).tobytes()


def to_layer(data: bytes) -> Layer:
    """What `from_layer` gave."""
    head, _, rest = data.partition(b"\n")
    document = json.loads(head)
    hashes = array("Q")
    hashes.frombytes(rest)
    return Layer(
        _to_finds(document["finds"]),
        Paths(_swapped(hashes)),
        frozenset(document["removed"]),
        frozenset(document["opaque"]),
    )


def from_finds(finds: Finds) -> bytes:
    """What an image, or a package's file, turned out to hold."""
    return canonical(_finds(finds))


def to_finds(data: bytes) -> Finds:
    """What `from_finds` gave."""
    return _to_finds(json.loads(data))


def _swapped(hashes: "array[int]") -> "array[int]":
    """Little-endian on every machine."""
    if sys.byteorder == "little":
        return hashes
    swapped = hashes[:]
    swapped.byteswap()
    return swapped


def _finds(finds: Finds) -> dict[str, Any]:
    return {
        "facts": [_fact(fact) for fact in finds.facts],
        "gaps": [[gap.path, gap.why] for gap in finds.gaps],
    }


def _to_finds(document: dict[str, Any]) -> Finds:
    return Finds(
        tuple(_to_fact(row) for row in document["facts"]),
        tuple(Gap(path, why) for path, why in document["gaps"]),
    )


def _fact(fact: Fact) -> list[Any]:
    match fact:
        case Packages(path, packages):
            return ["packages", path, [_package(each) for each in packages]]
        case Release(path, name, version):
            return ["release", path, name, version]
        case Copyright(path, licences):
            return ["copyright", path, list(licences)]
        case DocLink(path, target):
            return ["doc", path, target]


def _to_fact(row: list[Any]) -> Fact:
    match row:
        case ["packages", path, packages]:
            return Packages(path, tuple(_to_package(each) for each in packages))
        case ["release", path, name, version]:
            return Release(path, name, version)
        case ["copyright", path, licences]:
            return Copyright(path, tuple(licences))
        case ["doc", path, target]:
            return DocLink(path, target)
        case _:
            raise ValueError(f"not a fact: {row!r}")


def _package(package: Package) -> list[Any]:
    p = package
    return [p.kind, p.name, p.version, p.namespace, p.architecture, list(p.licences), p.source, p.distro]


def _to_package(row: list[Any]) -> Package:
    kind, name, version, namespace, architecture, licences, source, distro = row
    return Package(Kind(kind), name, version, namespace, architecture, tuple(licences), source, distro)
