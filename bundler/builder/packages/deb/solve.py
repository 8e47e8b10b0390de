"""A closure: what a machine with a minimal installation of the suite lacks for some packages.

Minimal is what `debootstrap --variant=minbase` gives: the Essential packages, those of priority required,
apt, and what these need. apt's own solver does the solving, for the minimal installation as for the
closure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from debian.deb822 import Packages, PkgRelation

from bundler.builder.packages.closure import PackageFile
from bundler.builder.packages.deb.root import AptRoot, Download, Repository
from bundler.core.digest import Digest

_ROUNDS = 10


def solve(
    root: AptRoot, names: Iterable[str], found: Sequence[Repository], updated: re.Pattern[str]
) -> tuple[PackageFile, ...]:
    """The closure of `names` (`name` or `name=version`), sorted by name; found: what the root reads from.

    updated: what only the version of an update has, after the release.

    Packages of the minimal installation are in it when they were asked for, or when a package of the
    closure needs them in a version that a site which has not seen the latest point release can't have.
    Raises BundlerError (NOT_FOUND) with apt's own words.
    """
    asked = frozenset(names)
    base = _minimal(root)
    root.installed(root.show(*base))
    base_names = frozenset(each.partition("=")[0] for each in base)
    also: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        downloads = root.uris(*sorted(asked | also))
        stanzas = root.show(*(each.request for each in downloads))
        more = frozenset(_not_to_rely_on(stanzas, base_names, updated))
        if more <= also:
            break
        also |= more
    return _debs(downloads, stanzas, asked, found)


def _minimal(root: AptRoot) -> tuple[str, ...]:
    """The minimal installation, as `name=version`."""
    names = root.names()
    wanted = root.required() | {"apt"}
    if "usr-is-merged" in names:  # debootstrap's choice between the two that fulfil this dependency
        wanted |= {"usr-is-merged", *(("usrmerge-",) if "usrmerge" in names else ())}
    return root.simulate(*sorted(wanted))


def _not_to_rely_on(stanzas: str, base: frozenset[str], updated: re.Pattern[str]) -> Iterator[str]:
    """Packages of the minimal installation that are needed in just one version, or in an updated one."""
    for stanza in Packages.iter_paragraphs(stanzas, use_apt_pkg=False):
        for field in ("Depends", "Pre-Depends"):
            relations = PkgRelation.parse_relations(stanza[field]) if field in stanza else ()
            for each in (each for group in relations for each in group):
                if each["name"] in base and _strict(each["version"], updated):
                    yield each["name"]


def _strict(version: tuple[str, str] | None, updated: re.Pattern[str]) -> bool:
    """Whether a relation's version part can fail on a machine that is a point release behind."""
    return version is not None and (version[0] == "=" or bool(updated.search(version[1])))


def _debs(
    downloads: Iterable[Download], stanzas: str, asked: frozenset[str], repositories: Sequence[Repository]
) -> tuple[PackageFile, ...]:
    names = {each.partition("=")[0] for each in asked}
    texts = {stanza["SHA256"]: stanza for stanza in Packages.iter_paragraphs(stanzas, use_apt_pkg=False)}
    found = [(each, texts[each.sha256]) for each in downloads]
    return tuple(sorted(_deb(each, stanza, names, repositories) for each, stanza in found))


def _deb(
    download: Download, stanza: Packages, names: Iterable[str], repositories: Sequence[Repository]
) -> PackageFile:
    known = (each for each in repositories if download.uri.startswith(each.uri))
    origin = max(known, key=lambda each: len(each.uri))  # the first of those that share an address
    return PackageFile(
        name=stanza["Package"],
        version=stanza["Version"],
        architecture=stanza["Architecture"],
        archive=origin.suite,
        path=download.uri.removeprefix(origin.uri),
        size=download.size,
        digest=Digest(download.sha256),
        requested=stanza["Package"] in names,
    )
