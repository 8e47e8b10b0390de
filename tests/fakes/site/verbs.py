"""What each verb does to a simulated site, in micro-steps: a kill can fall at every `yield`.

These are no copies of what the planner assumes: a join goes through learner, data, voter, static pods and
label one after another, and each leaves the site as a real broken-off kubeadm would.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from bundler.installer.facts.api import Cordon, Node, Release
from bundler.installer.facts.etcd import Member, may_leave
from bundler.installer.facts.observed import (
    BlobState,
    Certificate,
    Component,
    FileState,
    JournalEntry,
    UnitState,
)
from bundler.installer.plan.cluster.concerns.nodes import NO_PODS
from bundler.installer.plan.cluster.concerns.settings import STORES, stored_digest
from bundler.installer.plan.cluster.probes import ListIs, NodeHas, PieceIs, RunsWith
from bundler.installer.plan.cluster.steps import Step, Verb
from bundler.installer.site import expected as e
from bundler.installer.site.desired import Desired
from tests.fakes.site.machine import Machine
from tests.fakes.site.site import DAY, HarmError, Site

Micro = Iterator[str]
Act = Callable[[Site, Desired, Step], Micro]
YEAR = 365 * DAY


class DrainError(Exception):
    """A budget lets a pod of this node not go."""


def _certificates(site: Site, machine: Machine, desired: Desired, *, control_plane: bool) -> None:
    names = desired.names if control_plane else frozenset[str]()
    leaf = Certificate("apiserver" if control_plane else "kubelet", site.now, site.now + YEAR, names)
    ca = Certificate("ca", site.now, site.now + 10 * YEAR, authority=True)
    machine.certificates = [leaf, ca]


def put(site: Site, _desired: Desired, step: Step) -> Micro:  # noqa: C901, PLR0912  (a case for each kind)
    assert isinstance(step.probe, PieceIs)
    piece, machine = step.probe.piece, site.machines[step.host]
    machine.ours = True
    yield "ledger"
    match piece.expected:
        case e.FileIs(path, digest):
            machine.files[path] = FileState(digest)
        case e.FilesAre(files):
            for path, (_, size) in files.items():
                machine.files[path] = FileState("", size)
                yield path
        case e.UnitRuns(unit, reads):
            machine.units[unit] = UnitState(enabled=True, active=False)
            yield "enabled"
            machine.units[unit] = UnitState(enabled=True, active=True, started_with=reads)
        case e.UnitGone(unit):
            machine.units.pop(unit, None)
        case e.SysctlsAre(values):
            machine.sysctls.update(values)
        case e.PackagesAre(names):
            machine.packages.update(dict.fromkeys(names, "1"))
        case e.ImagesAre(names):
            for name in names:
                machine.images.add(name)
                yield name
        case e.BlobsAre(digests):
            for digest in digests:
                machine.blobs[digest] = BlobState.WHOLE
                yield digest
        case e.AppRuns(name, content, kind, namespace):
            yield from _bring(site, name, content, kind, namespace)
        case e.Journalled() | e.NodesReady():
            yield "done"
    yield "effect"
    machine.journal[piece.key] = JournalEntry(piece.inputs, piece.revision)


def _bring(site: Site, name: str, content: str, kind: str, namespace: str) -> Micro:
    """Helm's release is there before anybody has noted it."""
    old = site.releases.pop(name, None)
    revision = old.revision + 1 if old else 1
    stored = Release(name, "", "pending-install", revision, namespace=namespace, kind=kind)
    if kind == "helm":
        site.releases[f"{namespace}/{name}"] = stored
        yield "begun"
        site.releases[f"{namespace}/{name}"] = replace(stored, status="deployed")
        yield "deployed"
        del site.releases[f"{namespace}/{name}"]
    site.releases[name] = replace(stored, digest=content, status="deployed", noted=revision)


def _components(version: str, desired: Desired, *, control_plane: bool) -> dict[str, Component]:
    names = ("kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    wanted = names if control_plane else names[:1]
    return {name: Component(version, dict(desired.settings.get(name, {}))) for name in wanted}


def _lists(site: Site, desired: Desired, machine: Machine) -> None:
    serving = tuple(
        m.address for m in site.members if not m.learner and site.machines[m.address].traces.static_pods
    )
    machine.lists = {"endpoint": serving, "registries": serving, "way": (str(desired.endpoint),)}


def init(site: Site, desired: Desired, step: Step) -> Micro:
    if site.members or site.nodes or any(m.etcd_id for m in site.machines.values()):
        raise HarmError(f"init on {step.host} over a cluster that exists")
    site.inits += 1
    yield from finish_init(site, desired, step)


def finish_init(site: Site, desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    version = step.inputs["version"]
    machine.trace(pki=True)
    _certificates(site, machine, desired, control_plane=True)
    yield "pki"
    machine.trace(kubelet_conf=True)
    yield "kubeconfigs"
    machine.trace(static_pods=True)
    machine.components.update(_components(version, desired, control_plane=True))
    yield "static pods"
    if not site.members:
        site.ids += 1
        machine.etcd_id = f"m{site.ids}"
        machine.trace(etcd_data=True)
        site.members = [Member(machine.etcd_id, machine.name, step.host, leader=True)]
        site.name = desired.name
    yield "etcd and API up"
    site.stored.update({name: stored_digest(name, desired.settings) for name in STORES})
    site.stored.setdefault("coredns", "corefile-1")
    yield "configuration stored"
    site.nodes.setdefault(machine.name, Node(machine.name, step.host, version=version))
    yield "node"
    taints = frozenset({NO_PODS}) if desired.workers else frozenset()
    site.nodes[machine.name] = replace(site.nodes[machine.name], control_plane=True, taints=taints)
    yield "role label"
    _lists(site, desired, machine)


def undo_init(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if machine.etcd_id or site.members:
        raise HarmError("undoing an init that has data")
    machine.trace(static_pods=False)
    yield "manifests"
    machine.trace(kubelet_conf=False, etcd_data=False)


def join(site: Site, desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if not site.api_up:
        raise HarmError("a join without an API")
    old = site.nodes.get(machine.name)
    if old is not None and old.address != step.host:
        raise HarmError("two machines, one node")
    machine.ours = True
    machine.trace(kubelet_conf=True)  # the CA's key stays with control planes
    _certificates(site, machine, desired, control_plane=False)
    yield "kubelet.conf"
    machine.components["kubelet"] = Component(
        step.inputs["version"], dict(desired.settings.get("kubelet", {}))
    )
    yield "kubelet"
    site.nodes[machine.name] = Node(machine.name, step.host, version=step.inputs["version"])
    yield "node"
    _lists(site, desired, machine)


def join_control_plane(site: Site, desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if not site.quorum:
        raise HarmError("a control plane joins an etcd without quorum")
    machine.ours = True
    machine.trace(pki=True)
    _certificates(site, machine, desired, control_plane=True)
    yield "pki"
    machine.trace(kubelet_conf=True)
    version = step.inputs["version"]
    machine.components["kubelet"] = Component(version, dict(desired.settings.get("kubelet", {})))
    yield "kubelet"
    site.nodes.setdefault(machine.name, Node(machine.name, step.host, version=version))
    yield "node"
    yield from _join_etcd(site, machine)
    machine.trace(static_pods=True)
    machine.components.update(_components(version, desired, control_plane=True))
    yield "static pods"
    taints = frozenset({NO_PODS}) if desired.workers else frozenset()
    site.nodes[machine.name] = replace(site.nodes[machine.name], control_plane=True, taints=taints)
    yield "role label"
    machine.record, machine.site = site.record, site.record.site_id if site.record else ""
    _lists(site, desired, machine)


def _join_etcd(site: Site, machine: Machine) -> Micro:
    mine = next((m for m in site.members if m.address == machine.address), None)
    if mine is not None:
        if mine.learner or machine.etcd_id != mine.id:
            raise HarmError("a join over a member that is not settled")
        return
    if any(m.learner for m in site.members):
        raise HarmError("a second learner")
    if not all(site.alive(m) for m in site.members):
        raise HarmError("a member is added while another one is sick")
    site.ids += 1
    member = Member(f"m{site.ids}", machine.name, machine.address, started=False, learner=True)
    site.members.append(member)
    yield "member added"
    machine.etcd_id = member.id
    machine.trace(etcd_data=True)
    _replace_member(site, replace(member, started=True))
    yield "learner started"
    _replace_member(site, replace(member, started=True, learner=False))
    yield "promoted"


def _replace_member(site: Site, member: Member) -> None:
    site.members = [member if each.id == member.id else each for each in site.members]


def promote(site: Site, _desired: Desired, step: Step) -> Micro:
    member = next(m for m in site.members if m.address == step.subject)
    yield "in sync"
    _replace_member(site, replace(member, learner=False))


def remove_member(site: Site, _desired: Desired, step: Step) -> Micro:
    member = next((m for m in site.members if m.id == step.inputs["member"]), None)
    if member is None:
        return
    _vote_out(site, member)
    yield "removed"


def _vote_out(site: Site, member: Member) -> None:
    voters = [m for m in site.members if not m.learner]
    if not member.learner and not may_leave(
        len(voters), sum(map(site.alive, voters)), leaver_healthy=site.alive(member)
    ):
        raise HarmError(f"quorum is lost by removing {member.address}")
    site.members.remove(member)
    machine = site.machines.get(member.address)
    if machine and machine.etcd_id == member.id and machine.on:
        machine.etcd_id = ""


def delete_node(site: Site, _desired: Desired, step: Step) -> Micro:
    site.nodes.pop(step.inputs["node"], None)
    yield "node deleted"


def leave(site: Site, _desired: Desired, step: Step) -> Micro:
    machine, name = site.machines[step.host], step.inputs["node"]
    if name in site.nodes:
        site.nodes[name] = replace(site.nodes[name], cordon=Cordon.OURS)
        yield "cordoned"
        site.pods = [pod for pod in site.pods if pod.node != name]
        yield "drained"
    member = next((m for m in site.members if m.address == step.host), None)
    if member is not None:
        yield "leader moved"
        _vote_out(site, member)
        yield "member removed"
    if not site.api_up:
        raise HarmError("the API is gone before the node is")
    site.nodes.pop(name, None)
    yield "node deleted"
    machine.trace(static_pods=False, kubelet_conf=False)
    yield "kubelet stopped"
    machine.wipe()


def mark_removal(site: Site, _desired: Desired, step: Step) -> Micro:
    site.machines[step.host].removing = True
    yield "marked"


def wipe(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if not machine.removing:
        raise HarmError("a host is wiped that does not know why")
    machine.trace(static_pods=False, kubelet_conf=False)
    yield "stopped"
    machine.trace(etcd_data=False, pki=False)
    machine.etcd_id = ""
    yield "data gone"
    machine.wipe()
    if not any(m.etcd_id for m in site.machines.values()):
        site.members, site.nodes, site.releases, site.stored = [], {}, {}, {}
        site.record, site.pods, site.name = None, [], ""


def node_change(site: Site, _desired: Desired, step: Step) -> Micro:
    assert isinstance(step.probe, NodeHas)
    probe, node = step.probe, site.nodes[step.probe.node]
    labels = {key: value for key, value in node.labels.items() if key not in probe.no_labels}
    site.nodes[node.name] = node = replace(node, labels={**labels, **probe.labels})
    yield "labels"
    site.nodes[node.name] = node = replace(node, taints=(node.taints | probe.taints) - probe.no_taints)
    yield "taints"
    if probe.uncordoned and node.cordon is Cordon.OURS:
        site.nodes[node.name] = replace(node, cordon=Cordon.NONE)


def await_node(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.subject]
    site.nodes[machine.name] = replace(site.nodes[machine.name], ready=True, why="")
    yield "ready"


def keep(site: Site, _desired: Desired, step: Step) -> Micro:
    machine, version = site.machines[step.host], step.inputs["version"]
    if machine.components["kubelet"].version != version:
        raise HarmError(f"what {version} ran with is kept on {step.host} when it no longer runs")
    yield "copied"
    machine.generations[version] = ""


def snapshot(site: Site, _desired: Desired, _step: Step) -> Micro:
    site.snapshots += 1
    yield "saved"


def upgrade_control_plane(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if not site.quorum:
        raise HarmError("an upgrade without quorum")
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        machine.components[name] = replace(machine.components[name], version=step.inputs["version"])
        yield name


def upgrade_node(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    if site.nodes[machine.name].cordon is Cordon.NONE:  # a person's stays one
        site.nodes[machine.name] = replace(site.nodes[machine.name], cordon=Cordon.OURS)
    yield "cordoned"
    gone = step.inputs.get("deleted", "").split(", ")
    site.pods = [pod for pod in site.pods if pod.name not in gone]
    if any(pod.node == machine.name and pod.budget and pod.allowed < 1 for pod in site.pods):
        raise DrainError(machine.name)
    machine.components["kubelet"] = replace(machine.components["kubelet"], version=step.inputs["version"])
    yield "kubelet"
    site.nodes[machine.name] = replace(site.nodes[machine.name], version=step.inputs["version"])
    yield "seen"
    if site.nodes[machine.name].cordon is Cordon.OURS:
        site.nodes[machine.name] = replace(site.nodes[machine.name], cordon=Cordon.NONE)


def store_config(site: Site, desired: Desired, step: Step) -> Micro:
    name = step.inputs["name"]
    site.stored[name] = stored_digest(name, desired.settings)
    yield "stored"


def settings(site: Site, _desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    assert isinstance(step.probe, RunsWith)
    name = step.probe.component
    machine.components[name] = replace(machine.components[name], settings=dict(step.inputs))
    yield "restarted"
    machine.journal[step.key] = JournalEntry({"settings": step.probe.digest})


def renew(site: Site, desired: Desired, step: Step) -> Micro:
    machine = site.machines[step.host]
    machine.renewing = True
    yield "old ones saved"
    _certificates(site, machine, desired, control_plane=machine.traces.static_pods)
    yield "new ones"
    machine.renewed = max(machine.renewed, float(step.inputs["since"]))
    machine.renewing = False


def lists(site: Site, _desired: Desired, step: Step) -> Micro:
    assert isinstance(step.probe, ListIs)
    site.machines[step.host].lists[step.probe.name] = step.probe.entries
    yield "written"


def check_pull(_site: Site, _desired: Desired, _step: Step) -> Micro:
    yield "pulled"


def set_clock(site: Site, _desired: Desired, step: Step) -> Micro:
    site.machines[step.host].clock_offset = 0.0
    yield "set"


def restore(site: Site, desired: Desired, step: Step) -> Micro:
    for machine in site.machines.values():
        machine.trace(etcd_data=False, static_pods=False)
        machine.etcd_id = ""
    site.members = []
    yield "old data set aside"
    yield from finish_init(site, desired, step)


def recover(site: Site, _desired: Desired, step: Step) -> Micro:
    release = site.releases[step.subject]
    if release.revision > 1:
        site.releases[step.subject] = replace(release, status="deployed", digest="before")
    else:
        site.releases.pop(step.subject)
    yield "settled"


def app(site: Site, _desired: Desired, step: Step) -> Micro:
    if not site.api_up:
        raise HarmError("an app without an API")
    old = site.releases.get(step.subject)
    revision = old.revision + 1 if old else 1
    pending = "pending-upgrade" if old else "pending-install"
    site.releases[step.subject] = Release(step.subject, "half", pending, revision)
    yield "pending"
    site.releases[step.subject] = Release(step.subject, step.inputs["content"], revision=revision)


def uninstall(site: Site, _desired: Desired, step: Step) -> Micro:
    site.releases.pop(step.subject, None)
    yield "uninstalled"


VERBS: dict[Verb, Act] = {
    Verb.PUT: put,
    Verb.INIT: init,
    Verb.FINISH_INIT: finish_init,
    Verb.UNDO_INIT: undo_init,
    Verb.JOIN: join,
    Verb.JOIN_CONTROL_PLANE: join_control_plane,
    Verb.PROMOTE: promote,
    Verb.REMOVE_MEMBER: remove_member,
    Verb.DELETE_NODE: delete_node,
    Verb.LEAVE: leave,
    Verb.MARK_REMOVAL: mark_removal,
    Verb.WIPE: wipe,
    Verb.AWAIT_NODE: await_node,
    Verb.LABELS: node_change,
    Verb.UNTAINT: node_change,
    Verb.UNCORDON: node_change,
    Verb.KEEP: keep,
    Verb.SNAPSHOT: snapshot,
    Verb.UPGRADE_CONTROL_PLANE: upgrade_control_plane,
    Verb.UPGRADE_NODE: upgrade_node,
    Verb.STORE_CONFIG: store_config,
    Verb.SETTINGS: settings,
    Verb.RENEW: renew,
    Verb.EXTEND_NAMES: renew,
    Verb.LISTS: lists,
    Verb.SWITCH_ENDPOINT: lists,
    Verb.CHECK_PULL: check_pull,
    Verb.SET_CLOCK: set_clock,
    Verb.RESTORE: restore,
    Verb.RECOVER: recover,
    Verb.APP: app,
    Verb.UNINSTALL: uninstall,
}
