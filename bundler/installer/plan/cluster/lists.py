"""Who serves the API and images: control planes that are whole and stay."""

from collections.abc import Mapping
from typing import Final

from bundler.installer.plan.cluster.view import View

LISTS: Final = ("endpoint", "registries")


def serving(view: View) -> tuple[str, ...]:
    """Their addresses."""
    return tuple(a for a in view.control_planes if view.complete(a) and not view.leaving(a))


def lists_with(view: View, joining: str = "") -> Mapping[str, tuple[str, ...]]:
    """Every list of a host that is to join, and the way to the API."""
    all_ = tuple(dict.fromkeys((*serving(view), *((joining,) if joining else ()))))
    return {**dict.fromkeys(LISTS, all_), "way": (str(view.desired.endpoint),)}
