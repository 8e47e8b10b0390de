"""Joining: the steps by which one host becomes a control plane or a worker of a cluster that is up.

Both verbs are plain functions from a Context, a host of its site and what to come after, to steps:

- `join_control_plane` ends in `Ids(host).settled`: the host is a member, every member of etcd is a healthy
  voter and no learner is left. etcd takes one learner at a time, so whoever lets several join hands each one
  the `settled` of the one before.
- `join_worker` ends in `Ids(host).join`. Workers join in parallel, beside control planes.

A plan that holds either also holds, for the same Context, `credential_steps` (once), and for the host
`host_steps`, `package_steps`, `runtime_steps`, `endpoint_steps`, and `registry_steps` where it is a control
plane. Other hosts learn of a control plane by the steps of those producers whose content has changed: their
balancer's list, their hosts.toml, their /etc/hosts. A worker that joins changes nothing on other workers.

Where the cluster is up, `Context.running` says so; then nothing waits for an `init`. Who takes only some of
these steps into a plan gives them to `order.closed`: names that are no step of it count as done.
"""

from bundler.core.addresses import in_url
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest, node_name
from bundler.installer.plan.endpoint import ENDPOINT
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.kubeadm import discovery_config, ignored_checks, join_config, skipped_phases
from bundler.installer.plan.steps import Await, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_SETTLES = 300.0  # seconds for a member that has joined to catch up and become a voter


def join_worker(context: Context, host: Host, *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Its configuration, a token to join with, and the join, which takes the token away."""
    ids = Ids(host.address)
    config = _config(context, host, Phase.WORKERS)
    discovery = _discovery(context, host, Phase.WORKERS)
    join = Exec(
        id=ids.join,
        host=host.address,
        phase=Phase.WORKERS,
        reason="this host is to run pods of the cluster",
        after=(
            *(config.id, discovery.id, ids.kubelet, ids.containerd, ids.images, ids.endpoint),
            *(*context.begun, *after),
        ),
        script=templates.script(
            "join.sh",
            config=paths.JOIN_CONFIG,
            discovery=paths.DISCOVERY,
            phases=",".join(skipped_phases(context)),
            ignored=",".join(ignored_checks(context, host)),
            inputs=content_digest(config.content),
        ),
        timeout=420.0,
    )
    return (config, discovery, join)


def join_control_plane(context: Context, host: Host, *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Keys and a token, the join, and the wait for etcd. after: the last member's `settled`, or `init`."""
    ids, primary = Ids(host.address), context.primary
    config = _config(context, host, Phase.CONTROL_PLANE)
    discovery = _discovery(context, host, Phase.CONTROL_PLANE)
    keys = Write(
        id=ident(Phase.CONTROL_PLANE, host.address, "keys"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="control planes share the keys that sign certificates and tokens",
        after=(Ids(primary.address).pki, ids.prepare),
        always_run=True,
        only_if_needed=True,
        path=paths.SHARED_PKI,
        content="@@pki@@",
        mode=0o600,
        secret=True,
        slots=("pki",),
    )
    room = _room(context, host, after)
    join = Exec(
        id=ids.member,
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="this host is to be a control plane, too",
        after=(
            *(config.id, discovery.id, keys.id, ids.kubelet, ids.containerd, ids.images),
            *(*context.begun, room.id),
        ),
        script=templates.script(
            "join-control-plane.sh",
            config=paths.JOIN_CONFIG,
            discovery=paths.DISCOVERY,
            pki=paths.SHARED_PKI,
            endpoint=ENDPOINT,
            own=host.address,
            node=node_name(context.of(host)),
            phases=",".join(skipped_phases(context)),
            ignored=",".join(ignored_checks(context, host)),
            inputs=content_digest(config.content),
        ),
        timeout=600.0,
    )
    kubectl = kubectl_for_root(host, (join.id,))
    return (config, discovery, keys, room, join, kubectl, _settled(context, host, join.id))


def kubectl_for_root(host: Host, after: tuple[str, ...]) -> Step:
    """On a control plane, `kubectl` works for root without any option."""
    return Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, "kubectl"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="root's kubectl finds the cluster",
        after=after,
        script=templates.script("admin.sh"),
    )


def _settled(context: Context, host: Host, behind: str) -> Step:
    return Await(
        id=Ids(host.address).settled,
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="the next control plane joins once etcd has a majority to spare",
        after=(behind,),
        script=_etcd_settled(node_name(context.of(host))),
        subject="every member of etcd to be a healthy voter",
        deadline=_SETTLES,
        diagnose=templates.script("etcd.sh", "etcd-diagnose.sh"),
    )


def _room(context: Context, host: Host, after: tuple[str, ...]) -> Await:
    """On the primary, before anything is joined; a member that a cut join of this host has left is no bar."""
    return Await(
        id=ident(Phase.CONTROL_PLANE, context.primary.address, f"room-for-{host.address}"),
        host=context.primary.address,
        phase=Phase.CONTROL_PLANE,
        reason="etcd takes a member only while all others are well",
        after=after,
        always_run=True,
        only_if_needed=True,
        script=_etcd_settled(node_name(context.of(context.primary)), besides=in_url(host.address)),
        subject="every other member of etcd to be a healthy voter",
        deadline=60.0,
        diagnose=templates.script("etcd.sh", "etcd-diagnose.sh"),
    )


def _etcd_settled(member: str, besides: str = "") -> str:
    return templates.script("etcd.sh", "etcd-settled.sh", member=member, besides=besides)


def _config(context: Context, host: Host, phase: Phase) -> Write:
    return Write(
        id=ident(phase, host.address, "config"),
        host=host.address,
        phase=phase,
        reason="kubeadm reads how this host joins",
        after=(Ids(host.address).prepare,),
        path=paths.JOIN_CONFIG,
        content=join_config(context, host),
        mode=0o600,
    )


def _discovery(context: Context, host: Host, phase: Phase) -> Write:
    primary = Ids(context.primary.address)
    return Write(
        id=ident(phase, host.address, "discovery"),
        host=host.address,
        phase=phase,
        reason="the host knows where the API is, its CA, and a token that lets it in",
        after=(primary.ca, primary.token, Ids(host.address).prepare),
        always_run=True,
        only_if_needed=True,
        path=paths.DISCOVERY,
        # Not in the join's own script, which stays the same whichever host is asked.
        content=f"# seed {context.primary.address}\n{discovery_config()}",
        mode=0o600,
        secret=True,
        slots=("ca", "token"),
    )
