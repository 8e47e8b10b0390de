"""What of kubeadm's documents other distributions take: the cluster's networks; the rest is refused."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bundler.core.errors import Location, Problem
from bundler.installer.plan.context import Context

_READ: Final = frozenset({"apiVersion", "kind", "networking"})


def unread(context: Context, name: str) -> Iterator[Problem]:
    """A fault for everything that the distribution of this name would ignore."""
    for kind, data in context.site.kubeadm.items():
        for path, message in _unread(name, kind, data):
            yield _problem(context, name, kind, path, message)


def _unread(name: str, kind: str, data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What of a kubeadm document the program doesn't read: all but the cluster's networks and domain."""
    if kind != "ClusterConfiguration":
        yield (), f"{name} reads no {kind}: it is a document of kubeadm's"
        return
    for key in data:
        if key not in {"apiVersion", "kind", "networking"}:
            yield (key,), f"{name} reads no {kind}.{key}: of kubeadm's documents it takes networking alone"


def _problem(context: Context, name: str, kind: str, path: tuple[str, ...], message: str) -> Problem:
    fix = f"leave it out; settings of {name} belong into the bundle"
    document = context.site.documents.get(kind)
    if document is None:
        return Problem(Location(kind), "kubeadm-document", message, fix)
    return document.problem(path, "kubeadm-document", message, hint=fix, key=bool(path))
