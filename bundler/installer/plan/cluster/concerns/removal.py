"""Taking a site down, also where that was broken off. Hosts are marked before the first is wiped."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.make import key, proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Clean, MarkedForRemoval, ReleaseIs
from bundler.installer.plan.cluster.steps import Proposal, Step, Verb
from bundler.installer.plan.cluster.view import Existence, View


def removal(view: View) -> Iterator[Proposal]:
    """Only its own apps, where another product lives on the site."""
    deleting = view.operation.kind is Kind.DELETE
    if not deleting and view.existence is not Existence.REMOVING:
        return
    if deleting and _shared(view):
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


def _shared(view: View) -> bool:
    mine = view.desired.versions.product
    return view.record is not None and any(product.name != mine for product in view.record.products)


def _own_apps(view: View) -> Iterator[Proposal]:
    product = view.record.product(view.desired.versions.product) if view.record else None
    after: tuple[str, ...] = ()
    for name in product.apps if product and view.actor else ():
        if view.api and name in view.api.releases:
            why = requested("its product is deleted; the cluster stays for the others")
            yield proposal(
                "removal", step(Verb.UNINSTALL, view.actor, why, ReleaseIs(name, ""), about=name, after=after)
            )
            after = (key(Verb.UNINSTALL, name),)
