"""Plug-ins around the removal of hosts: before anything stops, and once all is as it was found. Pure.

And behind a rollback, which comes with no install either.
"""

from collections.abc import Collection
from dataclasses import replace

from bundler.installer.plan.contents import Contents
from bundler.installer.plan.ids import ident
from bundler.installer.plan.plugin_steps import Occasion, chosen, steps_of
from bundler.installer.plan.steps import Phase, Step
from bundler.installer.site.model import Host, Site
from bundler.installer.site.plugins import Moment


def around_clean(
    site: Site,
    contents: Contents,
    steps: tuple[Step, ...],
    hosts: Collection[str],
    after: tuple[str, ...] = (),
) -> tuple[Step, ...]:
    """The steps that clear these hosts, each between its own plug-ins.

    after: what comes before the first plug-in, where nothing else does.
    """
    by_id = {step.id: step for step in steps}
    for host in site.hosts:
        stop, restore, forget = (_id(host, what) for what in ("stop", "restore", "forget"))
        if host.address not in hosts or stop not in by_id:
            continue
        before = _at(site, contents, Moment.PRE_CLEAN_HOST, host, by_id[stop].after or after)
        behind = _at(site, contents, Moment.POST_CLEAN_HOST, host, (restore,))
        _insert(by_id, before, stop)
        _insert(by_id, behind, forget)
    return tuple(by_id.values())


def around_uninstall(
    site: Site, contents: Contents, steps: tuple[Step, ...], after: tuple[str, ...]
) -> tuple[Step, ...]:
    """The steps that take a site down: plug-ins before all of them, and once every host is restored."""
    primary = site.control_plane
    first = _of(site, contents, Moment.PRE_UNINSTALL, primary, after)
    ends = tuple(step.id for step in first) or after
    steps = around_clean(site, contents, steps, {host.address for host in site.hosts}, ends)
    by_id = {step.id: step for step in steps}
    if first:
        for step in steps:
            if step.phase is Phase.REMOVE and (not step.after or step.id.endswith("/stop")):
                by_id[step.id] = replace(step, after=(*step.after, first[-1].id))
    restored = tuple(_id(host, "restore") for host in site.hosts if _id(host, "restore") in by_id)
    last = _of(site, contents, Moment.POST_UNINSTALL, primary, restored)
    _insert(by_id, last, _id(primary, "forget"))
    return (*first, *by_id.values())


def behind_rollback(
    site: Site, contents: Contents, steps: tuple[Step, ...], hosts: Collection[str]
) -> tuple[Step, ...]:
    """The steps by which a site goes back, then the plug-ins of that moment.

    hosts: those that go back. A host's own plug-ins run one behind the other.
    """
    waited = {name for step in steps for name in step.after}
    ends = tuple(step.id for step in steps if step.id not in waited)
    made: list[Step] = []
    last: dict[str, tuple[str, ...]] = {}
    for plugin in site.plugins:
        if Moment.ROLLBACK not in plugin.moments:
            continue
        for host in chosen(site, plugin, Moment.ROLLBACK, site.control_plane):
            if host.address not in hosts:
                continue
            after = last.get(host.address, ends)
            at = Occasion(
                site, contents.on(host.address), host, Moment.ROLLBACK, Phase.NETWORK, after, around=True
            )
            made += steps_of(plugin, at)
            last[host.address] = (made[-1].id,)
    return (*steps, *made)


def _insert(by_id: dict[str, Step], made: tuple[Step, ...], before: str) -> None:
    """Put these in front of a step, if there are any."""
    if not made or before not in by_id:
        return
    step = by_id[before]
    by_id[before] = replace(step, after=(*step.after, made[-1].id))
    by_id.update({each.id: each for each in made})


def _of(
    site: Site, contents: Contents, moment: Moment, primary: Host, after: tuple[str, ...]
) -> tuple[Step, ...]:
    made: list[Step] = []
    for plugin in site.plugins:
        if moment in plugin.moments:
            for host in chosen(site, plugin, moment, primary):
                at = Occasion(site, contents.on(host.address), host, moment, Phase.REMOVE, after, around=True)
                made += steps_of(plugin, at)
                after = (*after, made[-1].id)
    return tuple(made)


def _at(
    site: Site, contents: Contents, moment: Moment, host: Host, after: tuple[str, ...]
) -> tuple[Step, ...]:
    made: list[Step] = []
    for plugin in site.plugins:
        if moment in plugin.moments and host in chosen(site, plugin, moment, host):
            at = Occasion(site, contents.on(host.address), host, moment, Phase.REMOVE, after, around=True)
            made += steps_of(plugin, at)
            after = (made[-1].id,)
    return tuple(made)


def _id(host: Host, what: str) -> str:
    return ident(Phase.REMOVE, host.address, what)
