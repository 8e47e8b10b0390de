"""Which of a bundle's suites fits a host: by what its os-release says that it is, or that it is like."""

from collections.abc import Iterator
from dataclasses import dataclass
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
    suites = context.contents.suites
    return next((suite for suite in _fitting(facts) if str(suite) in suites), None)


def own_suite(facts: HostFacts) -> str:
    """What `PACKAGE` calls the host's own suite: `debian:bookworm`, `rocky:9`."""
    own = [suite for suite in _fitting(facts) if suite.distribution == facts.os_id]
    return str(own[-1]) if own else f"{facts.os_id}:{facts.os_codename or facts.os_version}"


def _fitting(facts: HostFacts) -> Iterator[Suite]:
    """Suites that fit, the best first: of its own distribution, then of what it is like; `9.4`, then `9`."""
    for name in (facts.os_id, *facts.os_like):
        known = DISTRIBUTIONS.get(name)
        if known is None:
            continue
        yield from (Suite(name, release) for release in _releases(known.family, facts) if release)


def _releases(family: Family, facts: HostFacts) -> tuple[str, ...]:
    match family:
        case Family.DEB:
            return (facts.os_codename,)
        case Family.RPM:
            return tuple(dict.fromkeys((facts.os_version, facts.os_version.partition(".")[0])))
