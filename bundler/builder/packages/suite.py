"""Names: `debian:bookworm`, and what Debian calls our platforms."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bundler.core.errors import BundlerError, ExitCode

_CODENAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Debian Policy 5.6.1 and 5.6.12; `=VERSION` pins as apt writes it
_REQUEST = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[0-9][A-Za-z0-9.+:~-]*)?")
_ARCHITECTURES = {
    "linux/amd64": "amd64",
    "linux/arm64": "arm64",
    "linux/arm64/v8": "arm64",
    "linux/arm/v7": "armhf",
    "linux/386": "i386",
    "linux/ppc64le": "ppc64el",
    "linux/riscv64": "riscv64",
    "linux/s390x": "s390x",
}
_KEYRINGS = {"debian": Path("/usr/share/keyrings/debian-archive-keyring.gpg")}


@dataclass(frozen=True, slots=True, order=True)
class Suite:
    """A release of a distribution: `debian:bookworm`."""

    distribution: str
    codename: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read DISTRIBUTION:CODENAME. Raises BundlerError (INPUT, UNSUPPORTED)."""
        distribution, _, codename = text.partition(":")
        if codename and distribution not in _KEYRINGS:
            raise BundlerError(
                f"packages of {distribution!r} are not supported yet",
                code=ExitCode.UNSUPPORTED,
                fix="this version knows debian:CODENAME, such as debian:bookworm",
            )
        if not _CODENAME.fullmatch(codename):
            raise BundlerError(
                f"not a suite of packages: {text!r}",
                code=ExitCode.INPUT,
                fix="write DISTRIBUTION:CODENAME, as in debian:bookworm",
            )
        return cls(distribution, codename)

    def __str__(self) -> str:
        return f"{self.distribution}:{self.codename}"

    @property
    def folder(self) -> str:
        """Its place among the bundle's members: `packages/debian-bookworm`."""
        return f"packages/{self.distribution}-{self.codename}"

    @property
    def keyring(self) -> Path:
        """The keys that its indexes must be signed with."""
        return _KEYRINGS[self.distribution]


def architecture(platform: str) -> str:
    """Debian's name for a platform (`linux/amd64`). Raises BundlerError (UNSUPPORTED)."""
    if (found := _ARCHITECTURES.get(platform)) is None:
        raise BundlerError(
            f"Debian has no packages for {platform}",
            code=ExitCode.UNSUPPORTED,
            fix=f"choose one of {', '.join(sorted(_ARCHITECTURES))}",
        )
    return found


def is_request(text: str) -> bool:
    """Whether it can be asked for: a package's name, or `name=version`."""
    return _REQUEST.fullmatch(text) is not None
