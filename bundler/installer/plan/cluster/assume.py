"""What would be observed after a step has succeeded: for the forecast only, never for what is done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bundler.installer.facts.api import ApiObservation, Cordon, Node, Release
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.observed import (
    BlobState,
    Component,
    FileState,
    HostObservation,
    JournalEntry,
    Observed,
    Traces,
    UnitState,
)
from bundler.installer.facts.seen import Absent, Present, Seen, value_of
from bundler.installer.plan.cluster import probes as p
from bundler.installer.plan.cluster.steps import Step
from bundler.installer.site import expected as e
from bundler.installer.site.desired import Piece

_YEAR = 365 * 86400.0
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


class _Open(dict[str, Seen[HostObservation]]):
    """Hosts of an observation with no other owner: changed in place, since sites may be large."""


def assume_all(steps: Iterable[Step], observed: Observed, unread: frozenset[str] = frozenset()) -> Observed:
    """The observation in which every one of them has succeeded.

    unread: hosts of which nobody asks what their pieces have left.
    """
    observed = replace(observed, hosts=_Open(observed.hosts))
    waiting: list[p.NodeIs] = []
    pieces: dict[str, list[Piece]] = {}
    ours: set[str] = set()
    for step in steps:
        match step.probe:
            case p.NodeIs():  # as many as there are workers; the list of nodes is made once
                waiting.append(step.probe)
            case p.PieceIs(piece) if piece.host in unread:
                ours.add(piece.host)
            case p.PieceIs(piece) if not waiting and not isinstance(piece.expected, e.NodesCarry | e.AppRuns):
                pieces.setdefault(piece.host, []).append(piece)  # as many again for each; a host is made once
            case _:
                observed = assume(step, _all_joined(_all_pieces(observed, pieces), waiting))
                waiting, pieces = [], {}
    observed = _all_joined(_all_pieces(observed, pieces), waiting)
    for address in ours:
        observed = _host(observed, address, _as_ours)
    return replace(observed, hosts=dict(observed.hosts))


def _all_pieces(observed: Observed, pieces: Mapping[str, Sequence[Piece]]) -> Observed:
    for address, mine in pieces.items():
        observed = _host(observed, address, partial(_with_pieces, mine))
    return observed


def assume(step: Step, observed: Observed) -> Observed:  # noqa: PLR0911  (a case for each probe)
    """The observation in which the step's probe is satisfied and nothing else has changed."""
    match step.probe:
        case p.PieceIs(piece):
            return _piece(piece, observed)
        case p.ControlPlaneIs():
            return _joined_control_plane(observed, step.probe)
        case p.NodeIs():
            return _joined(observed, step.probe)
        case p.Left(address, node):
            return _left(observed, address, node)
        case p.MemberGone(id_):
            return _members(observed, lambda ms: tuple(m for m in ms if m.id != id_))
        case p.MemberVotes(id_):
            return _members(
                observed, lambda ms: tuple(replace(m, learner=False) if m.id == id_ else m for m in ms)
            )
        case p.NodeHas() | p.StoredIs() | p.ReleaseIs() | p.ReleaseSettled():
            return _api(observed, step.probe)
        case p.Once():
            return observed
        case _:
            return _on_host(step.probe, observed)


def _piece(piece: Piece, observed: Observed) -> Observed:
    match piece.expected:
        case e.NodesCarry():
            return _carry(observed, piece.expected)
        case e.AppRuns():
            observed = _app_runs(observed, piece.expected)
    return _host(observed, piece.host, partial(_with_pieces, (piece,)))


def _host(observed: Observed, address: str, change: Callable[[HostObservation], HostObservation]) -> Observed:
    host = observed.host(address)
    if host is None:
        return observed
    if isinstance(observed.hosts, _Open):
        observed.hosts[address] = Present(change(host))
        return observed
    return replace(observed, hosts={**observed.hosts, address: Present(change(host))})


def _as_ours(host: HostObservation) -> HostObservation:
    return host if host.ours else replace(host, ours=True)


def _with_pieces(pieces: Sequence[Piece], host: HostObservation) -> HostObservation:
    """One copy for all of them, for there are tens of thousands."""
    noted = {**host.journal, **{piece.key: JournalEntry(piece.inputs, piece.revision) for piece in pieces}}
    fields: dict[str, Any] = {}
    for piece in pieces:
        _effect(piece.expected, host, fields)
    return replace(host, ours=True, journal=noted, **fields)


def _copied(host: HostObservation, fields: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = fields.setdefault(name, {**getattr(host, name)})
    return found


def _effect(expected: e.Expected, host: HostObservation, fields: dict[str, Any]) -> None:
    """Put into `fields` what of the host the piece changes; each field is copied once."""
    of = partial(_copied, host, fields)
    match expected:
        case e.FileIs(path, digest):
            of("files")[path] = FileState(digest)
        case e.FilesAre(files):
            of("files").update({path: FileState(digest, size) for path, (digest, size) in files.items()})
        case e.UnitRuns(unit, reads):
            of("units")[unit] = UnitState(enabled=True, active=True, started_with=reads)
        case e.UnitGone(unit):
            of("units").pop(unit, None)
        case e.SysctlsAre(values):
            of("sysctls").update(values)
        case e.PackagesAre(names):
            fields["packages"] = {**dict.fromkeys(names, ""), **of("packages")}
        case e.ImagesAre(names):
            fields["images"] = fields.get("images", host.images) | set(names)
        case e.BlobsAre(digests):
            of("blobs").update(dict.fromkeys(digests, BlobState.WHOLE))
        case e.Journalled() | e.AppRuns() | e.NodesReady() | e.NodesCarry():
            return


def _app_runs(observed: Observed, wanted: e.AppRuns) -> Observed:
    """With its objects and its release as they are to be."""
    api = value_of(observed.api)
    if api is None:
        return observed
    release = Release(wanted.name, wanted.content, namespace=wanted.namespace, kind=wanted.kind)
    return replace(observed, api=Present(replace(api, releases={**api.releases, wanted.name: release})))


def _carry(observed: Observed, wanted: e.NodesCarry) -> Observed:
    api = value_of(observed.api)
    if api is None:
        return observed
    nodes = tuple(
        replace(
            node,
            labels={**node.labels, **wanted.labels.get(node.name, {})},
            taints=node.taints | wanted.taints.get(node.name, frozenset()),
        )
        for node in api.nodes
    )
    return replace(observed, api=Present(replace(api, nodes=nodes)))


def _members(observed: Observed, change: Callable[[tuple[Member, ...]], tuple[Member, ...]]) -> Observed:
    etcd = value_of(observed.etcd)
    if etcd is None:
        return observed
    return replace(observed, etcd=Present(replace(etcd, members=change(etcd.members))))


def _joined(observed: Observed, probe: p.ControlPlaneIs | p.NodeIs) -> Observed:
    return _all_joined(observed, (probe,))


def _all_joined(observed: Observed, probes: Sequence[p.ControlPlaneIs | p.NodeIs]) -> Observed:
    if not probes:
        return observed
    api = value_of(observed.api) or ApiObservation(uid="forecast")
    nodes = {node.name: node for node in api.nodes}
    for probe in probes:
        control = isinstance(probe, p.ControlPlaneIs)
        old = nodes.pop(probe.node, None) or Node(probe.node, probe.address)
        version = probe.version or old.version
        nodes[probe.node] = replace(old, control_plane=control, ready=True, version=version)
    observed = replace(observed, api=Present(replace(api, nodes=tuple(nodes.values()))))
    for probe in probes:
        observed = _host(observed, probe.address, partial(_as_node, probe=probe))
    return observed


def _as_node(host: HostObservation, probe: p.ControlPlaneIs | p.NodeIs) -> HostObservation:
    control = isinstance(probe, p.ControlPlaneIs)
    traces = Traces(pki=control, kubelet_conf=True, static_pods=control, etcd_data=control)
    return _running(replace(host, traces=traces, ours=True), probe)


def _running(host: HostObservation, probe: p.ControlPlaneIs | p.NodeIs) -> HostObservation:
    names = ("kubelet", *CONTROL_PLANE) if host.traces.static_pods else ("kubelet",)
    fresh = {
        name: Component(probe.version, dict(probe.settings.get(name, {})))
        for name in names
        if name not in host.components
    }
    return replace(host, components={**host.components, **fresh}, lists={**host.lists, **probe.lists})


def _joined_control_plane(observed: Observed, probe: p.ControlPlaneIs) -> Observed:
    observed = _joined(observed, probe)
    etcd = value_of(observed.etcd) or EtcdObservation("forecast", ())
    others = tuple(member for member in etcd.members if member.address != probe.address)
    found = etcd.at(probe.address) or Member(f"forecast-{probe.address}", probe.node, probe.address)
    member = replace(found, name=probe.node, started=True, learner=False, healthy=True)
    return replace(observed, etcd=Present(replace(etcd, members=(*others, member))))


def _left(observed: Observed, address: str, name: str) -> Observed:
    api = value_of(observed.api)
    if api is not None:
        nodes = tuple(node for node in api.nodes if node.name != name)
        observed = replace(observed, api=Present(replace(api, nodes=nodes)))
    observed = _members(observed, lambda ms: tuple(m for m in ms if m.address != address))
    return _host(observed, address, _clean)


def _clean(host: HostObservation) -> HostObservation:
    return HostObservation(
        address=host.address, machine_id=host.machine_id, node_name=host.node_name, disk_free=host.disk_free
    )


def _on_host(probe: p.HostProbe, observed: Observed) -> Observed:  # noqa: PLR0911  (as above)
    match probe:
        case p.Clean(address, removed):
            clean = _clean if removed else lambda host: replace(host, traces=Traces(pki=host.traces.pki))
            return _host(observed, address, clean)
        case p.MarkedForRemoval(address):
            return _host(observed, address, lambda host: replace(host, removing=True))
        case p.RunsWith():
            return _runs_with(probe, observed)
        case p.ControlPlaneRuns(address, version):
            return _host(observed, address, lambda host: _upgraded(host, version))
        case p.KeptIs(address, version):
            return _host(observed, address, lambda host: _kept(host, version))
        case p.ListIs(address, name, entries):
            return _host(observed, address, lambda host: replace(host, lists={**host.lists, name: entries}))
        case p.ClockIs(address):
            return _host(observed, address, lambda host: replace(host, clock_offset=0.0))
        case p.CertificatesLast(address):
            return _host(observed, address, lambda host: _renewed(host, probe))


def _kept(host: HostObservation, version: str) -> HostObservation:
    return replace(host, generations={**host.generations, version: ""})


def _upgraded(host: HostObservation, version: str) -> HostObservation:
    components = {
        name: replace(each, version=version) if name.startswith("kube-") else each
        for name, each in host.components.items()
    }
    return replace(host, components=components)


def _renewed(host: HostObservation, probe: p.CertificatesLast) -> HostObservation:
    certificates = tuple(
        replace(each, not_after=max(each.not_after, probe.until + _YEAR), names=each.names | probe.names)
        if each.of_cluster
        else each
        for each in host.certificates
    )
    renewed = max(host.renewed, probe.since)
    return replace(host, certificates=certificates, renewed=renewed, renewing=False)


def _runs_with(probe: p.RunsWith, observed: Observed) -> Observed:
    def change(host: HostObservation) -> HostObservation:
        old = host.components.get(probe.component, Component(""))
        new = replace(old, version=probe.version or old.version, settings={**old.settings, **probe.settings})
        journal = dict(host.journal)
        if probe.digest:
            key = f"settings/{probe.address}/{probe.component}"
            journal[key] = JournalEntry({"settings": probe.digest})
        components = {**host.components, probe.component: replace(new, healthy=True)}
        return replace(host, components=components, journal=journal)

    observed = _host(observed, probe.address, change)
    api = value_of(observed.api)
    if api is None or not probe.node or not probe.version or probe.component != "kubelet":
        return observed
    nodes = tuple(replace(n, version=probe.version) if n.name == probe.node else n for n in api.nodes)
    return replace(observed, api=Present(replace(api, nodes=nodes)))


def _api(observed: Observed, probe: p.NodeHas | p.StoredIs | p.ReleaseIs | p.ReleaseSettled) -> Observed:
    api = value_of(observed.api)
    if api is None:
        return observed
    match probe:
        case p.NodeHas():
            nodes = tuple(_node_has(node, probe) if node.name == probe.node else node for node in api.nodes)
            api = replace(api, nodes=nodes)
        case p.StoredIs(name, digest):
            api = replace(api, stored={**api.stored, name: digest})
        case p.ReleaseIs(name, digest):
            others = {key: release for key, release in api.releases.items() if key != name}
            api = replace(api, releases={**others, name: Release(name, digest)} if digest else others)
        case p.ReleaseSettled(name):
            release = api.releases[name]
            others = {key: each for key, each in api.releases.items() if key != name}
            settled = {name: replace(release, status="deployed", digest="")} if release.revision > 1 else {}
            api = replace(api, releases={**others, **settled})
    return replace(observed, api=Present(api))


def _node_has(node: Node, probe: p.NodeHas) -> Node:
    kept = {key: value for key, value in node.labels.items() if key not in probe.no_labels}
    return replace(
        node,
        labels={**kept, **probe.labels},
        taints=(node.taints | probe.taints) - probe.no_taints,
        cordon=Cordon.NONE if probe.uncordoned and node.cordon is Cordon.OURS else node.cordon,
    )


def without_api(observed: Observed) -> Observed:
    """The observation once a site is taken down whole."""
    return replace(observed, api=Absent(), etcd=Absent())
