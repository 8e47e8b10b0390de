"""Layers put together: what an image really holds, with licences and the distribution's name. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bundler.builder.sbom.layer import Layer
from bundler.builder.sbom.model import (
    DOC,
    OF_THE_SYSTEM,
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


def merged(layers: Sequence[Layer]) -> Finds:
    """What is visible once all layers, the lowest first, lie upon each other: `Packages` only, completed."""
    facts: dict[str, Fact] = {}
    gaps: dict[str, Gap] = {}
    for layer in layers:
        facts = {path: fact for path, fact in facts.items() if not layer.hides(path)}
        gaps = {path: gap for path, gap in gaps.items() if not path or not layer.hides(path)}
        facts |= {fact.path: fact for fact in layer.finds.facts}
        gaps |= {gap.path: gap for gap in layer.finds.gaps}
    return Finds(completed(facts.values()), tuple(gap for _, gap in sorted(gaps.items())))


def completed(facts: Iterable[Fact]) -> tuple[Packages, ...]:
    """The packages, with what the other facts of the same file system say of them; by path."""
    known = tuple(facts)
    distro = _distro(known)
    licences = stated_licences(known)
    found = [fact for fact in known if isinstance(fact, Packages)]
    return tuple(
        Packages(fact.path, tuple(_complete(package, distro, licences) for package in fact.packages))
        for fact in sorted(found, key=lambda fact: fact.path)
    )


def _complete(package: Package, distro: str, licences: Mapping[str, tuple[str, ...]]) -> Package:
    if package.kind not in OF_THE_SYSTEM:
        return package
    stated = package.licences
    if package.kind is Kind.DEB:
        stated = licences.get(package.name, ())
    return replace(package, distro=distro, licences=stated)


def _distro(facts: Iterable[Fact]) -> str:
    """`debian-12`; /etc/os-release goes before /usr/lib/os-release, as os-release(5) has it."""
    releases = sorted((fact for fact in facts if isinstance(fact, Release)), key=lambda fact: fact.path)
    return "-".join(part for part in (releases[0].name, releases[0].version) if part) if releases else ""


def stated_licences(facts: Iterable[Fact]) -> dict[str, tuple[str, ...]]:
    """What copyright files state, by the package's name; some packages link to the folder of a sibling."""
    stated: dict[str, tuple[str, ...]] = {}
    links: dict[str, str] = {}
    for fact in facts:
        match fact:
            case Copyright(path, licences):
                stated[path.removeprefix(DOC).partition("/")[0]] = licences
            case DocLink(path, target):
                links[path.removeprefix(DOC)] = target.rstrip("/").rpartition("/")[2]
    return stated | {name: stated[target] for name, target in links.items() if target in stated}
