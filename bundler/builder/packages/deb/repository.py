"""The flat repository that the site's apt reads: one folder with the packages, `Packages` and `Release`.

The form is Debian's repository format; equal packages give equal bytes. It carries no signature: its
digests stand in the bundle's index, and the installer checks them on arrival.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from debian.arfile import ArError
from debian.deb822 import Packages, PkgRelation
from debian.debfile import DebError, DebFile

from bundler.builder.packages.closure import PackageFile
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite

PACKAGES: Final = "Packages"
# apt wants a date and refuses one in the future; a site's clock may be wrong, so it is the earliest there is.
_DATE = "Thu, 01 Jan 1970 00:00:00 UTC"


def file_name(package: PackageFile) -> str:
    """A package's name in the repository; the epoch is left out, as in Debian's own pool."""
    return f"{package.name}_{package.version.rpartition(':')[2]}_{package.architecture}.deb"


def packages_index(debs: Iterable[tuple[PackageFile, str]]) -> bytes:
    """The `Packages` file over packages, each with what its own control file says.

    That, and not the paragraph of the suite's index, because it comes out of the package alone: a build from
    a lock has no index to look into.
    """
    return "\n".join(_stanza(deb, control) for deb, control in sorted(debs)).encode()


def release(suite: Suite, architecture: str, packages: bytes) -> bytes:
    """The `Release` file over `packages`."""
    digest = hashlib.sha256(packages).hexdigest()
    return f"""\
Origin: bundler
Label: bundler
Suite: {suite.release}
Codename: {suite.release}
Date: {_DATE}
Architectures: {architecture}
Description: what a bundle carries for {suite}
SHA256:
 {digest} {len(packages)} Packages
""".encode()


def control_of(stream: BinaryIO) -> str:
    """The control file of a package. Raises BundlerError (INTEGRITY) for what is no package."""
    try:
        return DebFile(fileobj=stream).control.get_content("control", encoding="utf-8") or ""
    except (ArError, DebError, tarfile.TarError, OSError, KeyError, UnicodeDecodeError) as error:
        raise BundlerError(
            "not a Debian package",
            why=str(error),
            code=ExitCode.INTEGRITY,
            fix="the mirror is damaged; name another one",
        ) from error


def needed_by(index: bytes) -> Mapping[str, tuple[str, ...]]:
    """By package, the packages of a `Packages` file that depend on it, themselves or by what it provides."""
    stanzas = list(Packages.iter_paragraphs(index, use_apt_pkg=False))
    providers: dict[str, set[str]] = {}
    for stanza in stanzas:
        for name in (stanza["Package"], *_related(stanza, "Provides")):
            providers.setdefault(name, set()).add(stanza["Package"])
    needs: dict[str, set[str]] = {}
    for stanza in stanzas:
        for name in (*_related(stanza, "Depends"), *_related(stanza, "Pre-Depends")):
            for provider in providers.get(name, ()):
                needs.setdefault(provider, set()).add(stanza["Package"])
    return {name: tuple(sorted(by - {name})) for name, by in needs.items()}


def _related(stanza: Packages, field: str) -> Iterator[str]:
    if field in stanza:
        for group in PkgRelation.parse_relations(stanza[field]):
            yield from (each["name"] for each in group)


def _stanza(deb: PackageFile, control: str) -> str:
    """The control file and, as the index adds it, where the package lies and what it must be."""
    lines = [
        line
        for line in control.splitlines()
        if line.strip() and not re.match(r"(Filename|Size|MD5sum|SHA\d+):", line)
    ]
    told = (f"Filename: ./{file_name(deb)}", f"Size: {deb.size}", f"SHA256: {deb.digest.hex}")
    return "\n".join([*lines, *told, ""])
