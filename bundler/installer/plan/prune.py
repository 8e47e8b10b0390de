"""Leftovers of earlier bundles that are no longer needed: found by digest, removed by steps. Pure.

Each control plane keeps a list of what a bundle brought, from the first step of its run on. Of every product
the two newest count: the one that runs, and the one that `rollback` goes back to.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from bundler.core.index import Image
from bundler.installer.plan import paths
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

KEPT: Final = 2  # bundles of a product
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """What a bundle brought: images by name, and everything that they are made of by digest (hex)."""

    product: str
    version: str
    images: frozenset[str]
    blobs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Doomed:
    """What only bundles of the past have; bundles: those, newest first."""

    bundles: tuple[str, ...]
    images: tuple[str, ...]
    blobs: tuple[str, ...]


def listing(images: Iterable[Image]) -> str:
    """A bundle's list, as control planes keep it. images: of all platforms that it is for."""
    every = tuple(images)
    names = sorted({image.name for image in every})
    blobs = sorted({digest.hex for image in every for digest in image.digests})
    return "".join(f"image {name}\n" for name in names) + "".join(f"blob {digest}\n" for digest in blobs)


def parse(text: str) -> tuple[Listed, ...]:
    """Lists, each behind a line `== PRODUCT VERSION`; lines that make no sense are passed over."""
    found: list[tuple[str, str, set[str], set[str]]] = []
    for line in text.splitlines():
        match line.split():
            case ["==", product, version]:
                found.append((product, version, set(), set()))
            case ["image", name] if found:
                found[-1][2].add(name)
            case ["blob", digest] if found and _DIGEST.fullmatch(digest):
                found[-1][3].add(digest)
    return tuple(Listed(p, v, frozenset(images), frozenset(blobs)) for p, v, images, blobs in found)


def doomed(lists: Iterable[Listed], products: Collection[str] | None = None) -> Doomed:
    """What is in none of those that count. lists: newest first.

    products: that the site has; of one that was deleted nothing counts any more. None where nobody knows.
    """
    kept: dict[str, int] = {}
    stay: list[Listed] = []
    past: list[Listed] = []
    for each in lists:
        kept[each.product] = kept.get(each.product, 0) + 1
        here = products is None or each.product in products
        (stay if here and kept[each.product] <= KEPT else past).append(each)
    images = frozenset[str]().union(*(each.images for each in past))
    blobs = frozenset[str]().union(*(each.blobs for each in past))
    return Doomed(
        tuple(f"{each.product} {each.version}" for each in past),
        tuple(sorted(images.difference(*(each.images for each in stay)))),
        tuple(sorted(blobs.difference(*(each.blobs for each in stay)))),
    )


def prune_steps(hosts: Iterable[Host], found: Doomed) -> tuple[Step, ...]:
    """Nodes first, then registries: what a node lacks it can still pull. Lists go last."""
    if not found.bundles:
        return ()
    everyone = tuple(hosts)
    nodes = tuple(
        _step(host, "images", "images that only earlier bundles had", (), (*found.images, *found.blobs))
        for host in everyone
    )
    behind = tuple(step.id for step in nodes)
    planes = tuple(host for host in everyone if host.is_control_plane)
    registries = tuple(
        _step(host, "registry", "the registry's content that only earlier bundles had", behind, found.blobs)
        for host in planes
    )
    behind = tuple(step.id for step in registries)
    lists = tuple(
        _step(host, "lists", "what is removed is no longer listed", behind, found.bundles) for host in planes
    )
    return (*nodes, *registries, *lists)


def _step(host: Host, what: str, why: str, after: tuple[str, ...], lines: Iterable[str]) -> Exec:
    return Exec(
        id=ident(Phase.REGISTRY, host.address, f"prune-{what}"),
        host=host.address,
        phase=Phase.REGISTRY,
        reason=why,
        after=after,
        always_run=True,
        timeout=600.0,
        script=templates.script(f"prune-{what}.sh", store=f"{paths.REGISTRY_STORE}/docker/registry/v2"),
        stdin="".join(f"{line}\n" for line in lines),
    )
