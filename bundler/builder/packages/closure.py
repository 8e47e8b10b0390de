"""What resolving a suite's packages comes to, and how it is kept: in the cache, and in a lock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bundler.builder.packages.apt import Repository
from bundler.builder.packages.repository import Deb
from bundler.core.digest import Digest


@dataclass(frozen=True, slots=True, order=True)
class SuiteIndex:
    """A signed InRelease that a closure was found in: of `bookworm-security`, say."""

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
    debs: tuple[Deb, ...]
    bases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What `record` gave."""
        return cls(
            requested=tuple(record["requested"]),
            indexes=tuple(SuiteIndex(suite, Digest(digest)) for suite, digest in record["indexes"]),
            debs=tuple(Deb(**{**deb, "digest": Digest(deb["digest"])}) for deb in record["debs"]),
            bases=record["bases"],
        )

    def record(self) -> dict[str, Any]:
        """Plain data for the cache."""
        return {
            "requested": self.requested,
            "indexes": [(each.suite, each.digest.hex) for each in self.indexes],
            "debs": [{**asdict(deb), "digest": deb.digest.hex} for deb in self.debs],
            "bases": dict(self.bases),
        }


def bases(repositories: Sequence[Repository]) -> dict[str, str]:
    """Where the packages of each archive lie."""
    return {each.suite: each.uri for each in repositories}


def from_json(text: bytes) -> tuple[float, Closure]:
    """What `to_json` gave."""
    record = json.loads(text)
    return record["solved"], Closure.from_record(record)


def to_json(closure: Closure, solved: float) -> bytes:
    """For the cache; solved: when it was found, in seconds since the epoch."""
    return json.dumps({"solved": solved, **closure.record()}).encode()
