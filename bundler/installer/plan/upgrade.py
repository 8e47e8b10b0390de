"""Upgrading: the steps by which one control plane, and one node, come to run another version.

Both are plain functions, as those of `join` and `leave`. Programs and images are brought ahead by the pieces
of each host, while the old version serves. Every step can be run again after a break: kubeadm leaves what is
new already as it is, and a drained node stays drained.
"""

from dataclasses import replace
from typing import Final

from bundler.core.kubernetes_via import kubeadm_of
from bundler.installer.plan import paths
from bundler.installer.plan.contents import TREE
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.dns import has_dns
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.kubeadm import cluster_documents, ignored_checks
from bundler.installer.plan.kubeadm_documents import deep
from bundler.installer.plan.leave import DRAIN_LIMIT
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Relay, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_CONFIG: Final = f"{paths.STATE}/upgrade.yml"
_SNAPSHOT: Final = ("etcd.db", "etcd.keys")  # what etcd holds, and its keys to compare with later
_STEADY: Final = 12  # seconds; a new kubelet starts its static pods anew within them
_READY: Final = 300.0  # seconds from the kubelet's start to a Ready node
# CreateJob: no node takes its Job while control planes refuse pods and workers are drained.
# CoreDNS…: the Corefile is ours, kubeadm leaves such a one alone, and our own step brings it up to date.
_CHECKS: Final = ("CreateJob", "CoreDNSMigration", "CoreDNSUnsupportedPlugins")


def keep_id(host: str) -> str:
    """The step behind which anything of this host may change."""
    return ident(Phase.PREFLIGHT, host, "keep")


def keep(host: str, version: str) -> Step:
    """Programs, manifests and settings that this host runs with, for a way back."""
    return Exec(
        id=keep_id(host),
        host=host,
        phase=Phase.PREFLIGHT,
        reason=f"the way back is what {version} runs with",
        always_run=True,
        script=templates.script("keep.sh", keep=kept(version)),
    )


def kept(version: str) -> str:
    """Where what a version ran with lies on a host."""
    return f"{paths.KEPT}/{version}"


def snapshot(context: Context, version: str) -> tuple[Step, ...]:
    """What etcd holds, before anything of it changes, on every control plane; version: that runs now."""
    primary = context.primary.address
    taken = Exec(
        id=_snapshot_id(primary),
        host=primary,
        phase=Phase.CONTROL_PLANE,
        reason="the way back from an upgrade is a snapshot",
        after=(keep_id(primary),),
        always_run=True,
        timeout=900.0,
        script=templates.script(
            "etcd.sh", "etcd-keys.sh", "etcd-snapshot.sh", reason="upgrade", keep=kept(version)
        ),
    )
    copies = (
        Relay(
            id=_snapshot_id(host.address, name),
            host=host.address,
            phase=Phase.CONTROL_PLANE,
            reason="a snapshot that only one host has goes with that host",
            after=(taken.id, keep_id(host.address)),
            always_run=True,
            source=primary,
            source_path=f"{kept(version)}/{name}",
            path=f"{kept(version)}/{name}",
        )
        for host in context.further
        for name in _SNAPSHOT
    )
    return (taken, *copies)


def snapshot_ids(context: Context) -> tuple[str, ...]:
    """The steps of `snapshot`."""
    copies = (_snapshot_id(host.address, name) for host in context.further for name in _SNAPSHOT)
    return (_snapshot_id(context.primary.address), *copies)


def _snapshot_id(host: str, name: str = "") -> str:
    return ident(Phase.CONTROL_PLANE, host, f"upgrade-snapshot{name and '-'}{name.rpartition('.')[2]}")


def upgrade_control_plane(
    context: Context, host: Host, version: str, after: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """API server, controllers, scheduler and etcd of one host; the next one waits until etcd is whole again.

    The first one to go also brings the stored configuration and the add-ons to what the bundle says. A
    version that is only on the way has a kubeadm of its own, and leaves etcd as it is.
    """
    ids = Ids(host.address)
    brought = _on_the_way(context, host, version, after)
    after = tuple(step.id for step in brought) or after
    context = at_version(context, version)
    config = Write(
        id=ident(Phase.CONTROL_PLANE, host.address, "upgrade-config"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="kubeadm reads how this cluster is to be",
        after=after,
        always_run=True,
        path=_CONFIG,
        content=_config_of(context, settled=not brought),
        mode=0o600,
    )
    upgrade = Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, "upgrade"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason=f"the control plane is to run {version}",
        after=(config.id, ids.programs, ids.images, ids.app_images),
        always_run=True,
        timeout=1200.0,
        script=templates.script(
            "kubectl.sh",
            "upgrade-control-plane.sh",
            version=version,
            config=_CONFIG,
            ignored=",".join((*_CHECKS, *ignored_checks(context, host))),
            upload="yes",
            on_the_way=_folder(version) if brought else "",
        ),
    )
    settled = Await(
        id=ident(Phase.CONTROL_PLANE, host.address, "upgrade-settled"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="nothing else is touched until every member of etcd is a healthy voter",
        after=(upgrade.id,),
        always_run=True,
        script=templates.script("etcd.sh", "etcd-settled.sh", member=node_name(context.of(host)), besides=""),
        subject="every member of etcd to be a healthy voter",
        deadline=_READY,
        interval=0.2,
        diagnose=templates.script("etcd.sh", "etcd-diagnose.sh"),
    )
    return (*brought, config, upgrade, settled)


def at_version(context: Context, version: str) -> Context:
    """The same site, as the configuration of a version in between is written."""
    contents = context.contents
    if version == contents.version.text:
        return context
    return replace(context, contents=replace(contents, index=replace(contents.index, kubernetes=version)))


def _config_of(context: Context, *, settled: bool) -> str:
    """Of a version in between, with the DNS that the bundle carries: kubeadm would ask for one of its own."""
    documents = dict(cluster_documents(context))
    tag = context.contents.coredns_tag
    if not settled and tag and has_dns(context):
        more = {"dns": {"imageTag": tag}}
        documents["ClusterConfiguration"] = deep(documents["ClusterConfiguration"], more)
    return context.layers.dump(*documents.values())


def _folder(version: str) -> str:
    return f"{paths.STATE}/via/{version}"


def _on_the_way(context: Context, host: Host, version: str, after: tuple[str, ...]) -> tuple[Step, ...]:
    if version == context.contents.version.text:
        return ()
    contents = context.contents.on(host.address)
    member = contents.required(f"{TREE}/{kubeadm_of(version)}")
    return (
        Deliver(
            id=ident(Phase.CONTROL_PLANE, host.address, "upgrade-via"),
            host=host.address,
            phase=Phase.CONTROL_PLANE,
            reason=f"{version} is an intermediate version with its own kubeadm",
            after=after,
            always_run=True,
            files=(contents.deliver(member, f"{_folder(version)}/kubeadm", 0o755),),
        ),
    )


def upgrade_node(
    context: Context, host: Host, version: str, after: tuple[str, ...] = (), *, delete: str = ""
) -> tuple[Step, ...]:
    """Drain, let the kubelet run as another version, wait until the node is Ready, take the cordon off.

    Where it is the only node, nothing can move elsewhere: its pods stay while the kubelet restarts.
    delete: pods that nothing recreates and somebody named.
    """
    name = node_name(context.of(host))
    row = _Row(context, host, after)
    if len(context.site.hosts) > 1:
        row.asked(
            "drain",
            f"what runs on {name} moves to other nodes",
            DRAIN_LIMIT + 60.0,
            "drain.sh",
            node=name,
            limit=str(DRAIN_LIMIT),
            delete=delete,
        )
    row.own(
        f"the kubelet is to run as {version}",
        templates.script(
            "upgrade-kubelet.sh",
            worker="" if host.is_control_plane else "yes",
            ignored=",".join(ignored_checks(context, host)),
        ),
    )
    row.awaits(
        "ready",
        f"{name} to be Ready with {version}",
        templates.script("kubectl.sh", "node-runs.sh", node=name, version=version),
    )
    if host.is_control_plane:
        row.awaits(
            "steady",
            f"the API server to answer for {_STEADY} s without a break",
            templates.script("kubectl.sh", "api-steady.sh", seconds=str(_STEADY)),
        )
    row.asked("uncordon", f"{name} takes pods again", 60.0, "uncordon.sh", node=name)
    return tuple(row.made)


class _Row:
    """Steps one behind the other, on the primary control plane or on the host itself."""

    def __init__(self, context: Context, host: Host, after: tuple[str, ...]) -> None:
        self._primary, self._host = context.primary.address, host.address
        self._after = (*after, Ids(host.address).programs)
        self._phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
        self.made: list[Step] = []

    def asked(self, what: str, why: str, timeout: float, name: str, **variables: str) -> None:
        """A question or a wish to the API."""
        script = templates.script("kubectl.sh", name, **variables)
        self._add(self._primary, what, why, script, timeout)

    def own(self, why: str, script: str) -> None:
        """What the host does itself."""
        self._add(self._host, "kubelet", why, script, 300.0)

    def awaits(self, what: str, subject: str, script: str) -> None:
        """Wait until the API says so."""
        self.made.append(
            Await(
                id=self._id(what),
                host=self._primary,
                phase=self._phase,
                reason="the next one waits until this one serves",
                after=self._behind(),
                always_run=True,
                script=script,
                subject=subject,
                deadline=_READY,
                interval=0.2,
                diagnose=templates.script("kubectl.sh", "diagnose.sh"),
            )
        )

    def _add(self, at: str, what: str, why: str, script: str, timeout: float) -> None:
        self.made.append(
            Exec(
                id=self._id(what),
                host=at,
                phase=self._phase,
                reason=why,
                after=self._behind(),
                always_run=True,
                script=script,
                timeout=timeout,
            )
        )

    def _id(self, what: str) -> str:
        return ident(self._phase, self._host, f"upgrade-node-{what}")

    def _behind(self) -> tuple[str, ...]:
        return (self.made[-1].id,) if self.made else self._after
