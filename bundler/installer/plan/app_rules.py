"""What stands against an app bundle on a cluster that we didn't make, and what a person should know. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.host_needs import HostNeeds
from bundler.core.index import App, AppKind, AppRole
from bundler.core.versions import matches
from bundler.installer.plan.app_cluster import ClusterSeen, Release
from bundler.installer.plan.contents import Contents
from bundler.installer.trust.product_version import is_older

RELEASES: Final = frozenset({AppKind.HELM, AppKind.KUBE})  # what Helm keeps revisions of


def check_fit(contents: Contents, seen: ClusterSeen, apps: tuple[App, ...]) -> None:
    """Raises BundlerError (UNSUPPORTED, NOT_FOUND) for a cluster or a bundle that doesn't fit."""
    index = contents.index
    if not apps:
        raise BundlerError(
            "this bundle launches no apps",
            where=index.name,
            code=ExitCode.UNSUPPORTED,
            fix="name them in LAUNCH",
        )
    for text in index.kube_versions:
        if not matches(text, seen.version):
            raise BundlerError(
                f"the cluster has Kubernetes {seen.version}, and the bundle is made for {text}",
                where=index.name,
                code=ExitCode.UNSUPPORTED,
                fix="upgrade the cluster, or get a bundle that is made for it",
            )
    offered = {platform.partition("/")[2] for platform in (contents.platforms or (index.platform,))}
    if lacking := seen.architectures - offered:
        raise BundlerError(
            f"the cluster has nodes of {', '.join(sorted(lacking))}",
            where=index.name,
            why=f"the bundle is for {', '.join(sorted(offered))}",
            code=ExitCode.UNSUPPORTED,
            fix="make it with --platform for these, too",
        )
    _check_apps(contents, seen, apps)


def _check_apps(contents: Contents, seen: ClusterSeen, apps: tuple[App, ...]) -> None:
    commands = [app.name for app in apps if app.kind not in RELEASES]
    if commands and not seen.kubectl:
        raise BundlerError(
            f"{', '.join(commands)} run commands of their own, and there is no kubectl here",
            code=ExitCode.NOT_FOUND,
            fix="put kubectl on the PATH, in the cluster's version",
        )
    for app in apps:
        for member in contents.app_files(app):
            if member.path.endswith(".tmpl"):
                raise BundlerError(
                    "files ending in .tmpl, to be rendered on site, are not supported yet",
                    where=f"app {app.name}: {member.path}",
                    code=ExitCode.UNSUPPORTED,
                    fix="write the file out, or make it a Helm chart with values",
                )


def check_releases(found: Mapping[str, Release | None], version: str, *, downgrade: bool) -> None:
    """See that nothing is overwritten that isn't ours, nor is newer. Raises BundlerError (REFUSED)."""
    for name, release in found.items():
        if release is None:
            continue
        if not release.ours:
            raise BundlerError(
                f"the cluster has a release {name} that no app bundle made",
                where=f"namespace {release.namespace}",
                code=ExitCode.REFUSED,
                fix="uninstall it first; on a site of ours, its own .run upgrades it with --clusterfile",
            )
        if not downgrade and is_older(version, release.bundle_version):
            raise BundlerError(
                f"the cluster has {name} of version {release.bundle_version}, newer than {version}",
                code=ExitCode.REFUSED,
                fix="`rollback` goes back to what was there before; --allow-downgrade installs this one",
            )


def warnings(contents: Contents, seen: ClusterSeen, apps: tuple[App, ...]) -> Iterator[str]:
    """What a cluster that we didn't make must have of itself."""
    index = contents.index
    if packages := sorted({package.name for package in index.packages if package.requested}):
        yield f"the nodes need packages that nobody installs: {', '.join(packages)} (`export packages`)"
    needs = HostNeeds.of(index.labels)
    if needs.modules or needs.sysctls:
        wanted = (*needs.modules, *(f"{key}={value}" for key, value in needs.sysctls))
        yield f"the nodes need these kernel modules and settings, which nobody sets: {', '.join(wanted)}"
    if not seen.classes and all(app.role is not AppRole.CSI for app in apps):
        yield "the cluster has no StorageClass: apps with volumes will wait for one"
    if index.network_plugins:
        yield "the bundle's network plug-in is left out: the cluster has its own"
