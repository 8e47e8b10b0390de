"""Another .run as a base: what its seal and its index say, without reading the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.index import AppRole, Index
from bundler.core.oci import Platform

ENDING = ".run"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A .run whose index is what its seal says.

    index: of the platform that was asked for, of the first one where it isn't for that. platforms: all.
    seal: digest of the seal's text, which covers every byte but the signature: it names the bundle, and stays
    the same when the bundle is signed.
    """

    path: Path
    index: Index
    seal: Digest
    platforms: tuple[str, ...]

    @property
    def apps(self) -> Mapping[str, AppRole]:
        """Its apps, name → role."""
        return {app.name: app.role for app in self.index.apps}


def read_run(path: Path, platform: str = "") -> RunFile:
    """Open a .run. Raises BundlerError (NOT_FOUND, INTEGRITY, UNSUPPORTED)."""
    with Bundle.open(path) as bundle:
        return run_file(bundle, platform)


def run_file(bundle: Bundle, platform: str = "") -> RunFile:
    """What an open .run is, for this platform."""
    fitting = (index for index in bundle.indexes if platform and is_for(index, platform))
    index = next(fitting, bundle.index)
    return RunFile(bundle.path, index, Digest.of(bundle.seal.to_bytes()), bundle.platforms)


def is_for(index: Index, platform: str) -> bool:
    """Whether an index is for this platform, whichever way both are written."""
    return Platform.parse(index.platform).usual == Platform.parse(platform).usual
