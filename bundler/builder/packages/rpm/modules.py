"""Modules of RHEL 8 and 9: of several streams of one thing, the default one counts, as for dnf. Pure.

modules.yaml holds documents `modulemd` (a stream's packages) and `modulemd-defaults` (which stream it is).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.yamlplain import documents


@dataclass(frozen=True, slots=True)
class Modules:
    """Packages of default streams (`taken`) and of all others (`left`): name-epoch:version-release.arch."""

    taken: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()

    @classmethod
    def of(cls, several: Iterable["Modules"]) -> Self:
        """What several repositories say together."""
        each = tuple(several)
        taken = frozenset[str]().union(*(one.taken for one in each))
        return cls(taken, frozenset[str]().union(*(one.left for one in each)) - taken)

    def shadowing(self) -> frozenset[str]:
        """Names that default streams have: no other package of that name counts."""
        return frozenset(each.rsplit("-", 2)[0] for each in self.taken)


def read_modules(text: str) -> Modules:
    """Read modules.yaml. Raises BundlerError (INTEGRITY)."""
    try:
        found = [each for each in documents(text) if isinstance(each, dict)]
        defaults = dict(_defaults(found))
        taken: set[str] = set()
        left: set[str] = set()
        for name, stream, packages in _streams(found):
            (taken if defaults.get(name) == stream else left).update(packages)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise BundlerError(
            "the modules of an rpm repository can't be read",
            where="modules.yaml",
            why=str(error),
            code=ExitCode.INTEGRITY,
            fix="the mirror may be damaged; name another one with baseurl",
        ) from error
    return Modules(frozenset(taken), frozenset(left - taken))


def _defaults(found: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in found:
        if each.get("document") == "modulemd-defaults":
            data: Mapping[str, Any] = each["data"]
            yield data["module"], str(data.get("stream", ""))


def _streams(found: list[dict[str, Any]]) -> Iterator[tuple[str, str, list[str]]]:
    for each in found:
        if each.get("document") == "modulemd":
            data: Mapping[str, Any] = each["data"]
            yield data["name"], str(data["stream"]), data.get("artifacts", {}).get("rpms", [])
