"""Another .run as a base: what its seal and its index say, without reading the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.index import AppRole, Index

ENDING = ".run"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A .run whose index is what its seal says.

    seal: digest of the seal's text, which covers every byte but the signature: it names the bundle, and stays
    the same when the bundle is signed.
    """

    path: Path
    index: Index
    seal: Digest

    @property
    def apps(self) -> Mapping[str, AppRole]:
        """Its apps, name → role."""
        return {app.name: app.role for app in self.index.apps}


def read_run(path: Path) -> RunFile:
    """Open a .run. Raises BundlerError (NOT_FOUND, INTEGRITY, UNSUPPORTED)."""
    with Bundle.open(path) as bundle:
        return run_file(bundle)


def run_file(bundle: Bundle) -> RunFile:
    """What an open .run is."""
    return RunFile(bundle.path, bundle.index, Digest.of(bundle.seal.to_bytes()))
