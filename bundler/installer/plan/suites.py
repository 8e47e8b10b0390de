"""Which of a bundle's suites fits a host: by what its os-release says that it is, or that it is like."""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from bundler.core.suite import DISTRIBUTIONS, Family, Suite
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan.context import Context


@dataclass(frozen=True, slots=True)
class Tools:
    """How a family's packages are installed on a host: the script, and the command it needs."""

    script: str
    command: str


TOOLS: Final = MappingProxyType(
    {
        Family.DEB: Tools("packages-apt.sh", "apt-get"),
        Family.RPM: Tools("packages-dnf.sh", "dnf"),
    }
)


def suite_of(context: Context, facts: HostFacts) -> Suite | None:
    """The suite whose packages the host gets; None where the bundle has none that fits."""
    return _chosen(context.contents.on(facts.address).suite_names, *_of(facts))


def own_suite(facts: HostFacts) -> str:
    """What `PACKAGE` calls the host's own suite: `debian:bookworm`, `rocky:9`."""
    own = [suite for suite, _ in _fitting(*_of(facts)) if suite.distribution == facts.os_id]
    return str(own[-1]) if own else f"{facts.os_id}:{facts.os_codename or facts.os_version}"


def _of(facts: HostFacts) -> tuple[str, str, str, tuple[str, ...]]:
    return facts.os_id, facts.os_codename, facts.os_version, facts.os_like


@cache  # thousands of hosts have few systems
def _chosen(
    suites: tuple[str, ...], system: str, codename: str, version: str, like: tuple[str, ...]
) -> Suite | None:
    fitting = _fitting(system, codename, version, like)
    return next((suite for suite, name in fitting if name in suites), None)


@cache
def _fitting(
    system: str, codename: str, version: str, like: tuple[str, ...]
) -> tuple[tuple[Suite, str], ...]:
    """Suites that fit, the best first: of its own distribution, then of what it is like; `9.4`, then `9`."""
    found: list[Suite] = []
    for name in (system, *like):
        if known := DISTRIBUTIONS.get(name):
            releases = _releases(known.family, codename, version)
            found.extend(Suite(name, release) for release in releases if release)
    return tuple((suite, str(suite)) for suite in found)


def _releases(family: Family, codename: str, version: str) -> tuple[str, ...]:
    match family:
        case Family.DEB:
            return (codename,)
        case Family.RPM:
            return tuple(dict.fromkeys((version, version.partition(".")[0])))
