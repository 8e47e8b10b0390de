"""New certificate authorities for a running cluster: the steps by which all hosts change from old to new.

Three stages, each complete on all hosts before the next: everybody trusts both authorities; everybody shows
certificates of the new one; everybody trusts the new one alone. Control planes go one by one, each serving
again before the next. A host keeps the stage that it has reached, and the same plan goes on after a break.
"""

from enum import IntEnum
from typing import Final

from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.kubeadm import cluster_config
from bundler.installer.plan.kubelet_certificates import approval
from bundler.installer.plan.renew import PODS, Row
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_PACKED: Final = "/var/lib/bundler/rotate-ca.packed"
_CLIENT: Final = "/var/lib/bundler/rotate-ca.client"
_OURS: Final = "it comes over our own connection"
_PODS_LIMIT: Final = 600  # seconds until everything that was started anew runs


class Stage(IntEnum):
    """What a host has come to; rotate-host.sh counts them the same."""

    BOTH = 1
    NEW = 2
    ONLY = 3


_WHY: Final = {
    Stage.BOTH: "trusts the old authorities and the new ones",
    Stage.NEW: "shows certificates of the new authorities",
    Stage.ONLY: "trusts the new authorities alone",
}


def rotate_steps(context: Context) -> tuple[Step, ...]:
    """All of it, whatever of it is done already."""
    steps = list(_begin(context))
    for stage in Stage:
        steps += _stage(context, stage, _ends(steps))
    steps += _proof(context, _ends(steps))
    steps += _end(context, _ends(steps))
    return tuple(steps)


def _ends(steps: list[Step]) -> tuple[str, ...]:
    """Steps that none of the others waits for: what follows all of them waits for these."""
    waited = {name for step in steps for name in step.after}
    return tuple(step.id for step in steps if step.id not in waited)


def _begin(context: Context) -> tuple[Step, ...]:
    """The first control plane makes the authorities; others get them over our own connection."""
    first = context.primary
    row = Row(context, first, (), "rotate")
    why = "the new authorities are made beside the old ones"
    row.run("begin", why, templates.script("rotate-begin.sh"), stdin=cluster_config(context, first))
    steps, begun = list(row.made), row.behind()
    for control in ("yes", ""):
        hosts = [
            host for host in context.site.hosts if host != first and host.is_control_plane == bool(control)
        ]
        if not hosts:
            continue
        slot = "rotate-keys" if control else "rotate-ca"
        packed = Exec(
            id=ident(Phase.CONTROL_PLANE, first.address, slot),
            host=first.address,
            phase=Phase.CONTROL_PLANE,
            reason="every control plane signs with them" if control else "every worker has to know them",
            after=begun,
            always_run=True,
            script=templates.script("rotate-pack.sh", control=control),
            capture=slot,
            secret=True,
        )
        steps.append(packed)
        for host in hosts:
            steps += _taken(context, host, slot, packed.id)
    return tuple(steps)


def _taken(context: Context, host: Host, slot: str, after: str) -> tuple[Step, ...]:
    row = Row(context, host, (after,), "rotate")
    row.put("packed", _OURS, _PACKED, slot)
    row.run("take", "the new authorities lie here", templates.script("rotate-take.sh", packed=_PACKED))
    return tuple(row.made)


def _stage(context: Context, stage: Stage, after: tuple[str, ...]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for host in context.site.control_planes:
        steps += _control_plane(context, host, stage, after)
        after = (steps[-1].id,)
    if stage is Stage.NEW:
        steps += _serving(context, after)
        after = (steps[-1].id,)
    for host in context.site.workers:
        if not host.is_control_plane:
            steps += _worker(context, host, stage, after)
    if stage is not Stage.NEW:
        steps += _cluster(context, stage, _ends(steps))
    return tuple(steps)


def _control_plane(context: Context, host: Host, stage: Stage, after: tuple[str, ...]) -> tuple[Step, ...]:
    node = node_name(context.of(host))
    row = Row(context, host, after, f"rotate-{stage.name.lower()}")
    script = _host_script(node, stage, control="yes")
    row.run("host", f"{node} {_WHY[stage]}", script, stdin=cluster_config(context, host), timeout=300.0)
    pods = templates.script(
        "kubectl.sh", "pods-serve.sh", "pods-await.sh", node=node, pods=" ".join(("etcd", *PODS))
    )
    row.wait("pods", f"the control plane of {node} to serve", pods)
    settled = templates.script("etcd.sh", "etcd-settled.sh", member=node, besides="")
    diagnose = templates.script("etcd.sh", "etcd-diagnose.sh")
    row.wait("etcd", "every member of etcd to be a healthy voter", settled, diagnose)
    return tuple(row.made)


def _worker(context: Context, host: Host, stage: Stage, after: tuple[str, ...]) -> tuple[Step, ...]:
    node = node_name(context.of(host))
    row = Row(context, host, after, f"rotate-{stage.name.lower()}")
    client = ""
    if stage is Stage.NEW:
        slot, client = f"rotate-{host.address}", _CLIENT
        row.run(
            "sign",
            f"the new authority signs a certificate for the kubelet of {node}",
            templates.script("kubelet-client.sh", "kubelet-sign.sh", node=node),
            at=context.primary,
            stdin=cluster_config(context, context.primary),
            capture=slot,
        )
        row.put("client", _OURS, _CLIENT, slot)
    row.run("host", f"{node} {_WHY[stage]}", _host_script(node, stage, client=client), timeout=120.0)
    if stage is Stage.NEW and (script := approval(context, (host,))):
        row.wait("kubelet", "the kubelet to serve with a new certificate", script, at=context.primary)
    ready = templates.script("kubectl.sh", "nodes-ready.sh", nodes=f"{node}/{host.address}")
    row.wait("ready", f"{node} to be Ready", ready, at=context.primary)
    return tuple(row.made)


def _host_script(node: str, stage: Stage, *, control: str = "", client: str = "") -> str:
    return templates.script(
        "kubelet-client.sh",
        "kubelet-take.sh",
        "pods-anew.sh",
        "rotate-host.sh",
        node=node,
        stage=str(int(stage)),
        control=control,
        client=client,
    )


def _serving(context: Context, after: tuple[str, ...]) -> tuple[Step, ...]:
    """Kubelets of control planes ask again: the first may have been answered by one that signed as before."""
    script = approval(context, context.site.control_planes)
    rows = [Row(context, host, after, "rotate-new") for host in context.site.control_planes]
    for row in rows:
        row.run(
            "serving", "the kubelet serves with the new authority", templates.script("kubelet-serving.sh")
        )
    last = Row(context, context.primary, tuple(row.made[-1].id for row in rows), "rotate-new")
    if script:
        last.wait("serve", "the control planes' kubelets to serve with new certificates", script)
    nodes = " ".join(f"{node_name(context.of(host))}/{host.address}" for host in context.site.control_planes)
    last.wait(
        "ready",
        "the control planes to be Ready",
        templates.script("kubectl.sh", "nodes-ready.sh", nodes=nodes),
    )
    return (*(step for row in rows for step in row.made), *last.made)


def _cluster(context: Context, stage: Stage, after: tuple[str, ...]) -> tuple[Step, ...]:
    """What the cluster hands out; then its pods, most of which read at their start alone whom they trust."""
    row = Row(context, context.primary, after, f"rotate-{stage.name.lower()}")
    only = "yes" if stage is Stage.ONLY else ""
    row.wait(
        "cluster",
        "the cluster to give its authorities to pods and joining hosts",
        templates.script("kubectl.sh", "rotate-cluster.sh", only=only),
    )
    row.run(
        "restart",
        "pods that use the API restart, as their controllers' rules allow, and learn the new authorities",
        templates.script("kubectl.sh", "rotate-restart.sh", stage=str(int(stage)), limit=str(_PODS_LIMIT)),
        timeout=_PODS_LIMIT + 120.0,
    )
    return tuple(row.made)


def _proof(context: Context, after: tuple[str, ...]) -> tuple[Step, ...]:
    """The API server trusts the new authority alone: a kubelet that it reaches has a certificate of it."""
    steps: list[Step] = []
    for host in context.site.hosts:
        row = Row(context, host, after, "rotate")
        row.run("verify", "nothing here trusts an old authority", templates.script("rotate-verify.sh"))
        steps += row.made
    if script := approval(context, context.site.hosts):
        row = Row(context, context.primary, tuple(step.id for step in steps), "rotate")
        row.wait("kubelets", "the API server to reach every kubelet", script)
        steps += row.made
    return tuple(steps)


def _end(context: Context, after: tuple[str, ...]) -> tuple[Step, ...]:
    """The first control plane last: as long as it knows of the rotation, the same command goes on."""
    script = templates.script("rotate-end.sh")
    others = [Row(context, host, after, "rotate") for host in context.site.hosts if host != context.primary]
    for row in others:
        row.run("end", "the rotation has ended here", script)
    last = Row(context, context.primary, tuple(row.made[-1].id for row in others) or after, "rotate")
    last.run("end", "the rotation has ended", script)
    return (*(step for row in others for step in row.made), *last.made)
