"""The control planes: kubeadm init on the primary one, then the others join, one at a time."""

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.credentials import credential_steps
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.join import join_control_plane, kubectl_for_root
from bundler.installer.plan.kubeadm import ignored_checks, init_config, skipped_phases
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates


def control_plane_steps(context: Context) -> tuple[Step, ...]:
    """Initialise the primary, hand out what joining needs, and let the others join in a row."""
    first = () if context.running else _init_steps(context)
    kubectl = kubectl_for_root(context.primary, context.begun)
    steps = [*first, kubectl, *credential_steps(context)]
    after = context.begun
    for host in context.further:
        steps += join_control_plane(context, host, after=after)
        after = (Ids(host.address).settled,)
    return tuple(steps)


def _init_steps(context: Context) -> tuple[Step, ...]:
    host = context.primary.address
    ids = Ids(host)
    config = init_config(context)
    config_id = ident(Phase.CONTROL_PLANE, host, "config")
    phases = ",".join(skipped_phases(context, initial=True))
    write = Write(
        id=config_id,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="kubeadm reads how this cluster is to be",
        after=(ids.prepare,),
        path=paths.KUBEADM_CONFIG,
        content=config,
        mode=0o600,
    )
    init = Exec(
        id=ids.init,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason=f"Kubernetes {context.contents.version.text} is to run here",
        after=(ids.kubelet_started, ids.images, ids.endpoint),
        script=templates.script(
            "kubectl.sh",
            "init.sh",
            config=paths.KUBEADM_CONFIG,
            phases=phases,
            ignored=",".join(ignored_checks(context, context.primary)),
            inputs=content_digest(config),
        ),
        timeout=600.0,
    )
    certs = Exec(
        id=ids.certs,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="certificates are made while images are still being copied",
        after=(config_id, ids.programs),
        script=templates.script("certs.sh", config=paths.KUBEADM_CONFIG, inputs=content_digest(config)),
    )
    kubelet = Exec(
        id=ids.kubelet_started,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="the kubelet starts while images are still being copied",
        after=(certs.id, ids.kubelet, ids.containerd),
        script=templates.script(
            "kubelet-start.sh", config=paths.KUBEADM_CONFIG, inputs=content_digest(config)
        ),
    )
    return (write, certs, kubelet, init)
