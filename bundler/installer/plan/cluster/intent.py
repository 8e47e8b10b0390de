"""The record that a run commits before it acts, and how what was observed moves it on. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from bundler.installer.plan.cluster.concerns.settings import STORES, stored_digest
from bundler.installer.plan.cluster.hops import upgrading
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Left, PieceIs
from bundler.installer.plan.cluster.rolled import IN_CLUSTER, ON_HOSTS, Settings, rolled
from bundler.installer.plan.cluster.rules.identity import is_replaced
from bundler.installer.plan.cluster.steps import Cause
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.desired import DesiredHost
from bundler.installer.site.expected import FileIs
from bundler.installer.site.record import HostState, Product, Record, RecordedHost, Removed


def intend(view: View, run: str, fresh_id: str) -> Record:
    """What this run wants. generation: raised once a run; serial: with every commit.

    fresh_id: the site's id, where it has none yet. A site without a record that runs is taken over as it is.
    """
    old = view.record or Record(site_id=fresh_id, name=view.desired.name, generation=0)
    again = old.run == run
    new = replace(
        old,
        generation=old.generation + (not again),
        serial=old.serial + 1,
        run=run,
        operation=_operation(view, old),
    )
    if leaves_others(view):
        return replace(new, operation="")  # the cluster stays, so its removal must not be finished
    if view.operation.kind is Kind.DELETE or (view.operation.kind is Kind.RENEW and view.record):
        return new  # of the site itself nothing else is wanted than before
    if view.existence is Existence.REMOVING:  # first it is finished, so it stays known
        return replace(new, operation=Kind.DELETE.value)
    hosts = (*(_wanted(view, host) for host in view.desired.hosts), *_unwanted(view))
    new = replace(
        new,
        hosts=hosts,
        products=_products(view, old),
        kept=_kept(view, old),
        architectures=_architectures(view, hosts, old),
    )
    if not view.owner:
        return new
    versions = view.desired.versions
    changed = bool(old.kubernetes) and old.kubernetes != versions.kubernetes
    previous = {**old.previous, **(_previous(old, versions.product) if changed else {})}
    return replace(
        new,
        kubernetes=versions.kubernetes,
        fixed={**view.desired.fixed, **old.fixed},
        settings=view.desired.settings,
        rolled=_rolled(view, old) if changed else rolled(old),
        endpoint=str(view.desired.endpoint),
        previous=previous,
    )


def _architectures(view: View, hosts: Iterable[RecordedHost], old: Record) -> Mapping[str, str]:
    """Where hosts are of several, so that images for one that is silent stay in the registries."""
    seen = {host.address: view.observed.host(host.address) for host in hosts}
    found = {
        address: (host.architecture if host else "") or old.architectures.get(address, "")
        for address, host in seen.items()
    }
    known = {address: architecture for address, architecture in found.items() if architecture}
    return known if len(set(known.values())) > 1 else {}


def _rolled(view: View, old: Record) -> Settings:
    """What an upgrade brings along by itself, such as etcd's image, does not count as a changed setting."""
    by_hand = {*ON_HOSTS, *IN_CLUSTER, "names"}
    before = {part: values for part, values in rolled(old).items() if part in by_hand}
    brought = {part: values for part, values in view.desired.settings.items() if part not in by_hand}
    return {**before, **brought}


def _operation(view: View, old: Record) -> str:
    """A restore is unfinished until its API answers: no empty cluster may be installed in its place."""
    begun = old.operation == Kind.RESTORE.value and view.existence is not Existence.RUNNING
    return old.operation if begun and view.operation.kind is Kind.APPLY else view.operation.kind.value


def _previous(old: Record, product: str) -> Mapping[str, str]:
    """What is wanted again when the site goes back."""
    was = old.product(product)
    return {
        "kubernetes": old.kubernetes,
        "generation": str(old.generation),
        "product": was.version if was else "",
        "settings": json.dumps(old.settings, sort_keys=True, default=dict),
    }


def _wanted(view: View, wanted: DesiredHost) -> RecordedHost:
    """A member stays one; its labels are remembered until the nodes are seen without those that went."""
    address = wanted.address
    recorded, host = view.recorded_host(address), view.observed.host(address)
    machine = host.machine_id if host else (recorded.machine_id if recorded else "")
    if recorded is None:
        role = view.role(address) or wanted.role  # a site that is taken over
        state = HostState.LEAVING if view.changes_role(address) else HostState.JOINING
        return RecordedHost(
            address, machine, view.node_name(address), role, state, labels=wanted.labels, taints=wanted.taints
        )
    state = recorded.state
    if view.changes_role(address):
        state = HostState.LEAVING
    elif is_replaced(view, address) or not _stays(view, address):
        state = HostState.JOINING if state is not HostState.LEAVING else state
    else:
        machine = recorded.machine_id or machine
    return replace(
        recorded,
        state=state,
        machine_id=machine,
        labels={**recorded.labels, **wanted.labels},
        taints=recorded.taints | wanted.taints,
        gone=recorded.gone or (address in view.operation.consents.gone),
    )


def _stays(view: View, address: str) -> bool:
    """A machine that answers and is empty is joining, whatever it was before."""
    host = view.observed.host(address)
    return view.api is None or host is None or host.traces.cluster


def _unwanted(view: View) -> Iterator[RecordedHost]:
    for recorded in view.recorded:
        if view.wanted(recorded.address) is not None:
            continue
        leaving = view.leaving(recorded.address)
        gone = recorded.gone or recorded.address in view.operation.consents.gone
        yield replace(recorded, state=HostState.LEAVING if leaving else recorded.state, gone=gone)


def _products(view: View, old: Record) -> tuple[Product, ...]:
    aim = view.desired.versions
    was = old.product(aim.product)
    here = view.api.releases if view.api else {}
    apps = dict.fromkeys(app.name for app in view.desired.apps)
    apps |= dict.fromkeys(name for name in (was.apps if was else ()) if name in here)
    mine = Product(aim.product, aim.version, view.desired.key or (was.key if was else ""), tuple(apps))
    if was is None:
        return (*old.products, mine)
    return tuple(mine if product.name == aim.product else product for product in old.products)


def _kept(view: View, old: Record) -> Mapping[str, str]:
    """With --keep, what people made of our files is remembered, by host, path and digest."""
    kept = dict(old.kept)
    if not view.operation.consents.keep:
        return kept
    for piece in view.desired.pieces:
        verdict = judge(PieceIs(piece), view.observed, kept)
        drifted = isinstance(verdict, Unsatisfied) and verdict.because.cause is Cause.DRIFTED
        host = view.observed.host(piece.host)
        if drifted and host and isinstance(piece.expected, FileIs) and piece.expected.path in host.files:
            kept[f"{piece.host} {piece.expected.path}"] = host.files[piece.expected.path].digest
    return kept


def advance(view: View, record: Record) -> Record:
    """JOINING to MEMBER, LEAVING to nothing, as observed; serial is not raised where nothing changes."""
    hosts: list[RecordedHost] = []
    removed = list(record.removed)
    for host in record.hosts:
        if host.state is HostState.LEAVING and _has_left(view, host):
            if host.gone:
                removed.append(Removed(host.machine_id, host.node_name, host.address))
        elif host.state is HostState.JOINING and view.api is not None and view.joined(host.address):
            hosts.append(replace(host, state=HostState.MEMBER))
            removed = [each for each in removed if each.machine_id != host.machine_id]
        else:
            hosts.append(host)
    return replace(record, hosts=tuple(hosts), removed=tuple(removed), stored=_stored(view, record))


def moved_on(view: View) -> View:
    """The view with its record as far on as what is observed; a run may have died before it noted that."""
    if view.record is None:
        return view
    record = advance(view, view.record)
    return view if record == view.record else replace(view, known=record)


def _has_left(view: View, host: RecordedHost) -> bool:
    probe = Left(host.address, host.node_name, clean=not host.gone)
    return not isinstance(judge(probe, view.observed), Unsatisfied) and view.api is not None


def _stored(view: View, record: Record) -> Mapping[str, str]:
    """Configuration that the cluster holds as we want it, and what people may change, as first seen.

    An upgrade brings the stored configuration along: what it comes to is noted when the upgrade is done.
    """
    found = view.api.stored if view.api else {}
    if record.operation and upgrading(view):
        return {name: text for name, text in record.stored.items() if name not in STORES}
    ours = {
        name: found[name]
        for name in STORES
        if found.get(name) == stored_digest(name, record.settings)
        or (name in found and name not in record.stored)
    }
    first = {name: text for name, text in found.items() if name not in STORES and name not in record.stored}
    return {**record.stored, **first, **ours}


def leaves_others(view: View) -> bool:
    """Whether a product is deleted while others stay: the cluster is theirs then."""
    return view.operation.kind is Kind.DELETE and view.shared


def settle(view: View, record: Record) -> Record:
    """Nothing is left to do: labels are as wanted, and no operation is open."""
    if leaves_others(view):
        mine = view.desired.versions.product
        return replace(record, products=tuple(each for each in record.products if each.name != mine))
    if view.operation.kind is Kind.RENEW:
        return replace(advance(view, record), operation="")
    hosts = tuple(
        replace(host, labels=wanted.labels, taints=wanted.taints)
        if (wanted := view.wanted(host.address))
        else host
        for host in record.hosts
    )
    settled = replace(record, hosts=hosts, rolled=record.settings if view.owner else record.rolled)
    return replace(advance(view, settled), operation="")
