"""Where the distributions of Debian's family keep their packages: all that differs between them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform
from bundler.core.suite import Suite

# Debian's names for our platforms; Ubuntu has them from there.
_ARCHITECTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "linux/amd64": "amd64",
        "linux/arm64": "arm64",
        "linux/arm64/v8": "arm64",
        "linux/arm/v7": "armhf",
        "linux/386": "i386",
        "linux/ppc64le": "ppc64el",
        "linux/riscv64": "riscv64",
        "linux/s390x": "s390x",
    }
)


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of a distribution, as its mirrors carry it.

    name: in options, `--NAME-mirror` and `BUNDLER_NAME_MIRROR`. example: an address of one.
    architectures: those that it has, none for all. keyring: what its indexes are signed with, of the
    Debian package keyring_package. components: those that packages are taken from.
    security: how the address of its security updates ends where a mirror is named, "" where they lie with
    all else.
    updated: what only the version of an update has, after the release.
    """

    name: str
    example: str
    keyring: Path
    keyring_package: str
    components: tuple[str, ...]
    security: str
    updated: re.Pattern[str]
    architectures: frozenset[str] = frozenset()

    @property
    def option(self) -> str:
        """What names a mirror of it on the command line."""
        return f"--{self.name}-mirror"

    @property
    def variable(self) -> str:
        """What names a mirror of it in the environment."""
        return f"BUNDLER_{self.name.replace('-', '_').upper()}_MIRROR"

    def has(self, architecture: str) -> bool:
        """Whether packages of this architecture (Debian's name) are here."""
        return not self.architectures or architecture in self.architectures


_UBUNTU_KEYRING: Final = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
_UBUNTU_UPDATED: Final = re.compile(r"ubuntu\d+\.\d|[~.]\d\d\.(?:04|10)\b")  # 2.35-0ubuntu3.4, 1~22.04.2

# By distribution; of several archives, the first that has the architecture.
ARCHIVES: Final[Mapping[str, tuple[Archive, ...]]] = MappingProxyType(
    {
        "debian": (
            Archive(
                name="debian",
                example="https://HOST/debian",
                keyring=Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
                keyring_package="debian-archive-keyring",
                components=("main",),
                security="-security",
                updated=re.compile(r"[+~]deb\d+u\d+"),
            ),
        ),
        "ubuntu": (
            Archive(
                name="ubuntu",
                example="https://HOST/ubuntu",
                keyring=_UBUNTU_KEYRING,
                keyring_package="ubuntu-keyring",
                components=("main", "universe"),
                security="",
                updated=_UBUNTU_UPDATED,
                architectures=frozenset({"amd64", "i386"}),
            ),
            Archive(
                name="ubuntu-ports",
                example="https://HOST/ubuntu-ports",
                keyring=_UBUNTU_KEYRING,
                keyring_package="ubuntu-keyring",
                components=("main", "universe"),
                security="",
                updated=_UBUNTU_UPDATED,
            ),
        ),
    }
)


def architecture_of(platform: Platform) -> str:
    """Debian's name for a platform (`linux/amd64`). Raises BundlerError (UNSUPPORTED)."""
    if (found := _ARCHITECTURES.get(str(platform))) is None:
        raise BundlerError(
            f"Debian and its relatives have no packages for {platform}",
            code=ExitCode.UNSUPPORTED,
            fix=f"choose one of {', '.join(sorted(_ARCHITECTURES))}",
        )
    return found


def archive_of(suite: Suite, architecture: str) -> Archive:
    """Where a suite's packages of an architecture are."""
    return next(each for each in ARCHIVES[suite.distribution] if each.has(architecture))
