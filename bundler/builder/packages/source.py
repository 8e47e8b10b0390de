"""What a family of distributions must give, so that its packages can be resolved; and what it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.progress import Progress
from bundler.builder.net.fetch import Fetcher
from bundler.builder.packages.closure import Closure, PackageFile
from bundler.builder.packages.sources import PackageSources
from bundler.core.errors import Location, Problem
from bundler.core.index import OsPackage
from bundler.core.oci import Platform
from bundler.core.suite import Suite


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """A PACKAGE line.

    suite: `debian:bookworm`; names: each `name` or `name=version`; text: the line itself, for messages.
    """

    suite: str
    names: tuple[str, ...]
    location: Location
    text: str = ""

    def problem(self, rule: str, message: str, hint: str) -> Problem:
        """A problem with this line."""
        return Problem(self.location, rule, message, hint, self.text)


@dataclass(frozen=True, slots=True)
class PackageOptions:
    """platform: `linux/amd64`.

    offline: nothing is asked, what is in the cache is taken however old it is. refresh: the cache's
    closures are not used. now: seconds since the epoch. pinned: by suite (`debian:bookworm`), the closure
    that holds as long as the same names are asked for; nothing is asked for it but files the cache lacks.
    """

    platform: Platform
    now: float
    sources: PackageSources = field(default_factory=PackageSources)
    offline: bool = False
    refresh: bool = False
    at_once: int = 4  # downloads
    pinned: Mapping[str, Closure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Means:
    """What the work on packages is done with."""

    store: Store
    fetcher: Fetcher
    options: PackageOptions
    progress: Progress


@dataclass(frozen=True, slots=True)
class SuitePackages:
    """All packages of one suite: the index's entries and the bundle's members, by path."""

    suite: Suite
    packages: tuple[OsPackage, ...]
    files: tuple[tuple[str, Blob], ...]
    closure: Closure


class PackageFamily(Protocol):
    """One suite's packages: where they come from, and what the site's package manager is to read.

    Methods raise Problems and BundlerError: UNSUPPORTED, NETWORK, NOT_FOUND, TRUST, INTEGRITY, SPACE.
    """

    @property
    def settings(self) -> str:
        """What the closure depends on besides the names: it is part of the key under which it is kept."""
        ...

    @property
    def advice(self) -> str:
        """What to do when the mirror has dropped a version: how to name one that keeps old ones."""
        ...

    def is_request(self, text: str) -> bool:
        """Whether it can be asked for: a package's name, or `name=version`."""
        ...

    def solve(self, requests: Sequence[PackageRequest]) -> Closure:
        """Read the suite's indexes, check their signatures, and find what the lines need."""
        ...

    def bases(self) -> Mapping[str, str]:
        """By archive, the address that packages' paths are relative to."""
        ...

    def admit(self, package: PackageFile, blob: Blob) -> None:
        """Check a fetched package, where its digest alone does not authenticate it."""
        ...

    def file(self, package: PackageFile) -> str:
        """Its name in the site's repository."""
        ...

    def repository(self, packages: Sequence[tuple[PackageFile, Blob]]) -> Mapping[str, bytes]:
        """The site's repository over these packages: its further files, by name."""
        ...
