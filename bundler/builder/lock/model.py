"""What a lock holds, plain data: the inputs of one Kubefile, for each platform that it was resolved for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bundler.builder.packages.closure import SuiteIndex
from bundler.core.digest import Digest

FORM = 1  # raised when a lock of the former form would be misread
SUFFIX = ".lock"  # behind the Kubefile's own name


class Pin(Protocol):
    """One input; every kind of pin is one."""

    @property
    def name(self) -> str:
        """What people call it, unique within its kind."""

    @property
    def pinned(self) -> str:
        """What it is pinned to, for a person; two pins that are equal in this give the same bytes."""

    @property
    def why(self) -> tuple[str, ...]:
        """Who asks for it."""


@dataclass(frozen=True, slots=True, order=True)
class KubefilePin:
    """A base that the Kubefile is FROM: a name of the catalogue, a path from the Kubefile's folder, oci://….

    digest: of the Kubefile; of a .run, of its seal's text, which covers all but the signature. manifest: what
    a registry has of it for this platform, "" for what is in none.
    """

    base: str
    digest: Digest
    why: tuple[str, ...] = ()
    manifest: str = ""

    @property
    def name(self) -> str:
        """The base, as it is shown."""
        return self.base

    @property
    def pinned(self) -> str:
        """The digest; and the manifest's where there is one."""
        return f"{self.digest} ({self.manifest})" if self.manifest else str(self.digest)


@dataclass(frozen=True, slots=True, order=True)
class FilePin:
    """A file by its URL; size in bytes."""

    url: str
    digest: Digest
    size: int
    why: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its URL."""
        return self.url

    @property
    def pinned(self) -> str:
        """Its digest."""
        return str(self.digest)


@dataclass(frozen=True, slots=True, order=True)
class ChartPin:
    """A chart from a registry (`manifest`: its digest there) or from a repository (`url`: of the .tgz).

    digest and size are of the .tgz.
    """

    reference: str
    digest: Digest
    size: int
    url: str = ""
    manifest: str = ""
    why: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As APP or Chart.yaml names it."""
        return self.reference

    @property
    def pinned(self) -> str:
        """The digest of the .tgz."""
        return str(self.digest)


@dataclass(frozen=True, slots=True, order=True)
class RangePin:
    """The version that a chart's range of versions came to; range: `REPOSITORY/NAME:RANGE`."""

    range: str
    version: str
    why: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The range."""
        return self.range

    @property
    def pinned(self) -> str:
        """The version."""
        return self.version


@dataclass(frozen=True, slots=True, order=True)
class ImagePin:
    """An image.

    reference: its full name. source: `registry`, or `file` for an archive of the build context. digest: what
    the name led to, mostly an index of several platforms; manifest: the image for this platform. attached:
    signatures and the like that are carried along, each as `TAG DIGEST`, of the artifact under the tag or
    listed under it. signatures: they were asked for, so that there are no others.
    """

    reference: str
    source: str
    digest: Digest
    manifest: Digest
    why: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    signatures: bool = False

    @property
    def name(self) -> str:
        """Its full name."""
        return self.reference

    @property
    def pinned(self) -> str:
        """The digest of what the name led to; of the manifest where that is another; what is attached."""
        manifest = () if self.digest == self.manifest else (f"({self.manifest})",)
        return " ".join((str(self.digest), *manifest, *(f"+ {each}" for each in self.attached)))


@dataclass(frozen=True, slots=True, order=True)
class PackagePin:
    """An OS package file.

    archive and path: which repository it is from (`bookworm-security`) and where in it, on whatever mirror.
    requested: PACKAGE names it.
    """

    suite: str
    package: str
    version: str
    architecture: str
    archive: str
    path: str
    digest: Digest
    size: int
    requested: bool
    why: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Suite and name."""
        return f"{self.suite} {self.package}"

    @property
    def pinned(self) -> str:
        """Version and digest."""
        return f"{self.version} {self.digest}"


@dataclass(frozen=True, slots=True)
class SuitePin:
    """One suite's packages. requested: as PACKAGE has them. indexes: the signed ones they were found in."""

    suite: str
    requested: tuple[str, ...]
    indexes: tuple[SuiteIndex, ...]
    packages: tuple[PackagePin, ...]

    @property
    def name(self) -> str:
        """The suite."""
        return self.suite

    @property
    def pinned(self) -> str:
        """What was asked for."""
        return " ".join(self.requested)

    @property
    def why(self) -> tuple[str, ...]:
        """Who asks stands with the packages."""
        return ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that goes into the bundle of one platform and does not lie in the build context."""

    kubefiles: tuple[KubefilePin, ...] = ()
    files: tuple[FilePin, ...] = ()
    charts: tuple[ChartPin, ...] = ()
    ranges: tuple[RangePin, ...] = ()
    images: tuple[ImagePin, ...] = ()
    suites: tuple[SuitePin, ...] = ()

    def kinds(self) -> tuple[tuple[str, tuple[Pin, ...]], ...]:
        """The pins under what a person calls each kind."""
        return (
            ("base", self.kubefiles),
            ("file", self.files),
            ("chart", self.charts),
            ("chart range", self.ranges),
            ("image", self.images),
            ("PACKAGE", self.suites),
            ("package", tuple(package for suite in self.suites for package in suite.packages)),
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """The inputs by platform (`linux/amd64`)."""

    platforms: Mapping[str, Inputs] = field(default_factory=dict)

    def inputs(self, platform: str) -> Inputs:
        """Those of one platform; none where it was not locked."""
        return self.platforms.get(platform, Inputs())

    def having(self, platform: str, inputs: Inputs) -> "Lock":
        """The same with one platform's inputs replaced."""
        return Lock({**self.platforms, platform: inputs})


def place(kubefile: Path) -> Path:
    """Where the lock of a Kubefile lies: beside it."""
    return kubefile.with_name(kubefile.name + SUFFIX)
