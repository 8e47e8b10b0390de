"""Distributions and their releases, as `PACKAGE` names them: `debian:bookworm`, `ubuntu:noble`, `rhel:9`.

What all of the product must know of a distribution is one line of the table here. How its packages are found
is the builder's business, how they are installed the installer's; both go by the family alone.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from bundler.core.errors import BundlerError, ExitCode

_RELEASE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")


class Family(StrEnum):
    """The form of a distribution's packages; the value is the type of their purls."""

    DEB = "deb"
    RPM = "rpm"


@dataclass(frozen=True, slots=True)
class Distribution:
    """id: as os-release(5) has it. vendor: the namespace of its purls. example: a release that it has.

    codenames: by version, where releases are named by their codenames: `12` is `bookworm`.
    """

    id: str
    family: Family
    vendor: str
    example: str
    codenames: Mapping[str, str] = field(default_factory=dict)


_TABLE: Final = (
    Distribution(
        "debian", Family.DEB, "debian", "bookworm", {"11": "bullseye", "12": "bookworm", "13": "trixie"}
    ),
    Distribution(
        "ubuntu", Family.DEB, "ubuntu", "noble", {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
    ),
    Distribution("rhel", Family.RPM, "redhat", "9"),
    Distribution("rocky", Family.RPM, "rocky", "9"),
    Distribution("almalinux", Family.RPM, "almalinux", "9"),
    Distribution("centos", Family.RPM, "centos", "9"),  # Stream
    Distribution("ol", Family.RPM, "oracle", "9"),
    Distribution("fedora", Family.RPM, "fedora", "42"),
    Distribution("amzn", Family.RPM, "amazon", "2023"),
)
DISTRIBUTIONS: Final[Mapping[str, Distribution]] = MappingProxyType({each.id: each for each in _TABLE})
_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "redhat": "rhel",
        "rockylinux": "rocky",
        "alma": "almalinux",
        "centos-stream": "centos",
        "stream": "centos",
        "oracle": "ol",
        "oraclelinux": "ol",
        "amazonlinux": "amzn",
        "amazon": "amzn",
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Suite:
    """A release of a distribution. distribution: its id; release: codename (`bookworm`) or version (`9`)."""

    distribution: str
    release: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read DISTRIBUTION:RELEASE. Raises BundlerError: INPUT, UNSUPPORTED for an unknown distribution."""
        name, _, release = text.partition(":")
        known = DISTRIBUTIONS.get(name)
        if known is None and release:
            raise BundlerError(
                f"no packages are known of a distribution {name!r}",
                code=ExitCode.UNSUPPORTED,
                fix=_meant(name),
            )
        if known is None or not _RELEASE.fullmatch(release):
            fix = "write DISTRIBUTION:RELEASE, as in debian:bookworm or rhel:9"
            raise BundlerError(f"not a suite of packages: {text!r}", code=ExitCode.INPUT, fix=fix)
        if known.codenames and release[0].isdigit():
            codename = known.codenames.get(release, known.example)
            fix = f"name the release by its codename, as in {name}:{codename}"
            raise BundlerError(f"not a suite of packages: {text!r}", code=ExitCode.INPUT, fix=fix)
        return cls(name, release)

    def __str__(self) -> str:
        return f"{self.distribution}:{self.release}"

    @property
    def known(self) -> Distribution:
        """What the table says of its distribution."""
        return DISTRIBUTIONS[self.distribution]

    @property
    def folder(self) -> str:
        """Its place among the bundle's members: `packages/debian-bookworm`."""
        return f"packages/{self.distribution}-{self.release}"


def vendor_of(distribution: str) -> str:
    """The namespace of a distribution's purls, by its id; of one that isn't known, the id itself."""
    known = DISTRIBUTIONS.get(distribution)
    return known.vendor if known else distribution


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, DISTRIBUTIONS, 1, 0.6)
    meant = _OTHER_NAMES.get(name) or next(iter(close), "")
    if meant:
        return f"did you mean {meant}:{DISTRIBUTIONS[meant].example}?"
    return f"write one of {', '.join(f'{each.id}:{each.example}' for each in _TABLE)}"
