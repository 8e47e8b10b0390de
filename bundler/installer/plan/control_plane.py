"""The first control plane: kubeadm init on the primary one, and what the others need to join it."""

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.credentials import credential_steps
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.join import kubectl_for_root
from bundler.installer.plan.kubeadm import ignored_checks, init_config, skipped_phases
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates


def init_steps(context: Context) -> tuple[Step, ...]:
    """Initialise the primary, unless it runs, and hand out what joining needs."""
    first = () if context.running else _init_steps(context)
    return (*first, kubectl_for_root(context.primary, context.begun), *credential_steps(context))


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
