"""The flat repository that the site's apt reads: one folder with the packages, `Packages` and `Release`.

The form is Debian's repository format; equal packages give equal bytes. It carries no signature: its
digests stand in the bundle's index, and the installer checks them on arrival.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bundler.builder.packages.suite import Suite
from bundler.core.digest import Digest

# apt wants a date and refuses one in the future; a site's clock may be wrong, so it is the earliest there is.
_DATE = "Thu, 01 Jan 1970 00:00:00 UTC"


@dataclass(frozen=True, slots=True, order=True)
class Deb:
    """One package file of a closure.

    uri: where it is fetched from; size: bytes; stanza: its paragraph in the suite's signed index.
    requested: named by PACKAGE, not pulled in as a dependency.
    """

    name: str
    version: str
    architecture: str
    uri: str
    size: int
    digest: Digest
    stanza: str
    requested: bool

    @property
    def file(self) -> str:
        """Its name in the repository; the epoch is left out, as in Debian's own pool."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"


def packages_index(debs: Iterable[Deb]) -> bytes:
    """The `Packages` file."""
    return "\n".join(_relocated(deb) for deb in sorted(debs)).encode()


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


def _relocated(deb: Deb) -> str:
    """The stanza with the package's place in this repository."""
    lines = [
        line for line in deb.stanza.splitlines() if line and not re.match(r"(Filename|MD5sum|SHA1):", line)
    ]
    return "\n".join([*lines, f"Filename: ./{deb.file}", ""])
