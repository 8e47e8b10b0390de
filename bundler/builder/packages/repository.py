"""The flat repository that the site's apt reads: one folder with the packages, `Packages` and `Release`.

The form is Debian's repository format; equal packages give equal bytes. It carries no signature: its
digests stand in the bundle's index, and the installer checks them on arrival.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from debian.arfile import ArError
from debian.debfile import DebError, DebFile

from bundler.builder.packages.suite import Suite
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

# apt wants a date and refuses one in the future; a site's clock may be wrong, so it is the earliest there is.
_DATE = "Thu, 01 Jan 1970 00:00:00 UTC"


@dataclass(frozen=True, slots=True, order=True)
class Deb:
    """One package file of a closure.

    archive: the repository it is from (`bookworm-security`); path: its place there (`pool/main/…`), on
    whatever mirror. size: bytes. requested: named by PACKAGE, not pulled in as a dependency.
    """

    name: str
    version: str
    architecture: str
    archive: str
    path: str
    size: int
    digest: Digest
    requested: bool = False

    @property
    def file(self) -> str:
        """Its name in the repository; the epoch is left out, as in Debian's own pool."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"


def packages_index(debs: Iterable[tuple[Deb, str]]) -> bytes:
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
Suite: {suite.codename}
Codename: {suite.codename}
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
            fix="the mirror is damaged; name another one with --debian-mirror",
        ) from error


def _stanza(deb: Deb, control: str) -> str:
    """The control file and, as the index adds it, where the package lies and what it must be."""
    lines = [
        line
        for line in control.splitlines()
        if line.strip() and not re.match(r"(Filename|Size|MD5sum|SHA\d+):", line)
    ]
    told = (f"Filename: ./{deb.file}", f"Size: {deb.size}", f"SHA256: {deb.digest.hex}")
    return "\n".join([*lines, *told, ""])
