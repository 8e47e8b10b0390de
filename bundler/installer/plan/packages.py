"""OS packages: the part of the bundle's repository that a host lacks, and installing from it alone."""

from collections.abc import Iterable
from typing import Final

from bundler.core.index import OsPackage
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Deliver, Delivery, Exec, Phase, Step
from bundler.installer.plan.suites import TOOLS, suite_of
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_CONTAINERD: Final = frozenset({"containerd", "containerd.io"})


def package_steps(context: Context) -> tuple[Step, ...]:
    """For every host whose suite the bundle has packages for: deliver what it lacks, and install."""
    return tuple(step for host, facts in context.hosts() for step in _one(context, host, facts))


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


def _one(context: Context, host: Host, facts: HostFacts) -> tuple[Step, ...]:
    names = _requested(context, facts)
    suite = suite_of(context, facts)
    if suite is None or not names:
        return ()
    packages = packages_of(context, facts)
    ids = Ids(host.address)
    pool = f"{paths.STATE}/{suite.folder}"
    content = content_digest("".join(f"{package.path} {package.version}\n" for package in packages))
    return (
        Deliver(
            id=ids.package_files,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            # Its files follow from what the host has now, so its own stamp could not be compared.
            only_if_needed=True,
            reason=f"{suite} needs {len(packages)} packages; the host has {_count(packages, facts)} of them",
            files=_files(context, suite.folder, pool, facts, packages),
        ),
        Exec(
            id=ids.packages,
            host=host.address,
            phase=Phase.HOST,
            reason=f"the bundle asks for {', '.join(names)}",
            after=(ids.package_files, ids.prepare),
            script=templates.script(
                TOOLS[suite.known.family].script, pool=pool, names=" ".join(names), inputs=content
            ),
            timeout=900.0,
        ),
    )


def _count(packages: tuple[OsPackage, ...], facts: HostFacts) -> int:
    return sum(package.name in facts.packages for package in packages)


def _files(
    context: Context, folder: str, pool: str, facts: HostFacts, packages: tuple[OsPackage, ...]
) -> tuple[Delivery, ...]:
    there = {package.path for package in packages if facts.packages.get(package.name) == package.version}
    contents = context.contents.on(facts.address)
    return tuple(
        contents.deliver(member, f"{pool}/{member.path.removeprefix(f'{folder}/')}", 0o644)
        for member in contents.below(folder)
        if member.path not in there
    )
