"""OS packages of a .run that a bundle is FROM, and those that its own PACKAGE lines add. Pure.

The packages of one suite fit together, so they are one closure. A base's stays as it is while the Kubefile
asks for nothing more of its suite; else the suite is resolved anew, for what the base asked for, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bundler.builder.cache.store import Blob
from bundler.builder.packages.source import PackageRequest
from bundler.core.index import OsPackage
from bundler.core.suite import Suite


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a base's packages stays, with its files by path; `requests`: what is to be resolved.

    anew: suites (`debian:bookworm`) of the base that are resolved again.
    """

    packages: tuple[OsPackage, ...]
    files: tuple[tuple[str, Blob], ...]
    requests: tuple[PackageRequest, ...]
    anew: tuple[str, ...]


def keep(
    packages: Sequence[OsPackage], files: Sequence[tuple[str, Blob]], requests: Sequence[PackageRequest]
) -> Kept:
    """What stays of the base's packages, and what is to be resolved for these requests."""
    there = {each.suite for each in packages}
    held = {(each.suite, each.name) for each in packages}
    held |= {(each.suite, f"{each.name}={each.version}") for each in packages}
    open_ones = [one for one in requests if any((one.suite, name) not in held for name in one.names)]
    asked = {one.suite for one in open_ones}
    anew = tuple(sorted(asked & there))
    again = tuple(_again(suite, packages, open_ones) for suite in anew)
    folders = tuple(f"{Suite.parse(suite).folder}/" for suite in anew)
    return Kept(
        packages=tuple(each for each in packages if each.suite not in asked),
        files=tuple((path, blob) for path, blob in files if not path.startswith(folders)),
        requests=(*(one for one in requests if one.suite in asked), *again),
        anew=anew,
    )


def _again(suite: str, packages: Sequence[OsPackage], asked: Sequence[PackageRequest]) -> PackageRequest:
    """What the base asked for, on behalf of the first line that makes it necessary."""
    first = next(one for one in asked if one.suite == suite)
    names = tuple(each.name for each in packages if each.suite == suite and each.requested)
    return PackageRequest(suite, names, first.location, first.text)
