"""Deciding: from a site, its facts and a bundle to a plan's steps. Pure: no clock, no chance, no network."""

from collections.abc import Mapping
from dataclasses import replace

from bundler.core.errors import Problems
from bundler.core.index import Index
from bundler.installer.facts.model import Facts
from bundler.installer.plan.app_config import app_faults
from bundler.installer.plan.apps import app_steps
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.control_plane import control_plane_steps
from bundler.installer.plan.endpoint import endpoint_steps
from bundler.installer.plan.host import host_steps
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.join import worker_steps
from bundler.installer.plan.labels import label_steps
from bundler.installer.plan.network import network_steps
from bundler.installer.plan.order import arrange
from bundler.installer.plan.packages import package_steps
from bundler.installer.plan.preflight import (
    DEFAULT_LIMITS,
    Limits,
    check,
    check_names,
    check_removal,
    warnings,
)
from bundler.installer.plan.registry import registry_steps
from bundler.installer.plan.remove import removal_steps
from bundler.installer.plan.runtime import runtime_steps
from bundler.installer.plan.settings import cluster_settings
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.stale import stale_steps
from bundler.installer.plan.steps import Plan, Step
from bundler.installer.plan.time_service import time_steps
from bundler.installer.plan.vip import vip_free, vip_steps
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import hosts


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
    if faults := tuple(app_faults(site, index)):
        raise Problems(faults)
    contents = Contents(index, files, platforms)
    context = context_of(site, facts, contents, secrets)
    check_names(context)
    steps = (
        *host_steps(context),
        *package_steps(context),
        *time_steps(context),
        *runtime_steps(context),
        *registry_steps(context),
        *endpoint_steps(context),
        *vip_steps(context),
        *control_plane_steps(context),
        *worker_steps(context),
        *network_steps(context),
        *label_steps(context),
        *app_steps(context),
    )
    title = f"{index.name} {index.version}: Kubernetes {contents.version.text} on {hosts(len(site.hosts))}"
    plan = arrange(title, _behind(vip_free(context), (*steps, *stale_steps(steps))), facts)
    check(context, plan, limits)
    return replace(plan, warnings=warnings(context))


def context_of(site: Site, facts: Facts, contents: Contents, secrets: Secrets) -> Context:
    """All that the parts of a plan read."""
    primary = facts.hosts[site.control_plane.address]
    context = Context(site, facts, contents, secrets, cluster_settings(primary))
    return replace(context, running=_joined(context))


def _behind(first: tuple[str, ...], steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, none of which begins before those that may still refuse everything."""
    if not first:
        return steps
    return tuple(step if step.after or step.id in first else replace(step, after=first) for step in steps)


def _joined(context: Context) -> bool:
    """Whether the primary has joined a cluster that another control plane began: it never begins one."""
    primary = context.primary
    return Ids(primary.address).member in context.of(primary).stamps


def decide_removal(site: Site, facts: Facts, index: Index) -> Plan:
    """The plan that takes the cluster down and leaves the machines as they were found.

    Raises Problems (PREFLIGHT) for a host whose cluster is not ours.
    """
    check_removal(facts)
    title = f"{index.name}: {hosts(len(site.hosts))} as before the install"
    return arrange(title, removal_steps(site), facts)
