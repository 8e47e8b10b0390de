"""Is it so? Probes held against what was observed. Observation decides; the journal explains."""

from collections.abc import Mapping

from bundler.core.words import counted
from bundler.installer.facts.api import Cordon
from bundler.installer.facts.observed import HostObservation, Observed
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.cluster import probes as p
from bundler.installer.plan.cluster.judge_app import judge_app
from bundler.installer.plan.cluster.judge_piece import judge_piece
from bundler.installer.plan.cluster.steps import Because, Cause
from bundler.installer.plan.cluster.verdict import YES, Undecidable, Unsatisfied, Verdict
from bundler.installer.site.desired import Piece
from bundler.installer.site.expected import AppRuns, NodesCarry, NodesReady


def judge(probe: p.Probe, observed: Observed, kept: Mapping[str, str] | None = None) -> Verdict:
    """kept: drift that the record says is to stay."""
    match probe:
        case p.PieceIs(piece):
            return _of_piece(piece, observed, kept or {})
        case p.Once():
            return Unsatisfied(Because(Cause.REQUESTED, "later steps need it"))
        case (
            p.Clean()
            | p.MarkedForRemoval()
            | p.RunsWith()
            | p.ControlPlaneRuns()
            | p.KeptIs()
            | p.ListIs()
            | p.CertificatesLast()
            | p.ClockIs()
        ):
            host = observed.host(probe.address)
            return (
                Undecidable(f"{probe.address} does not answer")
                if host is None
                else _of_host(probe, host, observed)
            )
        case p.MemberGone() | p.MemberVotes():
            return _of_etcd(probe, observed)
        case _:
            return _of_api(probe, observed)


def _of_piece(piece: Piece, observed: Observed, kept: Mapping[str, str]) -> Verdict:
    expected, host = piece.expected, observed.host(piece.host)
    if isinstance(expected, NodesReady):
        return _nodes_ready(expected, observed)
    if isinstance(expected, NodesCarry):
        return (
            YES if isinstance(observed.api, Present) else _missing("the set of the nodes' labels and taints")
        )
    if host is None:
        return Undecidable(f"{piece.host} does not answer")
    if isinstance(expected, AppRuns):
        return judge_app(piece, expected, host, value_of(observed.api))
    return judge_piece(piece, host, kept)


def _nodes_ready(wanted: NodesReady, observed: Observed) -> Verdict:
    api = value_of(observed.api)
    ready = {node.name for node in (api.nodes if api else ()) if node.ready}
    late = [name for name in wanted.names if name not in ready]
    return _changed(f"node {late[0]}", "not Ready", "Ready") if late else YES


def _missing(subject: str) -> Unsatisfied:
    return Unsatisfied(Because(Cause.MISSING, subject))


def _changed(subject: str, before: object, now: object) -> Unsatisfied:
    return Unsatisfied(Because(Cause.CHANGED, subject, str(before), str(now)))


def _of_host(probe: p.HostProbe, host: HostObservation, observed: Observed) -> Verdict:  # noqa: PLR0911  (a case for each probe)
    match probe:
        case p.Clean(address, removed):
            dirty = host.traces.cluster or (removed and host.ours)
            return _changed(address, "used", "as found") if dirty else YES
        case p.MarkedForRemoval(address):
            return YES if host.removing else _missing(f"the mark of removal on {address}")
        case p.RunsWith():
            return _runs_with(probe, host)
        case p.ControlPlaneRuns(_, version):
            found = sorted(each.version for name, each in host.components.items() if name.startswith("kube-"))
            other = [each for each in found if each != version]
            return _changed("Kubernetes", other[0], version) if other else YES
        case p.KeptIs(_, version):
            return YES if version in host.generations else _missing(f"what {version} ran with")
        case p.ListIs(_, name, entries):
            listed = host.lists.get(name, ())
            same = set(listed) == set(entries)
            return YES if same else _changed(name, ", ".join(listed), ", ".join(entries))
        case p.ClockIs(address):
            return (
                YES if abs(host.clock_offset) <= 1 else _changed(f"clock of {address}", host.clock_offset, 0)
            )
        case p.CertificatesLast():
            return _certificates(host, probe, observed.now)


def _runs_with(probe: p.RunsWith, host: HostObservation) -> Verdict:
    component = host.components.get(probe.component)
    if component is None:
        return _missing(probe.component)
    if probe.version and component.version != probe.version:
        return _changed(probe.component, component.version, probe.version)
    noted = _noted(probe, host)
    # A kubelet writes some values in another form than they were given in; flags of the others are as given.
    if not (noted and probe.component == "kubelet"):
        for key, value in probe.settings.items():
            if component.settings.get(key) != value:
                return _changed(key, component.settings.get(key, "its default"), value)
    if probe.unseen and not noted:
        return _changed(*probe.unseen[0])
    return YES if component.healthy else _changed(probe.component, "unhealthy", "healthy")


def _noted(probe: p.RunsWith, host: HostObservation) -> bool:
    """Whether a run before has rolled these very settings out here."""
    entry = host.journal.get(f"settings/{probe.address}/{probe.component}")
    return bool(probe.digest) and entry is not None and entry.inputs.get("settings") == probe.digest


def _certificates(host: HostObservation, probe: p.CertificatesLast, now: float) -> Verdict:
    leaves = [each for each in host.certificates if each.of_cluster]
    names = probe.names
    if host.renewing:
        return Unsatisfied(Because(Cause.REQUESTED, "a renewal was broken off here"))
    if host.renewed < probe.since:
        return Unsatisfied(Because(Cause.REQUESTED, "new certificates were asked for"))
    for each in leaves:
        if each.not_after < probe.until:
            days = (each.not_after - now) / 86400
            text = f"{counted(round(days), 'day')} left" if days >= 0 else "expired"
            return _changed(f"certificate {each.name}", text, "a new one")
    for each in leaves:
        if each.name == "apiserver" and not names <= each.names:
            return _changed(
                "names of the API's certificate", ", ".join(sorted(each.names)), ", ".join(sorted(names))
            )
    return YES


def _of_etcd(probe: p.MemberGone | p.MemberVotes, observed: Observed) -> Verdict:
    if not isinstance(observed.etcd, Present):
        return Undecidable("etcd does not answer")
    member = next((each for each in observed.etcd.value.members if each.id == probe.id), None)
    match probe:
        case p.MemberGone():
            return YES if member is None else _changed("etcd member", member.name or member.address, "none")
        case p.MemberVotes():
            if member is None:
                return _missing(f"etcd member {probe.id}")
            return YES if member.voter else _changed(f"etcd member {member.name}", "learner", "voter")


_ApiProbe = p.ControlPlaneIs | p.NodeIs | p.Left | p.NodeHas | p.StoredIs | p.ReleaseIs | p.ReleaseSettled


def _of_api(probe: _ApiProbe, observed: Observed) -> Verdict:  # noqa: PLR0911  (as above)
    api = value_of(observed.api)
    if api is None:
        return Undecidable("the API does not answer")
    match probe:
        case p.ControlPlaneIs() | p.NodeIs() | p.Left():
            return _node_is(probe, observed)
        case p.NodeHas():
            return _node_has(probe, observed)
        case p.StoredIs(name, digest):
            found = api.stored.get(name, "")
            return YES if found == digest else _changed(f"stored {name}", found, digest)
        case p.ReleaseIs(name, digest):
            release = api.releases.get(name)
            if release is None:
                return _missing(name) if digest else YES
            if release.missing:
                return _missing(", ".join(release.missing))
            return YES if release.digest == digest else _changed(name, release.digest, digest or "none")
        case p.ReleaseSettled(name):
            release = api.releases.get(name)
            return _changed(name, release.status, "deployed") if release and release.pending else YES


def _node_is(probe: p.ControlPlaneIs | p.NodeIs | p.Left, observed: Observed) -> Verdict:
    api, etcd, host = value_of(observed.api), value_of(observed.etcd), observed.host(probe.address)
    node = api.node(probe.node) if api else None
    member = etcd.at(probe.address) if etcd else None
    match probe:
        case p.Left(address, _, clean):
            dirty = clean and host is not None and (host.traces.cluster or host.ours)
            return _changed(address, "member", "left") if node or member or dirty else YES
        case p.NodeIs(_, name, version):
            if node is None or (host and not host.traces.kubelet_conf):
                return _missing(f"node {name}")
            if version and node.version != version:
                return _changed(f"kubelet of {name}", node.version, version)
            return YES if node.ready else _changed(f"node {name}", "not Ready", "Ready")
        case p.ControlPlaneIs(_, name):
            whole = node and node.control_plane and member and member.voter and member.started
            pods = host is None or (host.traces.static_pods and host.traces.kubelet_conf)
            return YES if whole and pods else _missing(f"control plane {name}")


def _node_has(probe: p.NodeHas, observed: Observed) -> Verdict:  # noqa: PLR0911  (the first difference)
    api = value_of(observed.api)
    node = api.node(probe.node) if api else None
    if node is None:
        return _missing(f"node {probe.node}")
    for key, value in probe.labels.items():
        if node.labels.get(key) != value:
            return _changed(f"label {key}", node.labels.get(key, "none"), value)
    if surplus := sorted(probe.no_labels & set(node.labels)):
        return _changed(f"label {surplus[0]}", node.labels[surplus[0]], "none")
    if missing := sorted(probe.taints - node.taints):
        return _missing(f"taint {missing[0]}")
    if surplus := sorted(probe.no_taints & node.taints):
        return _changed(f"taint {surplus[0]}", "set", "none")
    if probe.uncordoned and node.cordon is Cordon.OURS:
        return _changed(f"node {probe.node}", "cordoned by an earlier run", "schedulable")
    return YES
