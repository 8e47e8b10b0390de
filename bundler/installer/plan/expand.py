"""From the planner's stage to the steps that hosts carry out: verbs become the producers' steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.api import Release
from bundler.installer.facts.journal import REMOVING
from bundler.installer.facts.seen import value_of
from bundler.installer.plan.app_delete import delete_steps
from bundler.installer.plan.app_note import uninstall_id
from bundler.installer.plan.cluster.probes import RunsWith
from bundler.installer.plan.cluster.steps import Stage, Verb
from bundler.installer.plan.cluster.steps import Step as Deed
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.distribution import Distribution
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.leave import told
from bundler.installer.plan.pieces import is_cluster
from bundler.installer.plan.plugin_removal import around_clean
from bundler.installer.plan.plugins import apps_behind, moment_steps
from bundler.installer.plan.remove import host_removal
from bundler.installer.plan.renew import renew_control_plane, renew_worker
from bundler.installer.plan.rollout import settings, store_config
from bundler.installer.plan.runtimes.choose import runtime_of
from bundler.installer.plan.runtimes.verbs import Departure
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.plan.time_service import set_clock
from bundler.installer.plan.upgrade import keep_id
from bundler.installer.scripts import render as templates
from bundler.installer.site.labels import same_place
from bundler.installer.site.model import Host, Role
from bundler.installer.site.plugins import Moment

_PIECES = frozenset({Verb.PUT, Verb.CHECK_PULL})
_INITS = frozenset({Verb.INIT, Verb.FINISH_INIT, Verb.UNDO_INIT})  # kubeadm goes on where it was cut
_JOINS = frozenset({Verb.JOIN, Verb.JOIN_CONTROL_PLANE})
_ON_NODES = frozenset({Verb.UNTAINT, Verb.UNCORDON, Verb.LABELS})
_MARKS = (f"{Verb.LABELS.value}-", f"{Verb.UNTAINT.value}-")  # what apps may have to find on nodes
_AWAITS = frozenset({Verb.AWAIT_NODE})


@dataclass(frozen=True, slots=True)
class Expanded:
    """All steps that may be needed, and the ids of those that are."""

    steps: tuple[Step, ...]
    wanted: frozenset[str]


def expand(context: Context, recipe: tuple[Step, ...], stage: Stage, leaving: Iterable[Host]) -> Expanded:
    """leaving: hosts with the roles that they have. Raises BundlerError (UNSUPPORTED) for other verbs."""
    hosts = {host.address: host for host in leaving}
    for deed in stage.verbs(Verb.REMOVE_MEMBER):  # a site without a record knows lost ones by etcd alone
        hosts.setdefault(deed.subject, Host(deed.subject, frozenset({Role.CONTROL_PLANE})))
    of_host: dict[str, list[str]] = {}
    for step in recipe:
        if is_cluster(step):
            of_host.setdefault(step.host, []).append(step.id)
    more: list[Step] = []
    wanted: set[str] = set()
    for deed in stage.steps:
        if deed.verb in _PIECES:
            wanted.add(deed.key)
        elif deed.verb in _INITS:
            wanted.update(of_host.get(deed.host, ()))
        elif deed.verb in _JOINS:
            made = _rejoin(context, deed)
            more += made
            wanted.update(step.id for step in made)
            wanted.update(() if made else of_host.get(deed.host, ()))
        elif deed.verb in _AWAITS:
            wanted.add(Ids(context.primary.address).ready)
        elif deed.verb in _ROLLS:
            more += _ROLLS[deed.verb](context, deed)
        else:
            more += _own(context, deed, hosts)
    recipe = _behind_keeping(recipe, stage)
    recipe, scaled = _scaled(context, recipe, stage)
    more += scaled
    recipe = apps_behind(recipe, tuple(step.id for step in more if step.name.startswith(_MARKS)))
    known = {step.id for step in (*recipe, *more)}
    fitted = tuple(replace(step, after=tuple(a for a in step.after if a in known)) for step in more)
    wanted.update(step.id for step in fitted)
    return Expanded((*recipe, *fitted), frozenset(wanted))


def _scaled(
    context: Context, recipe: tuple[Step, ...], stage: Stage
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Hosts that join a cluster that runs come between the plug-ins of pre-scaleup and post-scaleup."""
    joining = {deed.host for deed in stage.verbs(*_JOINS)}
    if not joining or not context.of(context.primary).admin_config:
        return recipe, ()
    before = moment_steps(context, Moment.PRE_SCALEUP, ())
    names = {name for host in joining for name in (Ids(host).join, Ids(host).member)}
    joins = tuple(step.id for step in recipe if step.id in names)
    settled = tuple(Ids(host).settled for host in joining)
    behind = moment_steps(
        context, Moment.POST_SCALEUP, (*joins, *settled, Ids(context.primary.address).ready)
    )
    if before:
        last = tuple(step.id for step in before)
        recipe = tuple(
            replace(step, after=(*step.after, *last)) if step.id in names else step for step in recipe
        )
    return recipe, (*before, *behind)


def _behind_keeping(recipe: tuple[Step, ...], stage: Stage) -> tuple[Step, ...]:
    """Nothing of a host changes before what it runs with is kept."""
    keeping = {deed.host: keep_id(deed.host) for deed in stage.verbs(Verb.KEEP)}
    return tuple(
        replace(step, after=(*step.after, keeping[step.host])) if step.host in keeping else step
        for step in recipe
    )


def _rejoin(context: Context, deed: Deed) -> tuple[Step, ...]:
    """A node that was deleted behind its kubelet's back enters itself again when the kubelet starts."""
    facts = context.facts.hosts[deed.host]
    if deed.verb is not Verb.JOIN or not facts.kubelet_config or not _by_kubeadm(context):
        return ()
    return (
        Exec(
            id=ident(Phase.WORKERS, deed.host, "enter-again"),
            host=deed.host,
            phase=Phase.WORKERS,
            reason=str(deed.because),
            after=(Ids(deed.host).kubelet, Ids(deed.host).containerd),
            always_run=True,
            script=templates.script("kubelet-restart.sh"),
        ),
    )


def _by_kubeadm(context: Context) -> bool:
    return context.contents.distribution is Distribution.KUBEADM


def _own(  # noqa: PLR0911  (a case for each verb)
    context: Context, deed: Deed, hosts: dict[str, Host]
) -> tuple[Step, ...]:
    """Verbs whose steps are no part of the recipe."""
    gone = hosts.get(deed.subject) or Host(deed.subject, frozenset({Role.WORKER}))
    node = deed.inputs.get("node", "")
    runtime = runtime_of(context.contents)
    match deed.verb:
        case Verb.LEAVE:
            after = told(context) if gone.is_control_plane else ()
            made = runtime.leave(context, gone, Departure(node, delete=_doomed(deed)), after=after)
            return _cleared(context, gone, made)
        case Verb.REMOVE_MEMBER:
            return runtime.leave(context, gone, Departure(context_node(deed, node), gone=True))
        case Verb.DELETE_NODE if gone.is_control_plane:
            return ()  # goes with the member
        case Verb.DELETE_NODE:
            return runtime.leave(context, gone, Departure(node, gone=True))
        case Verb.UNTAINT | Verb.UNCORDON | Verb.LABELS:
            return (_on_node(context, deed),)
        case Verb.PROMOTE:
            return (_promote(context, deed),)
        case Verb.MARK_REMOVAL:
            return (mark(deed.host),)
        case Verb.WIPE:
            return _cleared(context, gone, host_removal(gone, tuple(hosts)))
        case _:
            raise BundlerError(
                f"{deed.verb.value} is not supported yet",
                where=deed.subject,
                why=str(deed.because),
                code=ExitCode.UNSUPPORTED,
            )


def _clock(context: Context, deed: Deed) -> tuple[Step, ...]:
    return (set_clock(context, deed.host, str(deed.because)),)


def _uninstall(context: Context, deed: Deed) -> tuple[Step, ...]:
    """By what the cluster notes of the app."""
    api, host = value_of(context.facts.api), context.primary.address
    release = api.releases[deed.subject] if api else Release(deed.subject, "")
    after = tuple(uninstall_id(host, key.partition("/")[2]) for key in deed.after)
    volumes = deed.inputs.get("volumes") == "go"
    return delete_steps(context, release, str(deed.because), volumes=volumes, after=after)


def _cleared(context: Context, host: Host, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    site = replace(context.site, hosts=(*context.site.hosts, host))
    return around_clean(site, context.contents, steps, {host.address})


def _upgrade(context: Context, deed: Deed) -> tuple[Step, ...]:
    """A control plane's kubelet comes behind its static pods, in the same stage."""
    version, runtime = deed.inputs["version"], runtime_of(context.contents)
    if deed.verb is Verb.KEEP:
        return (runtime.keep(deed.host, version),)
    if deed.verb is Verb.SNAPSHOT:
        return runtime.snapshot(context, version)
    host = context.site.host(deed.subject)
    primary = context.primary.address
    if deed.verb is Verb.UPGRADE_CONTROL_PLANE:
        return runtime.upgrade_control_plane(context, host, version, after=(keep_id(host.address),))
    settled = ident(Phase.CONTROL_PLANE, host.address, "upgrade-settled")
    # What lifts the cordon of an earlier run must not lift that of this one.
    lifted = ident(Phase.NETWORK, primary, f"{Verb.UNCORDON.value}-{deed.subject}")
    behind = (settled, lifted, keep_id(host.address))
    made = runtime.upgrade_node(context, host, version, after=behind, delete=_doomed(deed))
    own = moment_steps(context, Moment.UPGRADE_HOST, (made[-1].id,), {host.address})
    if not _is_last(context, deed, version):
        return (*made, *own)
    return (*made, *own, *moment_steps(context, Moment.UPGRADE, ((*made, *own)[-1].id,)))


def _is_last(context: Context, deed: Deed, version: str) -> bool:
    """Whether every other node has this version."""
    api = value_of(context.facts.api)
    name = node_name(context.facts.hosts[deed.subject])
    return api is not None and all(node.version == version for node in api.nodes if node.name != name)


def _doomed(deed: Deed) -> str:
    """Pods that a drain deletes, in the script's form."""
    return deed.inputs.get("deleted", "").replace(",", "")


def _certificates(context: Context, deed: Deed) -> tuple[Step, ...]:
    """New names come with new certificates, so one of the two is enough where both are needed."""
    host, since = context.site.host(deed.host), deed.inputs["since"]
    if not host.is_control_plane:
        return renew_worker(context, host, since)
    behind = tuple(
        ident(Phase.CONTROL_PLANE, host.address, "renew-done")
        for name in deed.after
        if name.startswith("renew/")
    )
    return renew_control_plane(context, host, since, names=deed.verb is Verb.EXTEND_NAMES, after=behind)


def _settings(context: Context, deed: Deed) -> tuple[Step, ...]:
    probe = deed.probe
    if deed.verb is Verb.STORE_CONFIG:
        return (store_config(context, deed.inputs["name"], deed.inputs["digest"], str(deed.because)),)
    if not isinstance(probe, RunsWith):
        raise BundlerError(f"{deed.key} names no settings", code=ExitCode.BUG)
    host = context.site.host(deed.host)
    return settings(context, host, probe.component, deed.key, probe.digest, str(deed.because), deed.after)


_ROLLS: Final[Mapping[Verb, Callable[[Context, Deed], tuple[Step, ...]]]] = {
    Verb.SET_CLOCK: _clock,
    Verb.UNINSTALL: _uninstall,
    Verb.KEEP: _upgrade,
    Verb.SNAPSHOT: _upgrade,
    Verb.UPGRADE_CONTROL_PLANE: _upgrade,
    Verb.UPGRADE_NODE: _upgrade,
    Verb.RENEW: _certificates,
    Verb.EXTEND_NAMES: _certificates,
    Verb.STORE_CONFIG: _settings,
    Verb.SETTINGS: _settings,
}


def context_node(deed: Deed, node: str) -> str:
    """The node's name: of the step, else of what its probe is about."""
    return node or getattr(deed.probe, "node", "") or deed.subject


def mark(host: str, after: tuple[str, ...] = ()) -> Exec:
    """The host knows that a `delete` has begun, so that no later run takes it for a healthy one."""
    return Exec(
        id=ident(Phase.REMOVE, host, "mark"),
        host=host,
        phase=Phase.REMOVE,
        reason="the host knows that it is being cleared",
        after=after,
        always_run=True,
        script=f"mkdir -p -m 0700 {REMOVING.rpartition('/')[0]} && : >{REMOVING}",
    )


def _on_node(context: Context, deed: Deed) -> Step:
    probe = deed.probe
    labels = {**getattr(probe, "labels", {})}
    gone = getattr(probe, "no_labels", frozenset[str]())
    taints = getattr(probe, "taints", frozenset[str]())
    placed = {same_place(taint) for taint in taints}
    return Exec(
        id=ident(Phase.NETWORK, context.primary.address, f"{deed.verb.value}-{deed.subject}"),
        host=context.primary.address,
        phase=Phase.NETWORK,
        reason=str(deed.because),
        after=(Ids(context.primary.address).init,),
        always_run=True,
        script=templates.script(
            "kubectl.sh",
            "node-set.sh",
            node=str(getattr(probe, "node", "")),
            labels=" ".join(
                [*(f"{key}={value}" for key, value in labels.items()), *(f"{key}-" for key in gone)]
            ),
            taints=" ".join(sorted(taints)),
            no_taints=" ".join(
                f"{taint}-"
                for taint in sorted(getattr(probe, "no_taints", ()))
                if same_place(taint) not in placed  # another value of a taint that stays is put over it
            ),
            uncordon="yes" if getattr(probe, "uncordoned", False) else "",
        ),
    )


def _promote(context: Context, deed: Deed) -> Step:
    return Exec(
        id=ident(Phase.CONTROL_PLANE, context.primary.address, f"promote-{deed.subject}"),
        host=context.primary.address,
        phase=Phase.CONTROL_PLANE,
        reason=str(deed.because),
        always_run=True,
        timeout=180.0,
        script=templates.script("etcd.sh", "etcd-promote.sh", id=str(getattr(deed.probe, "id", ""))),
    )
