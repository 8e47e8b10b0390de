"""Deciding: from a site, its facts and a bundle to a plan's steps. Pure: no clock, no chance, no network.

The planner (plan/cluster) says what has to happen to which host and why, the producers here by which steps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.index import Index
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import Observed
from bundler.installer.plan.aim import effective, observed_of, outline, whole
from bundler.installer.plan.app_config import app_faults
from bundler.installer.plan.apps import app_steps
from bundler.installer.plan.cluster.decide import decide as ask_planner
from bundler.installer.plan.cluster.decide import refuse
from bundler.installer.plan.cluster.intent import moved_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Refused, Stage
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.contents import Contents, Mix
from bundler.installer.plan.context import Context
from bundler.installer.plan.distribution import Distribution
from bundler.installer.plan.endpoint import endpoint_steps
from bundler.installer.plan.endpoint_left import left_steps
from bundler.installer.plan.expand import expand, mark
from bundler.installer.plan.external import gated
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.labels import label_steps
from bundler.installer.plan.limits import HostLimits
from bundler.installer.plan.mixed import fitted
from bundler.installer.plan.order import arrange
from bundler.installer.plan.overlay import overlaid
from bundler.installer.plan.packages import package_steps
from bundler.installer.plan.placing import change_steps
from bundler.installer.plan.plugin_removal import around_uninstall
from bundler.installer.plan.plugin_steps import check_modules
from bundler.installer.plan.plugins import named, with_shipped, woven
from bundler.installer.plan.preflight import (
    check,
    check_names,
    check_removal,
    warnings,
)
from bundler.installer.plan.refused import RefusedError
from bundler.installer.plan.registry import registry_steps
from bundler.installer.plan.remove import removal_steps
from bundler.installer.plan.runtimes.choose import cluster_steps, runtime_of
from bundler.installer.plan.settings import cluster_settings
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.stale import stale_steps
from bundler.installer.plan.steps import Phase, Plan, Step
from bundler.installer.plan.time_service import time_steps
from bundler.installer.plan.vendor import vendor_rules
from bundler.installer.plan.vip import vip_free, vip_steps
from bundler.installer.site.desired import Desired
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.ranges import hosts as counted

NO_OPERATION = Operation()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is wanted and what was observed, and by which steps it could be reached.

    context: None where it is refused already, so that nobody asks for steps.
    """

    desired: Desired
    observed: Observed
    operation: Operation
    contents: Contents
    recipe: tuple[Step, ...] = ()
    context: Context | None = None

    @property
    def view(self) -> View:
        """What the planner sees."""
        return moved_on(View(self.desired, self.observed, self.operation))


def decide(
    site: Site,
    facts: Facts,
    index: Index,
    secrets: Secrets,
    files: Mapping[str, bytes],
    *,
    platforms: tuple[str, ...] = (),
    mix: Mix | None = None,
    limits: HostLimits | None = None,
) -> Plan:
    """The plan that makes this site what its Clusterfile says.

    files: the contents of the members that `wanted_files(index)` names. platforms: all that the file is
    for, where they are several; mix: what it has for those of them that the hosts have besides. limits: what
    a host needs at least, else as the bundle has it.
    Raises RefusedError with every reason to do nothing, and what `concrete` does.
    """
    prepared = prepare(site, facts, Contents(index, files, platforms, mix=mix or Mix()), secrets)
    decision = ask_planner(prepared.desired, prepared.observed, prepared.operation)
    if isinstance(decision, Refused):
        raise RefusedError(decision, site.name)
    return concrete(prepared, decision, limits=limits)


def prepare(
    site: Site,
    facts: Facts,
    contents: Contents,
    secrets: Secrets,
    *,
    key: str = "",
    operation: Operation = NO_OPERATION,
    others: Mapping[str, Host] | None = None,
) -> Prepared:
    """Everything that deciding needs.

    key: of who signed the bundle. others: hosts beyond the Clusterfile's that were reached.
    Raises BundlerError (INPUT, UNSUPPORTED) for a bundle or a Clusterfile that asks for what can't be done.
    """
    if faults := tuple(app_faults(site, contents.index)):
        raise Problems(faults)
    contents.version  # noqa: B018  (a bundle without Kubernetes is refused before all else)
    contents = overlaid(site, contents)
    site = with_shipped(site, contents)
    check_modules(site, contents.index)
    facts = named(site, facts)
    observed = observed_of(facts)
    rough = outline(site, contents.index, key)
    view = moved_on(View(rough, observed, operation))
    if refuse(view):
        return Prepared(rough, observed, operation, contents)
    silent = silent_architectures(view)
    context = context_of(effective(site, view, others or {}), facts, contents, secrets, silent=silent)
    check_names(context)
    check_runtime(context, operation)
    recipe = producers(context)
    return Prepared(whole(rough, context, recipe), observed, operation, contents, recipe, context)


def check_runtime(context: Context, operation: Operation) -> None:
    """What the bundle's distribution can't do, before a step is made.

    Raises Problems (INPUT) for a bundle or Clusterfile, BundlerError (UNSUPPORTED) for the operation.
    """
    if faults := runtime_of(context.contents).faults(context):
        raise Problems(faults)
    kind, made = operation.kind, context.contents.distribution
    if made is not Distribution.KUBEADM and kind not in {Kind.APPLY, Kind.DELETE}:
        raise BundlerError(
            f"{kind.value} is not for clusters of {made}",
            where=context.site.name,
            why=f"{made} keeps certificates, snapshots and settings by itself",
            fix=f"see docs/clusters.md: what {made} does instead",
            code=ExitCode.UNSUPPORTED,
            id="BND-DISTRIBUTION-CANT",
        )


def concrete(
    prepared: Prepared,
    decision: Decided,
    *,
    limits: HostLimits | None = None,
) -> Plan:
    """The steps of the stage that was decided on, with everything that it shows.

    limits: else the bundle's own. Raises Problems (PREFLIGHT) with everything that is unfit on any host and
    that nobody took upon himself, BundlerError (UNSUPPORTED) for what no step does yet.
    """
    plan = draft(prepared, decision)
    context = _decided(prepared)
    rules = vendor_rules(prepared.contents.files)
    ignored = rules.passed_over(prepared.operation.consents.ignored)
    check(context, plan, limits or rules.limits, ignored)
    return replace(plan, warnings=warnings(context))


def draft(prepared: Prepared, decision: Decided) -> Plan:
    """The same steps before anybody looked whether the hosts can bear them."""
    context = _decided(prepared)
    made = expand(context, prepared.recipe, decision.stage or Stage(()), _roles(prepared.view))
    title = _title(prepared.contents, prepared.desired)
    return replace(arrange(title, made.steps, made.wanted), decision=decision)


def _decided(prepared: Prepared) -> Context:
    if prepared.context is None:
        raise BundlerError("steps were requested before a decision was made", code=ExitCode.BUG)
    return prepared.context


def producers(context: Context) -> tuple[Step, ...]:
    """Every step that an install of this site from nothing takes."""
    runtime = runtime_of(context.contents)
    steps = (
        *runtime.machine(context),
        *package_steps(context),
        *time_steps(context),
        *runtime.containers(context),
        *registry_steps(context),
        *endpoint_steps(context),
        *vip_steps(context),
        *left_steps(context),
        *cluster_steps(context),
        *runtime.network(context),
        *label_steps(context),
        *app_steps(context),
    )
    steps = gated(context, steps)  # where nothing waits for a registry of ours
    trees = frozenset(step.host for step in steps if step.id == ident(Phase.DISTRIBUTE, step.host, "tree"))
    steps = (*steps, *change_steps(context, trees))
    return _behind(vip_free(context), woven(context, (*steps, *stale_steps(steps))))


def context_of(
    site: Site, facts: Facts, contents: Contents, secrets: Secrets, *, silent: Iterable[str] = ()
) -> Context:
    """All that the parts of a plan read. silent: architectures of hosts that stay and do not answer."""
    contents = fitted(contents, facts, site.hosts, silent)
    primary = facts.hosts[site.control_plane.address]
    context = Context(site, facts, contents, secrets, cluster_settings(primary))
    return replace(context, running=_joined(context))


def silent_architectures(view: View) -> tuple[str, ...]:
    """Architectures of hosts that stay and do not answer, as they were when they did."""
    known = view.record.architectures if view.record else {}
    return tuple(known[address] for address in view.silent if address in known and not view.leaving(address))


def _behind(first: tuple[str, ...], steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, none of which begins before those that may still refuse everything."""
    if not first:
        return steps
    return tuple(step if step.after or step.id in first else replace(step, after=first) for step in steps)


def _joined(context: Context) -> bool:
    """Whether the primary has joined a cluster that another control plane began: it never begins one."""
    primary = context.primary
    return Ids(primary.address).member in context.of(primary).stamps


def _title(contents: Contents, site: Desired) -> str:
    index = contents.index
    product = f"{index.name} {index.version} with Kubernetes {contents.version.text}"
    return f"{site.name}: {product} on {counted(len(site.hosts))}"


def _roles(view: View) -> tuple[Host, ...]:
    """Hosts with the roles that they have now, which decide how they leave."""
    return tuple(Host(address, frozenset({view.role(address) or Role.WORKER})) for address in view.addresses)


def decide_removal(
    site: Site,
    facts: Facts,
    index: Index,
    *,
    operation: Operation | None = None,
    contents: Contents | None = None,
    going: frozenset[str] = frozenset(),
) -> Plan:
    """The plan that takes the cluster down and leaves the machines as they were found.

    Every host is marked before the first is cleared, so that a broken-off removal is never taken for a site.
    contents: of the bundle, for its plug-ins. going: other products that somebody agreed to lose with it.
    Raises RefusedError, and Problems (PREFLIGHT) for a host whose cluster is not ours.
    """
    check_removal(facts)
    view = rough_view(site, facts, index, operation or Operation(Kind.DELETE))
    if refused := refuse(view):
        raise RefusedError(refused, site.name)
    check_products(view, going)
    hosts = tuple(host for host in site.hosts if host.address in facts.hosts)
    marks = tuple(mark(host.address) for host in hosts)
    names = tuple(each.id for each in marks)
    steps = tuple(
        replace(step, after=step.after or names) for step in removal_steps(replace(site, hosts=hosts))
    )
    if contents is not None:
        site = with_shipped(site, contents)
        check_modules(site, index)
    steps = around_uninstall(replace(site, hosts=hosts), contents or Contents(index, {}), steps, names)
    return arrange(f"{site.name}: {counted(len(site.hosts))} as before the install", (*marks, *steps))


def check_products(view: View, going: frozenset[str]) -> None:
    """A cluster goes with all that runs on it. Raises BundlerError (REFUSED) where others live there."""
    mine = view.desired.versions.product
    products = view.record.products if view.record else ()
    others = sorted(each.name for each in products if each.name != mine and each.name not in going)
    if others:
        named = " ".join(f"--with {name}" for name in others)
        raise BundlerError(
            f"the cluster serves {', '.join(others)}, too",
            where=view.desired.name,
            why=f"deleting {mine}'s cluster would delete theirs",
            code=ExitCode.REFUSED,
            fix=f"to delete them, too: delete {named}",
            id="BND-OTHER-PRODUCTS",
        )


def rough_view(site: Site, facts: Facts, index: Index, operation: Operation) -> View:
    """What can be said of a site before anybody knows what a bundle wants of its hosts."""
    return moved_on(View(outline(site, index, ""), observed_of(facts), operation))
