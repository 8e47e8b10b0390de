"""Plug-ins among the steps of a plan: which come before what, and what comes behind them. Pure.

What a host or a cluster was prepared by stays out of the plan once that is behind it: `pre-install` where the
cluster runs, `pre-init-host` on a node. The others run once, and again when they are edited.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from bundler.core.errors import Problem, Problems
from bundler.core.index import Index
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.plan.contents import MAX_TEXT, TREE, Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.labels import labels_id
from bundler.installer.plan.plugin_steps import Occasion, chosen, steps_of
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.clusterfile.read import read_plugins
from bundler.installer.site.model import Host, Site
from bundler.installer.site.plugins import Moment, Plugin, PluginType

_BEHIND = frozenset({Phase.HOST, Phase.RUNTIME, Phase.REGISTRY, Phase.CONTROL_PLANE, Phase.WORKERS})


def shipped(index: Index) -> tuple[str, ...]:
    """Members that hold plug-ins of the bundle."""
    return tuple(
        member.path
        for folder in ("plugins", "plugin")
        for member in Contents(index, {}).below(f"{TREE}/{folder}")
        if member.path.endswith((".yaml", ".yml")) and member.size <= MAX_TEXT
    )


def with_shipped(site: Site, contents: Contents) -> Site:
    """The site with the bundle's plug-ins; one of the Clusterfile takes the place of that name.

    Raises Problems with every fault.
    """
    problems: list[Problem] = []
    own = {plugin.name for plugin in site.plugins}
    for path in shipped(contents.index):
        try:
            found = read_plugins(contents.files.get(path, b""), path.removeprefix(f"{TREE}/"))
        except Problems as error:
            problems += error.problems
            continue
        fresh = tuple(plugin for plugin in found.plugins if plugin.name not in own)
        own |= {plugin.name for plugin in fresh}
        site = replace(found.marked(site), plugins=(*site.plugins, *fresh))
    if problems:
        raise Problems(tuple(problems))
    return site


def named(site: Site, facts: Facts) -> Facts:
    """Hosts with the names that they are about to get. A node keeps the name that it joined with."""
    names = {address: name for plugin in site.plugins for address, name in plugin.hostnames.items()}
    if not names:
        return facts
    hosts = {
        address: _renamed(host, names[address]) if address in names and not host.kubelet_config else host
        for address, host in facts.hosts.items()
    }
    return replace(facts, hosts=hosts)


def _renamed(host: HostFacts, name: str) -> HostFacts:
    return replace(host, hostname=name, site=replace(host.site, node_name=name) if host.site else None)


def woven(context: Context, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps with the plug-ins among them, and apps behind the labels of their nodes."""
    first, before = _before(context)
    late, ends = _after(context)
    steps = tuple(_behind(step, before) for step in steps)
    labels = labels_id(context.primary.address)
    ends = (*ends, *((labels,) if any(step.id == labels for step in steps) else ()))
    return (*first, *apps_behind(steps, ends), *late)


def apps_behind(steps: Iterable[Step], names: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps, apps after these."""
    if not names:
        return tuple(steps)
    return tuple(
        replace(step, after=(*step.after, *names)) if step.phase is Phase.APPS else step for step in steps
    )


def _before(context: Context) -> tuple[tuple[Step, ...], Mapping[str, tuple[str, ...]]]:
    """Names of hosts, pre-install, pre-init-host; and by host, what all its other steps come after."""
    made: list[Step] = [*_names(context)]
    ends = {host.address: list[str]() for host in context.site.hosts}
    for step in made:
        ends[step.host].append(step.id)
    gates: list[str] = []
    if not context.of(context.primary).admin_config:
        after: tuple[str, ...] = (Ids(context.primary.address).prepare,)
        for plugin, host in _of(context, Moment.PRE_INSTALL):
            made += _steps(context, plugin, host, Moment.PRE_INSTALL, Phase.HOST, (*after, *gates))
            gates.append(made[-1].id)
    for names in ends.values():
        names.extend(gates)
    for plugin, host in _of(context, Moment.PRE_INIT_HOST):
        if not context.of(host).kubelet_config:
            after = (Ids(host.address).prepare, *ends[host.address])
            made += _steps(context, plugin, host, Moment.PRE_INIT_HOST, Phase.HOST, after)
            ends[host.address].append(made[-1].id)
    return tuple(made), {address: tuple(names) for address, names in ends.items() if names}


def _behind(step: Step, before: Mapping[str, tuple[str, ...]]) -> Step:
    """Everything that changes a host but its first preparation comes after its plug-ins."""
    names = before.get(step.host, ())
    if not names or step.phase not in _BEHIND:
        return step
    if step.id == Ids(step.host).prepare:
        names = tuple(name for name in names if name == _hostname(step.host))
    return replace(step, after=(*step.after, *names)) if names else step


def _after(context: Context) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """post-init-host and post-install; and what apps come after."""
    made: list[Step] = []
    each: list[str] = []
    last: dict[str, tuple[str, ...]] = {}
    for plugin, host in _of(context, Moment.POST_INIT_HOST):
        after = last.get(host.address) or _joined(context, host)
        made += _steps(context, plugin, host, Moment.POST_INIT_HOST, Phase.NETWORK, after)
        last[host.address] = (made[-1].id,)
        each.append(made[-1].id)
    ends = tuple(each)
    before = (Ids(context.primary.address).ready, *ends)
    for plugin, host in _of(context, Moment.POST_INSTALL):
        made += _steps(context, plugin, host, Moment.POST_INSTALL, Phase.NETWORK, before)
        before = (*before, made[-1].id)
        ends = (*ends, made[-1].id)
    return tuple(made), ends


def _joined(context: Context, host: Host) -> tuple[str, ...]:
    ids = Ids(host.address)
    if host == context.primary:
        return context.begun
    return (ids.settled,) if host.is_control_plane else (ids.join,)


def _names(context: Context) -> Iterator[Step]:
    """Before anything else, each host that is no node yet gets its name."""
    for plugin in context.site.plugins:
        for host in context.site.hosts:
            name = plugin.hostnames.get(host.address)
            if plugin.type is PluginType.HOSTNAME and name and not context.of(host).kubelet_config:
                yield Exec(
                    id=_hostname(host.address),
                    host=host.address,
                    phase=Phase.HOST,
                    reason=f"the plug-in {plugin.name} names the host {name}",
                    script=templates.script("hostname.sh", name=name),
                )


def _hostname(host: str) -> str:
    return ident(Phase.HOST, host, "hostname")


def _of(context: Context, moment: Moment) -> Iterator[tuple[Plugin, Host]]:
    for plugin in context.site.plugins:
        if moment in plugin.moments:
            yield from ((plugin, host) for host in chosen(context.site, plugin, moment, context.primary))


def _steps(
    context: Context,
    plugin: Plugin,
    host: Host,
    moment: Moment,
    phase: Phase,
    after: tuple[str, ...],
    *,
    around: bool = False,
) -> tuple[Step, ...]:
    at = Occasion(context.site, context.contents.on(host.address), host, moment, phase, after, around=around)
    return steps_of(plugin, at)


def moment_steps(
    context: Context, moment: Moment, after: tuple[str, ...], hosts: Collection[str] | None = None
) -> tuple[Step, ...]:
    """All plug-ins of a moment that comes with something else, one behind the other on each host.

    hosts: addresses to which this is confined; None for the first control plane or the scope's.
    """
    made: list[Step] = []
    last: dict[str, tuple[str, ...]] = {}
    for plugin, host in _of(context, moment):
        if hosts is None or host.address in hosts:
            behind = last.get(host.address, after)
            made += _steps(context, plugin, host, moment, Phase.NETWORK, behind, around=True)
            last[host.address] = (made[-1].id,)
    return tuple(made)
