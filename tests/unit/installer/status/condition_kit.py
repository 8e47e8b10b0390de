"""A site that is well, and looks at it; each test breaks one thing."""

from collections.abc import Mapping
from dataclasses import replace

from bundler.core.index import App, AppKind, AppRole, Index
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present, Unknown
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.contents import Contents as BundleContents
from bundler.installer.plan.decide import prepare, rough_view
from bundler.installer.site.model import Site
from bundler.installer.status.condition import (
    Condition,
    Contents,
    Disk,
    HelmRelease,
    HostCertificate,
    Pod,
    RegistryStore,
    Unit,
    Workload,
)
from bundler.installer.status.model import Look
from tests.unit.installer.plan import kit

NOW = 1_800_000_000.0
DAY = 86_400.0
SHOP = App("shop", AppKind.HELM, AppRole.APP, "application/apps/shop", namespace="shop")
FILES = {"application/apps/shop/Chart.yaml": 10, "root/lib/libhelm_c.so": 5}
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def bundle() -> Index:
    return kit.index(packages=kit.BALANCED)


def installed(of: Site, index: Index) -> Facts:
    """Facts of the site once every step of an install has succeeded; once for each site and bundle."""
    key = repr((of, index))
    if key not in _INSTALLED:
        _INSTALLED[key] = _install(of, index)
    return _INSTALLED[key]


_INSTALLED: dict[str, Facts] = {}


def _install(of: Site, index: Index) -> Facts:
    found = kit.facts(of)
    for _ in range(10):
        made = kit.plan(of, found, index)
        if made.decision is None or made.decision.stage is None:
            return _asked(of, found)
        found = kit.done_all(made, found)
    raise AssertionError("the install does not end")


def _asked(of: Site, found: Facts) -> Facts:
    """With what a real host says beyond what a step foresees."""
    for host in of.control_planes:
        parts = dict.fromkeys(COMPONENTS)
        seen = found.hosts[host.address].site
        assert seen is not None
        known = {name: seen.components.get(name) or next(iter(seen.components.values())) for name in parts}
        found = kit.changed(found, host.address, components={**seen.components, **known})
    return replace(found, etcd=Present(etcd(of)))


def etcd(of: Site, **changes: Mapping[str, object]) -> EtcdObservation:
    """changes: by `mN`, counted from 1."""
    members = (
        replace(
            Member(f"{number:x}", f"cp{number}", host.address, leader=number == 1, db_size=60 << 20),
            **changes.get(f"m{number}", {}),  # type: ignore[arg-type]  # a test names real fields
        )
        for number, host in enumerate(of.control_planes, 1)
    )
    return EtcdObservation("c", tuple(members))


def contents(**changes: object) -> Contents:
    plain = Contents(
        pods=(Pod("shop", "web-1", "node-10-0-0-3", "Running", 1, 1, instance="shop"),),
        workloads=(
            Workload("Deployment", "shop", "web", 2, 2, "shop/shop"),
            Workload("DaemonSet", "", "cni", 2, 2),
        ),
        releases=(HelmRelease("shop", "shop", "deployed", 3),),
        manifests={"net": ("DaemonSet//cni",)},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def condition(address: str, index: Index, *, control: bool, **changes: object) -> Condition:
    units = {"kubelet": Unit(active=True, seconds=90.0), "containerd": Unit(active=True)}
    store = RegistryStore("200", frozenset(image.digest.hex for image in index.images))
    plain = Condition(
        address=address,
        uptime=DAY,
        units={**units, "bundler-registry": Unit(active=True)} if control else units,
        disks=(Disk("/", "/dev/sda1", "/", 61, 39),),
        certificates=(
            HostCertificate("/etc/kubernetes/pki/apiserver.crt", "kube-apiserver", NOW + 274.5 * DAY),
        ),
        registry=store if control else None,
        contents=contents() if control else None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def look(
    of: Site | None = None,
    *,
    index: Index | None = None,
    found: Facts | None = None,
    conditions: Mapping[str, Mapping[str, object]] | None = None,
    silent: Mapping[str, str] | None = None,
    launch: tuple[str, ...] = ("shop",),
) -> Look:
    """A look at a site that is well. conditions: what differs, by host. silent: hosts without an answer."""
    of, index = of or kit.site(), index or bundle()
    facts = found or installed(of, index)
    unheard = dict(silent or {})
    facts = replace(
        facts,
        hosts={address: each for address, each in facts.hosts.items() if address not in unheard},
        silent={address: Unknown(why) for address, why in unheard.items()},
    )
    operation = Operation(Kind.APPLY, Consents(without=frozenset(unheard)))
    secrets, files = kit.of_site(kit.SECRETS, of), kit.files_of(index)
    prepared = prepare(of, facts, BundleContents(index, files, ()), secrets, operation=operation)
    forecast = decide(prepared.desired, prepared.observed, operation)
    seen = {
        host.address: condition(
            host.address,
            index,
            control=host.is_control_plane,
            **dict((conditions or {}).get(host.address, {})),
        )
        for host in of.hosts
        if host.address not in unheard
    }
    shown = replace(
        index, apps=(*index.apps, SHOP), launch=launch
    )  # the forecast is of the bundle without it
    view = rough_view(of, facts, index, operation)
    return Look(of, shown, facts, view, seen, forecast, NOW, "./shop.run -f site.yaml")


def with_api(found: Facts, **changes: object) -> Facts:
    assert isinstance(found.api, Present)
    return replace(found, api=Present(replace(found.api.value, **changes)))  # type: ignore[arg-type]  # real fields
