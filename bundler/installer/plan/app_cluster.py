"""An app bundle's cluster, as it was seen, and what is wanted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bundler.installer.helm.app_request import MARK


class Aim(StrEnum):
    """What is wanted of the cluster."""

    APPLY = "apply"
    ROLLBACK = "rollback"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Release:
    """One of Helm's. history: revisions with what their chart was called, oldest first; only for ours."""

    name: str
    namespace: str
    status: str
    revision: int
    chart_version: str
    history: tuple[tuple[int, str], ...] = ()

    @property
    def ours(self) -> bool:
        """Whether an app bundle made it."""
        return MARK in self.chart_version

    @property
    def bundle_version(self) -> str:
        """Of the bundle that it came from."""
        return self.chart_version.partition(MARK)[0]

    @property
    def before(self) -> tuple[int, str] | None:
        """The newest revision that came from another bundle."""
        others = (one for one in reversed(self.history) if one[1] != self.chart_version)
        return next(others, None)


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """What a cluster says of itself. registry: what it tells everybody of its own; "" for nothing."""

    version: str
    architectures: frozenset[str]
    classes: tuple[str, ...]
    registry: str
    releases: tuple[Release, ...]
    kubectl: bool = False  # whether a program of that name is at hand here


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is on this machine, and how the cluster is reached.

    program: how this program is started; push: the command that pushes the images, none where that isn't
    wanted; images: full name → name in the registry; env: over the bundle's own variables.
    """

    kubeconfig: str
    folder: str
    program: tuple[str, ...]
    context: str = ""
    push: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
