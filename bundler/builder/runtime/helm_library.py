"""Helm's library as it travels in a bundle with charts: the one for the site's machines, not for this one."""

import importlib.metadata
from pathlib import Path

from bundler.builder.cache.store import Blob, Store
from bundler.builder.model.spec import HELM_LIBRARY, SpecContent
from bundler.builder.runtime.elf import HEAD, architecture
from bundler.builder.runtime.freeze import helm_library
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform


def helm_content(platform: Platform, given: Path | None, store: Store) -> SpecContent:
    """The member; given: the file of --helm-library, None for the library that is installed here.

    Raises BundlerError (UNSUPPORTED) for a library of another architecture than the platform's.
    """
    path = given or helm_library()
    _check(path, platform)
    return SpecContent(HELM_LIBRARY, _kept(path, store) if given is None else _added(path, store), 0o755)


def _check(path: Path, platform: Platform) -> None:
    with path.open("rb") as file:
        wanted, found = platform.architecture, architecture(file.read(HEAD))
    if found == wanted:
        return
    version = importlib.metadata.version("helm-python-sdk")
    raise BundlerError(
        f"there is no library of Helm for {platform}, which its charts need",
        where=path,
        why=f"this one is for {found}" if found else "this is no library",
        code=ExitCode.UNSUPPORTED,
        fix=f"take libhelm_c.so out of that platform's wheel of helm-python-sdk {version}, "
        f"and name it: --helm-library {platform}=FILE",
    )


def _kept(path: Path, store: Store) -> Blob:
    """Hashed each time: it goes under the vendor's signature, so a record in the cache doesn't count."""
    with path.open("rb") as file:
        digest, size = Digest.of_file(file), file.tell()
    return Blob(digest, size) if store.find(digest, size) else _added(path, store)


def _added(path: Path, store: Store) -> Blob:
    return store.add_file(path, name=path.name)
