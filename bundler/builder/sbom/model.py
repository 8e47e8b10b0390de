"""What a scan finds, as plain data: packages, and what says something about them.

A fact belongs to the path it was read from; what of that is no Unicode text stands in it as surrogates.
Whether it is still there in an image is decided later (`merge`), when all layers are known.
"""

from dataclasses import dataclass
from enum import StrEnum

CYCLONEDX, SPDX, PROVENANCE = "sbom/bom.cdx.json", "sbom/bom.spdx.json", "sbom/provenance.json"

FORM = 3  # raised when a scan of the same bytes, or a bill of the same scans, would be another one

DOC = "usr/share/doc/"


def readable(text: str) -> str:
    """Text that may hold lone surrogates, from a path or a JSON escape, as text that can be written."""
    return text if text.isascii() else text.encode(errors="replace").decode()


class Kind(StrEnum):
    """What sort of package; the value is its type in a package URL."""

    DEB = "deb"
    APK = "apk"
    RPM = "rpm"
    PYPI = "pypi"
    NPM = "npm"
    GO = "golang"
    CARGO = "cargo"
    MAVEN = "maven"
    GENERIC = "generic"  # of no package manager


OF_THE_SYSTEM = frozenset({Kind.DEB, Kind.APK, Kind.RPM})  # their URLs name the distribution


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One installed package.

    namespace: npm's scope, Maven's group; "" where there is none. licences: as they are stated, SPDX or not.
    source: the source package, where it has another name. distro: `debian-12`, of system packages.
    """

    kind: Kind
    name: str
    version: str
    namespace: str = ""
    architecture: str = ""
    licences: tuple[str, ...] = ()
    source: str = ""
    distro: str = ""


@dataclass(frozen=True, slots=True)
class Packages:
    """A package database, manifest or program, and the packages it names."""

    path: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """An os-release file; `name`: its ID, `version`: its VERSION_ID, "" where it has none."""

    path: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Copyright:
    """The licences that a Debian package's copyright file states, `path` in usr/share/doc/PACKAGE."""

    path: str
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocLink:
    """usr/share/doc/PACKAGE is a link: the copyright file is another package's, `target`."""

    path: str
    target: str


Fact = Packages | Release | Copyright | DocLink


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be read, so that the list may lack packages; `why` is for people."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Finds:
    """What a scan brought: facts and gaps, in the order of their paths."""

    facts: tuple[Fact, ...]
    gaps: tuple[Gap, ...] = ()
