"""Which way leads back to the version before, and whether it is open. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bundler.installer.plan.cluster.hops import minor, number, running, version_at
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.rolled import by_component
from bundler.installer.plan.cluster.steps import Refusal, Refused
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.record import Product, Record

_DECIDED = "rollback"  # of the record's `previous`: the token of etcd's restore that was begun, or _NO_DATA
_NO_DATA = "none"
_STORES = frozenset({"kubeadm-config", "kubelet-config"})


@dataclass(frozen=True, slots=True)
class Spot:
    """A host and its node."""

    address: str
    node: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """From one version to the one before it. token: of etcd's restore; "" where no data goes back."""

    now: str
    version: str
    control_planes: tuple[Spot, ...]
    workers: tuple[Spot, ...]
    token: str = ""

    @property
    def data(self) -> bool:
        """Whether what was written since is lost."""
        return bool(self.token)

    @property
    def hosts(self) -> tuple[Spot, ...]:
        """All of them, control planes first."""
        return (*self.control_planes, *self.workers)


def find(view: View) -> WayBack | Refused:
    """The way back to the version before the last upgrade; every reason against it."""
    record = view.record
    if record is None or not record.previous.get("kubernetes"):
        return Refused((_nothing(view),))
    version = record.previous["kubernetes"]
    token = _decided(view, record, version)
    refusals = tuple(_against(view, record, version, data=bool(token)))
    if refusals:
        return Refused(refusals)
    left = tuple(Spot(a, view.node_name(a)) for a in _members(view) if _is_left(view, a, version))
    planes = tuple(spot for spot in left if view.is_control_plane(spot.address))
    return WayBack(
        now=record.kubernetes,
        version=version,
        control_planes=planes,
        workers=tuple(spot for spot in left if spot not in planes),
        token=token,
    )


def _decided(view: View, record: Record, version: str) -> str:
    """Token of etcd's restore, "" where no data goes back.

    What a rollback that was broken off has begun with holds: with the old static pods put back and etcd not
    restored yet, the hosts look as if a patch were to go back.
    """
    if record.operation == Kind.ROLLBACK.value and (begun := record.previous.get(_DECIDED, "")):
        return "" if begun == _NO_DATA else begun
    return _token(view, version) if _data(view, version) else ""


def _members(view: View) -> tuple[str, ...]:
    return tuple(host.address for host in view.recorded if not view.gone(host.address))


def _is_left(view: View, address: str, version: str) -> bool:
    host = view.observed.host(address)
    return host is not None and version in host.generations


def _data(view: View, version: str) -> bool:
    """An API server of a lower minor can't read what a higher one wrote."""
    found = running(view).values() if view.api else _by_manifests(view)
    return any(minor(each) > minor(version) for each in found)


def _by_manifests(view: View) -> Iterator[str]:
    """With the API down there are no nodes to ask."""
    for address in view.control_planes:
        if found := version_at(view, address, "kube-apiserver"):
            yield found


def _token(view: View, version: str) -> str:
    digests = (
        host.generations.get(version) for host in view.answering if view.is_control_plane(host.address)
    )
    return f"rollback-{next(filter(None, digests), '')[:16]}"


def _against(view: View, record: Record, version: str, *, data: bool) -> Iterator[Refusal]:
    if not view.owner:
        yield Refusal(
            "BND-NOT-OWNER",
            "another product installed the cluster",
            view.desired.name,
            f"{record.owner} brought Kubernetes {record.kubernetes}",
            f"go back with the .run of {record.owner}",
        )
    if view.existence not in {Existence.RUNNING, Existence.DOWN}:
        yield Refusal(
            "BND-NO-CLUSTER",
            "there is no cluster that could go back",
            view.desired.name,
            f"the site's cluster is {view.existence.value}",
            "{run} plan -f {file} says how the site stands",
        )
        return
    for address in _members(view):
        if address in view.silent:
            yield Refusal(
                "BND-ROLLBACK-SILENT",
                "refused to go back without every host",
                address,
                "it does not answer, and would be left with a newer version than the API has",
                f"get it back, or remove it from the site first: {{run}} --gone {address} -f {{file}}",
            )
    yield from _not_kept(view, version, data=data)


def _not_kept(view: View, version: str, *, data: bool) -> Iterator[Refusal]:
    """A host that is back already keeps nothing any more."""
    digests: dict[str, str] = {}
    for address in _members(view):
        host = view.observed.host(address)
        if host is None:
            continue
        there = version_at(view, address, "kubelet")
        plane = view.is_control_plane(address)
        if version not in host.generations:
            if not there or number(there) != number(version):
                yield _missing(address, version, "what it ran with is not kept there")
        elif plane and data and not host.generations.get(version):
            yield _missing(address, version, "no snapshot of etcd is kept there")
        elif plane and data:
            digests[address] = host.generations[version]
    if len(set(digests.values())) > 1:
        where = ", ".join(f"{a} {digest[:12]}" for a, digest in digests.items())
        yield _missing(where, version, "their snapshots of etcd are not the same one")


def _missing(where: str, version: str, why: str) -> Refusal:
    return Refusal(
        "BND-NO-WAY-BACK",
        f"there is no way back to Kubernetes {version}",
        where,
        f"{why}; two generations are kept, and a host that joined after the upgrade has none",
        "restore a snapshot; or take this host out of the site, go back, and let it join again",
    )


def _nothing(view: View) -> Refusal:
    return Refusal(
        "BND-NO-WAY-BACK",
        "there is nothing to go back to",
        view.desired.name,
        "the record knows of no upgrade, or the site has gone back already",
        "{run} plan -f {file} says how the site stands",
    )


def opened(record: Record, run: str, token: str = "") -> Record:
    """The record while the site goes back: an `apply` would go forward over it, and is refused.

    token: of etcd's restore, "" where no data goes back.
    """
    return replace(
        record,
        previous={**record.previous, _DECIDED: token or _NO_DATA},
        generation=record.generation + 1,
        serial=record.serial + 1,
        run=run,
        operation=Kind.ROLLBACK.value,
    )


def closed(record: Record, product: str) -> Record:
    """The record once the site is back: what was wanted before the upgrade is wanted again."""
    before = record.previous
    settings = json.loads(before["settings"]) if before.get("settings") else record.settings
    return replace(
        record,
        serial=record.serial + 1,
        operation="",
        kubernetes=before["kubernetes"],
        products=tuple(_product(each, product, before.get("product", "")) for each in record.products),
        settings=settings,
        rolled=by_component(settings),
        stored={name: text for name, text in record.stored.items() if name not in _STORES},
        previous={},
    )


def _product(product: Product, name: str, version: str) -> Product:
    return replace(product, version=version) if product.name == name and version else product
