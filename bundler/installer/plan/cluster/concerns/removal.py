"""Taking a site down, also where that was broken off. Hosts are marked before the first is wiped."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.concerns.apps import own_apps, stays, uninstall
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Clean, MarkedForRemoval
from bundler.installer.plan.cluster.steps import Finding, Proposal, Severity, Step, Verb
from bundler.installer.plan.cluster.view import Existence, View


def removal(view: View) -> Iterator[Proposal | Finding]:
    """Only its own apps, where another product lives on the site."""
    deleting = view.operation.kind is Kind.DELETE
    if not deleting and view.existence is not Existence.REMOVING:
        return
    if deleting and view.shared:
        yield from _own_apps(view)
        return
    why = requested("the site is taken down" if deleting else "a `delete` was broken off")
    dirty = [host.address for host in view.answering if host.ours or host.traces.cluster or host.removing]
    marks = tuple(
        step(Verb.MARK_REMOVAL, a, why, MarkedForRemoval(a))
        for a in dirty
        if (host := view.observed.host(a)) and not host.removing
    )
    if marks:
        yield proposal("removal", *marks)
    order = tuple(mark.key for mark in marks)
    workers = tuple(_wipe(a, view, order) for a in dirty if not view.is_control_plane(a))
    behind = (*order, *(each.key for each in workers))
    controls = tuple(_wipe(a, view, behind) for a in dirty if view.is_control_plane(a))
    if workers or controls:
        yield proposal("removal", *workers, *controls)


def _wipe(address: str, view: View, after: tuple[str, ...]) -> Step:
    what = "the site is taken down" if view.operation.kind is Kind.DELETE else "a `delete` was broken off"
    return step(Verb.WIPE, address, requested(what), Clean(address), after=after)


def _own_apps(view: View) -> Iterator[Proposal | Finding]:
    """What came last goes first."""
    after: tuple[str, ...] = ()
    for name in reversed(own_apps(view)) if view.actor else ():
        if why := stays(view, name):
            yield Finding("app-listed", name, f"it stays: {why}", Severity.WARNING)
            continue
        made = uninstall(view, name, "its product is deleted, and the cluster serves others", after)
        yield proposal("removal", made)
        after = (made.key,)
