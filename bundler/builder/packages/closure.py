"""What resolving a suite's packages comes to, and how it is kept: in the cache, and in a lock."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bundler.core.digest import Digest


@dataclass(frozen=True, slots=True, order=True)
class PackageFile:
    """One package file of a closure.

    archive: the repository it is from (`bookworm-security`, `baseos`); path: its place there (`pool/main/…`),
    on whatever mirror. size: bytes. requested: named by PACKAGE, not pulled in as a dependency.
    """

    name: str
    version: str
    architecture: str
    archive: str
    path: str
    size: int
    digest: Digest
    requested: bool = False


@dataclass(frozen=True, slots=True, order=True)
class SuiteIndex:
    """What authenticated the indexes of one archive: the InRelease of `bookworm-security`, a repomd.xml."""

    suite: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Closure:
    """All packages of one suite that a bundle needs.

    requested: what was asked for, `name` or `name=version`, sorted. bases: by archive, the address that its
    packages' paths are relative to; empty where no mirror was asked yet.
    """

    requested: tuple[str, ...]
    indexes: tuple[SuiteIndex, ...]
    packages: tuple[PackageFile, ...]
    bases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What `record` gave."""
        return cls(
            requested=tuple(record["requested"]),
            indexes=tuple(SuiteIndex(suite, Digest(digest)) for suite, digest in record["indexes"]),
            packages=tuple(
                PackageFile(**{**each, "digest": Digest(each["digest"])}) for each in record["packages"]
            ),
            bases=record["bases"],
        )

    def record(self) -> dict[str, Any]:
        """Plain data for the cache."""
        return {
            "requested": self.requested,
            "indexes": [(each.suite, each.digest.hex) for each in self.indexes],
            "packages": [{**asdict(each), "digest": each.digest.hex} for each in self.packages],
            "bases": dict(self.bases),
        }


def from_json(text: bytes) -> tuple[float, Closure]:
    """What `to_json` gave."""
    record = json.loads(text)
    return record["solved"], Closure.from_record(record)


def to_json(closure: Closure, solved: float) -> bytes:
    """For the cache; solved: when it was found, in seconds since the epoch."""
    return json.dumps({"solved": solved, **closure.record()}).encode()
