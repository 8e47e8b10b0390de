"""What evaluating a Kubefile works with, handed in by the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.values import Values
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.kubefile.runfile import Bases, RunFile
from bundler.builder.lib.progress import Progress, Silent
from bundler.builder.stage.context import store_file
from bundler.builder.tree.tree import Tree
from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Member
from bundler.core.oci import Platform
from bundler.core.reference import Reference


class Fetches(Protocol):
    """Brings the file behind a URL into the store (`bundler.builder.net.fetch.Fetcher` does)."""

    def fetch(self, url: str, checksum: Digest | None = None) -> Blob:
        """Raises BundlerError (NOT_FOUND, NETWORK, INTEGRITY, …)."""


class Charts(Protocol):
    """Brings charts and what they depend on (`bundler.builder.charts.supply.ChartSupply` does)."""

    def fetch(self, text: str, checksum: Digest | None = None, *, why: str = "") -> tuple[str, Blob]:
        """File name and .tgz of `oci://…` or `chart+https://…`. Raises BundlerError."""

    def values(self, text: bytes, file: str, *, own: bool = False) -> Values:
        """The values of one file. own: the chart's, in which Helm's reading counts. Raises BundlerError."""

    def complete(self, chart: Tree, where: str, local: Callable[[str], Tree]) -> Tree:
        """The chart with its dependencies; `local` gives those of file://. Raises BundlerError."""


class NoCharts:
    """For builds that bring no charts from elsewhere."""

    def fetch(self, text: str, checksum: Digest | None = None, *, why: str = "") -> tuple[str, Blob]:  # noqa: ARG002  (the protocol's signature)
        """Raises BundlerError (UNSUPPORTED)."""
        raise BundlerError("charts can't be fetched here", where=text, code=ExitCode.UNSUPPORTED)

    def values(self, text: bytes, file: str, *, own: bool = False) -> Values:  # noqa: ARG002  (as above)
        """Raises BundlerError (UNSUPPORTED)."""
        raise BundlerError("values of charts can't be read here", where=file, code=ExitCode.UNSUPPORTED)

    def complete(self, chart: Tree, where: str, local: Callable[[str], Tree]) -> Tree:  # noqa: ARG002  (as above)
        """The chart as it is."""
        return chart


class NoBases:
    """For builds that take no bases from registries."""

    def find(self, ref: Reference, platform: Platform) -> RunFile:  # noqa: ARG002  (the protocol's signature)
        """Raises BundlerError (UNSUPPORTED)."""
        raise BundlerError("bases can't be pulled here", where=ref, code=ExitCode.UNSUPPORTED)

    def opened(self, base: RunFile, members: Sequence[Member]) -> AbstractContextManager[Bundle]:  # noqa: ARG002  (as above)
        """Raises BundlerError (UNSUPPORTED)."""
        raise BundlerError("bases can't be pulled here", where=base.name, code=ExitCode.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that was fetched by its URL; why: who asked for it."""

    url: str
    blob: Blob
    why: str


@dataclass(frozen=True, slots=True)
class BuildContext:
    """Tools and settings of one build.

    platform: `linux/amd64`. build_args: --build-arg. log_file: where the whole story of the build is written,
    told when a RUN fails. keep: puts a file of the build context into the store. pinned_files: by URL, what a
    lock says that they are. `files` grows with each that is fetched; a lock records them.
    """

    store: Store
    fetcher: Fetches
    catalogue: Catalogue
    platform: Platform
    build_args: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = field(default_factory=Silent)
    log_file: Path | None = None
    charts: Charts = field(default_factory=NoCharts)
    bases: Bases = field(default_factory=NoBases)
    keep: Callable[[Store, Path, str], Blob] = store_file
    pinned_files: Mapping[str, Digest] = field(default_factory=dict)
    files: list[TakenFile] = field(default_factory=list)
