"""Where a chart comes from: `oci://HOST/PATH/NAME:VERSION` or `chart+https://HOST/PATH/NAME:VERSION`.

The second form is for HTTP chart repositories: the last part is the chart, what stands before it the address
that `helm repo add` is given. VERSION may be a range as Helm has them, `^1.2`, `~1`, `>=1.2 <2`: a lock
settles it.
"""

import re
from dataclasses import dataclass
from typing import NoReturn, Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

OCI = "oci://"
REPOSITORY = "chart+"  # in front of https:// or http://
SCHEMES = (OCI, f"{REPOSITORY}https://", f"{REPOSITORY}http://")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
# Comparisons as Helm's (Masterminds' semver): `^1.2`, `~1`, `1.x`, `>=1.2 <2`, `1 - 2`, `^1 || ^3`, `*`.
_BOUND = r"(?:[~^]|[<>]=?|!?=)?[ ]?v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?"
_RANGE = re.compile(rf"{_BOUND}(?:(?:[ ]-[ ]|,[ ]?|[ ]?\|\|[ ]?|[ ]){_BOUND}){{0,15}}")
_FORM = "write oci://HOST/PATH/NAME:1.2.3 or chart+https://HOST/PATH/NAME:1.2.3"


@dataclass(frozen=True, slots=True)
class ChartReference:
    """One version of one chart, or a range of versions.

    repository: `oci://HOST/PATH` or `https://HOST/PATH`, without a slash at its end.
    digest: of the manifest in the registry, as `sha256:…`, "" where only the version is said.
    """

    repository: str
    name: str
    version: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read either form. Raises BundlerError (INPUT)."""
        if not text.startswith(SCHEMES):
            _refuse(text, "it has no known scheme")
        plain, _, digest = text.removeprefix(REPOSITORY).partition("@sha256:")
        repository, slash, last = plain.rpartition("/")
        name, colon, version = last.partition(":")
        if not slash or "://" not in repository or not repository.partition("://")[2]:
            _refuse(text, "the host is missing")
        if not _NAME.fullmatch(name):
            _refuse(text, f"{name[:80]!r} is not the name of a chart")
        if not colon or not (_VERSION.fullmatch(version) or _RANGE.fullmatch(version)):
            _refuse(
                text, "it doesn't say which version" if not version else f"{version[:80]!r} is no version"
            )
        if digest and not repository.startswith(OCI):
            _refuse(text, "only registries know charts by digest")
        made = cls(repository, name, version, f"sha256:{digest}" if digest else "")
        if made.is_range and digest:
            _refuse(text, "a digest is of one version, not of a range")
        if made.is_oci and not made.is_range:
            made.image()
        return made

    @property
    def is_oci(self) -> bool:
        """Whether it lies in a registry."""
        return self.repository.startswith(OCI)

    @property
    def is_range(self) -> bool:
        """Whether more than one version may do."""
        return _VERSION.fullmatch(self.version) is None

    @property
    def file(self) -> str:
        """The file name that Helm gives it."""
        return f"{self.name}-{self.version}.tgz"

    def image(self) -> Reference:
        """Its name in the registry; `+` can't stand in a tag, Helm writes `_`. Raises BundlerError."""
        tag = self.version.replace("+", "_")
        at = f"@{self.digest}" if self.digest else ""
        return Reference.parse(f"{self.repository.removeprefix(OCI)}/{self.name}:{tag}{at}")

    def __str__(self) -> str:
        scheme = "" if self.is_oci else REPOSITORY
        at = f"@{self.digest}" if self.digest else ""
        return f"{scheme}{self.repository}/{self.name}:{self.version}{at}"


def _refuse(text: str, why: str) -> NoReturn:
    shown = re.sub(r"//[^/@]*@(?!sha256)", "//", text)[:300]
    raise BundlerError(f"not a chart: {shown!r}", why=why, fix=_FORM, code=ExitCode.INPUT)
