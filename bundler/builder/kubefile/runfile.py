"""Another .run as a base, a file or in a registry: what its seal and its index say."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.index import AppRole, Index, Member
from bundler.core.oci import Platform
from bundler.core.reference import Reference

ENDING = ".run"
REGISTRY = "oci://"  # in front of a bundle's name in a registry


@dataclass(frozen=True, slots=True)
class RunFile:
    """A .run whose index is what its seal says.

    origin: the file, or its name in a registry, where `manifest` is its manifest's digest. index: of the
    platform that was asked for, of the first one where it isn't for that. platforms: all. seal: digest of the
    seal's text, which covers every byte but the signature: it names the bundle, and stays the same when the
    bundle is signed.
    """

    origin: Path | Reference
    index: Index
    seal: Digest
    platforms: tuple[str, ...]
    manifest: Digest | None = None

    @property
    def apps(self) -> Mapping[str, AppRole]:
        """Its apps, name → role."""
        return {app.name: app.role for app in self.index.apps}

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.origin.name if isinstance(self.origin, Path) else f"{REGISTRY}{self.origin}"


class Bases(Protocol):
    """Brings bundles out of registries (`bundler.builder.artifact.bases.RegistryBases` does)."""

    def find(self, ref: Reference, platform: Platform) -> RunFile:
        """The bundle of this name for the platform. Raises BundlerError."""

    def opened(self, base: RunFile, members: Sequence[Member]) -> AbstractContextManager[Bundle]:
        """The bundle, open, in which these members can be read unless the store has them by now."""


def read_run(path: Path, platform: Platform | None = None) -> RunFile:
    """Open a .run. Raises BundlerError (NOT_FOUND, INTEGRITY, UNSUPPORTED)."""
    with Bundle.open(path) as bundle:
        return run_file(bundle, platform)


def run_file(bundle: Bundle, platform: Platform | None = None) -> RunFile:
    """What an open .run is, for this platform."""
    fitting = (index for index in bundle.indexes if platform and is_for(index, platform))
    index = next(fitting, bundle.index)
    return RunFile(bundle.path, index, Digest.of(bundle.seal.to_bytes()), bundle.platforms)


def is_for(index: Index, platform: Platform) -> bool:
    """Whether an index is for this platform, whichever way both are written."""
    return Platform.parse(index.platform).usual == platform.usual
