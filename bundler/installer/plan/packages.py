"""OS packages: the part of the bundle's repository that a host lacks, and installing from it alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bundler.core.index import OsPackage
from bundler.core.suite import Suite
from bundler.core.words import counted
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Deliver, Delivery, Exec, Phase, Step
from bundler.installer.plan.suites import TOOLS, suite_of
from bundler.installer.scripts import render as templates
from bundler.installer.scripts.render import Script
from bundler.installer.site.model import Host

_CONTAINERD: Final = frozenset({"containerd", "containerd.io"})


def package_steps(context: Context) -> tuple[Step, ...]:
    """For every host whose suite the bundle has packages for: deliver what it lacks, and install."""
    lots: dict[tuple[str, Suite], _Lot] = {}
    made: list[Step] = []
    for host, facts in context.hosts():
        if (suite := suite_of(context, facts)) is not None:
            key = (context.contents.on(host.address).platform, suite)
            if key not in lots:
                lots[key] = _lot(context, facts, suite)
            made += _one(host, facts, lots[key])
    return tuple(made)


def carries_containerd(packages: Iterable[OsPackage]) -> bool:
    """Whether containerd comes as an OS package: Debian's and Fedora's, or Docker's."""
    return any(package.name in _CONTAINERD for package in packages)


def packages_of(context: Context, facts: HostFacts) -> tuple[OsPackage, ...]:
    """The bundle's packages for a host; none where no suite fits."""
    suite = suite_of(context, facts)
    return () if suite is None else context.contents.on(facts.address).suites[str(suite)]


def packages_first(context: Context, host: Host) -> tuple[str, ...]:
    """What larger deliveries to this host come after: installing takes longest, so its files go first."""
    return (Ids(host.address).package_files,) if _requested(context, context.of(host)) else ()


def _requested(context: Context, facts: HostFacts) -> tuple[str, ...]:
    return tuple(package.name for package in packages_of(context, facts) if package.requested)


@dataclass(frozen=True, slots=True)
class _Lot:
    """What all hosts of one system and platform have in common. files: as one gets them that has nothing."""

    suite: Suite
    packages: tuple[OsPackage, ...]
    names: tuple[str, ...]  # of those that the bundle asks for
    files: tuple[tuple[str, Delivery], ...]  # with the member's path
    script: Script


def _lot(context: Context, facts: HostFacts, suite: Suite) -> _Lot:
    contents, pool = context.contents.on(facts.address), f"{paths.STATE}/{suite.folder}"
    packages = contents.suites[str(suite)]
    files = tuple(
        (
            member.path,
            contents.deliver(member, f"{pool}/{member.path.removeprefix(f'{suite.folder}/')}", 0o644),
        )
        for member in contents.below(suite.folder)
    )
    content = content_digest("".join(f"{package.path} {package.version}\n" for package in packages))
    names = tuple(package.name for package in packages if package.requested)
    script = templates.script(
        TOOLS[suite.known.family].script, pool=pool, names=" ".join(names), inputs=content
    )
    return _Lot(suite, packages, names, files, script)


def _one(host: Host, facts: HostFacts, lot: _Lot) -> tuple[Step, ...]:
    packages, ids = lot.packages, Ids(host.address)
    if not lot.names:
        return ()
    return (
        Deliver(
            id=ids.package_files,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            # Its files follow from what the host has now, so its own stamp could not be compared.
            only_if_needed=True,
            reason=f"{lot.suite} needs {counted(len(packages), 'package')}; "
            f"the host has {_count(packages, facts)} of them",
            files=_files(facts, lot),
        ),
        Exec(
            id=ids.packages,
            host=host.address,
            phase=Phase.HOST,
            reason=f"the bundle asks for {', '.join(lot.names)}",
            after=(ids.package_files, ids.prepare),
            script=lot.script,
            timeout=900.0,
        ),
    )


def _count(packages: tuple[OsPackage, ...], facts: HostFacts) -> int:
    return sum(package.name in facts.packages for package in packages)


def _files(facts: HostFacts, lot: _Lot) -> tuple[Delivery, ...]:
    there = {each.path for each in lot.packages if facts.packages.get(each.name) == each.version}
    return tuple(delivery for path, delivery in lot.files if path not in there)
