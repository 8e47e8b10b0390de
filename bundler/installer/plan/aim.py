"""In the planner's words: from site, bundle and steps to `Desired`, from facts to `Observed`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address

from bundler.core.index import Index
from bundler.core.kubernetes_via import via
from bundler.installer.facts.flat import flat
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.facts.observed import HostObservation, Observed, Traces
from bundler.installer.facts.seen import Absent, Present, Seen
from bundler.installer.plan.apps import all_started
from bundler.installer.plan.cluster.rolled import by_component
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.distribution import Distribution
from bundler.installer.plan.endpoint import shared_address
from bundler.installer.plan.kubeadm import cluster_documents, networking
from bundler.installer.plan.pieces import pieces_of
from bundler.installer.plan.steps import Step
from bundler.installer.site.desired import AppAim, Desired, DesiredHost, Endpoint, EndpointKind, Versions
from bundler.installer.site.model import ExternalEndpoint, Host, LocalEndpoint, Role, Site, VirtualEndpoint
from bundler.installer.site.windows import WORKERS, windows


def outline(site: Site, index: Index, key: str) -> Desired:
    """What can be said before any host is known: enough to find out whether it is the right site."""
    hosts = tuple(
        DesiredHost(
            host.address,
            Role.CONTROL_PLANE if host.is_control_plane else Role.WORKER,
            takes_pods=Role.WORKER in host.roles,
            group=host.group or WORKERS,
            labels=host.node_labels,
            taints=host.taints,
            no_taints=host.no_taints,
        )
        for host in site.hosts
    )
    versions = Versions(index.name, index.version, index.kubernetes, (index.kubernetes, *via(index.labels)))
    groups = (host.group for host in hosts if not host.is_control_plane)
    return Desired(
        site.name, hosts, versions, key, endpoint=_endpoint(site), listed_apart=False, prechecked=True,
        time_server=next(iter(site.ntp), ""), deletes=frozenset(site.app_deletes),
        windows=windows(groups, site.unavailable),
    )  # fmt: skip


def _endpoint(site: Site) -> Endpoint:
    match site.endpoint:
        case LocalEndpoint():
            return Endpoint()
        case VirtualEndpoint(address):
            return Endpoint(EndpointKind.VIP, address)
        case ExternalEndpoint(address):
            return Endpoint(EndpointKind.EXTERNAL, address)


def whole(rough: Desired, context: Context, steps: Iterable[Step]) -> Desired:
    """The outline with settings for life, settings that can change, and what has to be on hosts."""
    version = context.contents.version.text
    rough = replace(
        rough,
        versions=replace(rough.versions, kubernetes=version),
        pieces=pieces_of(steps),
        apps=_apps(context),
    )
    if context.contents.distribution is not Distribution.KUBEADM:
        return replace(rough, fixed=networking(context))
    return _with_settings(rough, context)


def _with_settings(rough: Desired, context: Context) -> Desired:
    """What kubeadm's documents say."""
    documents = cluster_documents(context)
    asked = {kind: context.layers.asked(kind) for kind in documents if kind != "InitConfiguration"}
    settings = by_component({kind: dict(flat(document)) for kind, document in asked.items()})
    names = asked["ClusterConfiguration"].get("apiServer", {}).get("certSANs", ())
    kubelet = documents["KubeletConfiguration"]
    return replace(
        rough,
        fixed=networking(context),
        settings=settings,
        names=frozenset(_plain(str(name)) for name in (*names, shared_address(context)) if name),
        fail_cgroup_v1=kubelet.get("failCgroupV1", True) is not False,
    )


def _apps(context: Context) -> tuple[AppAim, ...]:
    """Pieces are their starts; these names tell wanted pieces from unwanted ones."""
    needs = " ".join(context.contents.index.kube_versions)
    return tuple(AppAim(app.name, "", needs, apart=False) for app in all_started(context))


def _plain(name: str) -> str:
    """An address in the form in which certificates are read."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def observed_of(facts: Facts) -> Observed:
    """All that the hosts showed, and the silent ones."""
    hosts: dict[str, Seen[HostObservation]] = {
        address: Present(_observation(host)) for address, host in facts.hosts.items()
    }
    return Observed(hosts={**hosts, **facts.silent}, etcd=facts.etcd, api=facts.api, now=facts.gathered_at)


def _observation(facts: HostFacts) -> HostObservation:
    """Without an answer of its own, what the plain facts say."""
    addresses = frozenset(facts.addresses)
    old = facts.cgroup.value == "v1"
    if facts.site is not None:
        ours = facts.site.ours or (bool(facts.stamps) and not facts.foreign_cluster)
        return replace(
            facts.site,
            addresses=addresses,
            cgroup_v1=old,
            packages=facts.packages,
            ours=ours,
            disk_free=facts.disk_free,
            architecture=facts.architecture,
        )
    return HostObservation(
        address=facts.address,
        machine_id=facts.address,
        node_name=node_name(facts),
        ours=not facts.foreign_cluster,
        traces=Traces(
            kubelet_conf=facts.kubelet_config, static_pods=facts.admin_config, etcd_data=facts.admin_config
        ),
        journal=facts.stamps,
        packages=facts.packages,
        addresses=addresses,
        clock_offset=facts.clock_offset,
        cgroup_v1=old,
        site=Absent(),
        architecture=facts.architecture,
    )


def effective(site: Site, view: View, logins: Mapping[str, Host]) -> Site:
    """The site as it will be while this plan is carried out.

    Without silent and leaving hosts, with members that the Clusterfile no longer lists but that stay.
    logins: hosts beyond the Clusterfile's that were reached.
    """
    stays = [
        host
        for host in site.hosts
        if view.observed.host(host.address)
        and not (view.leaving(host.address) and not view.changes_role(host.address))
    ]
    kept = [
        replace(logins[address], roles=frozenset({view.role(address) or Role.WORKER}))
        for address in view.listed
        if address in logins and view.observed.host(address)
    ]
    ordered = sorted([*stays, *kept], key=lambda host: not host.is_control_plane)
    return replace(site, hosts=tuple(ordered))
