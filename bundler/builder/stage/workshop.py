"""What evaluating a Kubefile works with, handed in by the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.progress import Progress, Silent
from bundler.builder.store import Blob, Store
from bundler.core.digest import Digest


class Fetches(Protocol):
    """Brings the file behind a URL into the store (`bundler.builder.fetch.Fetcher` does)."""

    def fetch(self, url: str, checksum: Digest | None = None) -> Blob:
        """Raises BundlerError (NOT_FOUND, NETWORK, INTEGRITY, …)."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Tools and settings of one build.

    platform: `linux/amd64`. build_args: --build-arg. log_file: where the whole story of the build is written,
    told when a RUN fails.
    """

    store: Store
    fetcher: Fetches
    catalogue: Catalogue
    platform: str
    build_args: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = field(default_factory=Silent)
    log_file: Path | None = None
