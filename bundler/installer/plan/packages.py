"""OS packages: the part of the bundle's repository that a host lacks, and installing from it alone."""

from bundler.core.index import OsPackage
from bundler.installer.facts import HostFacts
from bundler.installer.plan import paths, templates
from bundler.installer.plan.contents import deliver
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids
from bundler.installer.site import Host
from bundler.installer.steps import Deliver, Delivery, Exec, Phase, Step


def package_steps(context: Context) -> tuple[Step, ...]:
    """For every host whose suite the bundle has packages for: deliver what it lacks, and install."""
    return tuple(step for host, facts in context.hosts() for step in _one(context, host, facts))


def suite_of(facts: HostFacts) -> str:
    """The host's suite as `PACKAGE` names it: `debian:bookworm`."""
    return f"{facts.os_id}:{facts.os_codename}"


def packages_first(context: Context, host: Host) -> tuple[str, ...]:
    """What larger deliveries to this host come after: installing takes longest, so its files go first."""
    return (Ids(host.address).package_files,) if _requested(context, context.of(host)) else ()


def _requested(context: Context, facts: HostFacts) -> tuple[str, ...]:
    packages = context.contents.suites.get(suite_of(facts), ())
    return tuple(package.name for package in packages if package.requested)


def _one(context: Context, host: Host, facts: HostFacts) -> tuple[Step, ...]:
    names = _requested(context, facts)
    if not names:
        return ()
    packages = context.contents.suites[suite_of(facts)]
    ids = Ids(host.address)
    folder = suite_of(facts).replace(":", "-")
    pool = f"{paths.PACKAGES}/{folder}"
    content = content_digest("".join(f"{package.path} {package.version}\n" for package in packages))
    return (
        Deliver(
            id=ids.package_files,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            means=True,  # its files follow from what the host has now, so its own stamp could not be compared
            reason=f"{folder} needs {len(packages)} packages; the host has {_count(packages, facts)} of them",
            files=_files(context, f"packages/{folder}", pool, facts, packages),
        ),
        Exec(
            id=ids.packages,
            host=host.address,
            phase=Phase.HOST,
            reason=f"the bundle asks for {', '.join(names)}",
            after=(ids.package_files, ids.prepare),
            script=templates.script("packages.sh", pool=pool, names=" ".join(names), inputs=content),
            timeout=900.0,
        ),
    )


def _count(packages: tuple[OsPackage, ...], facts: HostFacts) -> int:
    return sum(package.name in facts.packages for package in packages)


def _files(
    context: Context, folder: str, pool: str, facts: HostFacts, packages: tuple[OsPackage, ...]
) -> tuple[Delivery, ...]:
    there = {package.path for package in packages if facts.packages.get(package.name) == package.version}
    return tuple(
        deliver(member, f"{pool}/{member.path.removeprefix(f'{folder}/')}", 0o644)
        for member in context.contents.below(folder)
        if member.path not in there
    )
