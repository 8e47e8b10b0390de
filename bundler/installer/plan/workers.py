"""Workers: everything but the join itself is ready before the control plane is."""

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.kubeadm import discovery_config, ignored_checks, join_config, skipped_phases
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host


def worker_steps(context: Context) -> tuple[Step, ...]:
    """For each worker: its configuration, a token to join with, and the join, which takes the token away."""
    return tuple(step for host in context.site.workers for step in _one(context, host))


def _one(context: Context, host: Host) -> tuple[Step, ...]:
    ids, control_plane = Ids(host.address), Ids(context.site.control_plane.address)
    config = Write(
        id=ident(Phase.WORKERS, host.address, "config"),
        host=host.address,
        phase=Phase.WORKERS,
        reason="kubeadm reads how this worker joins",
        after=(ids.prepare,),
        path=paths.JOIN_CONFIG,
        content=join_config(context, host),
        mode=0o600,
    )
    discovery = Write(
        id=ident(Phase.WORKERS, host.address, "discovery"),
        host=host.address,
        phase=Phase.WORKERS,
        reason="the worker knows the API's name and CA, and a token that lets it in",
        after=(control_plane.ca, control_plane.token, ids.prepare),
        volatile=True,
        means=True,
        path=paths.DISCOVERY,
        content=discovery_config(),
        mode=0o600,
        secret=True,
        slots=("ca", "token"),
    )
    join = Exec(
        id=ids.join,
        host=host.address,
        phase=Phase.WORKERS,
        reason="this host is to run pods of the cluster",
        after=(config.id, discovery.id, ids.kubelet, ids.containerd, ids.images, control_plane.init),
        script=templates.script(
            "join.sh",
            config=paths.JOIN_CONFIG,
            discovery=paths.DISCOVERY,
            phases=",".join(skipped_phases(context, host)),
            ignored=",".join(ignored_checks(context, host)),
            inputs=content_digest(config.content),
        ),
        timeout=420.0,
    )
    return (config, discovery, join)
