"""Which packages of a bundle need which, as the repository that the site reads says it."""

from collections.abc import Callable, Mapping

from bundler.builder.cache.store import Store
from bundler.builder.packages.deb import repository as deb
from bundler.builder.packages.source import SuitePackages
from bundler.core.suite import Family

Needs = Mapping[str, tuple[str, ...]]


def needs(made: SuitePackages, store: Store) -> Needs:
    """By package, those that need it. Raises BundlerError (NOT_FOUND, INTEGRITY)."""
    name, read = _reader(made.suite.known.family)
    path = f"{made.suite.folder}/{name}"
    return read(b"".join(store.chunks(dict(made.files)[path], name=path)))


def _reader(family: Family) -> tuple[str, Callable[[bytes], Needs]]:
    match family:
        case Family.DEB:
            return deb.PACKAGES, deb.needed_by
        case Family.RPM:
            from bundler.builder.packages.rpm import repository as rpm  # noqa: PLC0415  (loads rpm's libraries)

            return rpm.PRIMARY, rpm.needed_by
