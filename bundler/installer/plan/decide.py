"""Deciding: from a site, its facts and a bundle to a plan's steps. Pure: no clock, no chance, no network."""

from collections.abc import Mapping

from bundler.core.index import Index
from bundler.installer.facts.model import Facts
from bundler.installer.plan.apps import app_steps
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.control_plane import control_plane_steps
from bundler.installer.plan.endpoint import endpoint_steps
from bundler.installer.plan.host import host_steps
from bundler.installer.plan.join import worker_steps
from bundler.installer.plan.network import network_steps
from bundler.installer.plan.order import arrange
from bundler.installer.plan.packages import package_steps
from bundler.installer.plan.preflight import DEFAULT_LIMITS, Limits, check, check_removal
from bundler.installer.plan.registry import registry_steps
from bundler.installer.plan.remove import removal_steps
from bundler.installer.plan.runtime import runtime_steps
from bundler.installer.plan.settings import cluster_settings
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.steps import Plan
from bundler.installer.site.model import Site


def decide(
    site: Site,
    facts: Facts,
    index: Index,
    secrets: Secrets,
    files: Mapping[str, bytes],
    *,
    platforms: tuple[str, ...] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Plan:
    """The plan that makes this site what its Clusterfile says.

    files: the contents of the members that `wanted_files(index)` names. platforms: all that the file is
    for, where they are several. limits: what a host needs at least.
    Raises Problems (PREFLIGHT) with everything that is unfit on any host, BundlerError (INPUT, UNSUPPORTED)
    for a bundle or a Clusterfile that asks for what can't be done.
    """
    contents = Contents(index, files, platforms)
    context = Context(site, facts, contents, secrets, cluster_settings(facts))
    steps = (
        *host_steps(context),
        *package_steps(context),
        *runtime_steps(context),
        *registry_steps(context),
        *endpoint_steps(context),
        *control_plane_steps(context),
        *worker_steps(context),
        *network_steps(context),
        *app_steps(context),
    )
    title = f"{index.name} {index.version}: Kubernetes {contents.version.text} on {len(site.hosts)} hosts"
    plan = arrange(title, steps, facts)
    check(context, plan, limits)
    return plan


def decide_removal(site: Site, facts: Facts, index: Index) -> Plan:
    """The plan that takes the cluster down and leaves the machines as they were found.

    Raises Problems (PREFLIGHT) for a host whose cluster is not ours.
    """
    check_removal(facts)
    title = f"{index.name}: {len(site.hosts)} hosts as they were before"
    return arrange(title, removal_steps(site), facts)
