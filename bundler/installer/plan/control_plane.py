"""The control plane: kubeadm init on one host, and what workers need to know of it."""

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.kubeadm import ignored_checks, init_config, skipped_phases
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates


def control_plane_steps(context: Context) -> tuple[Step, ...]:
    """Initialise, then hand out CA and token; the last two only when a worker is to join."""
    host = context.site.control_plane.address
    ids = Ids(host)
    config = init_config(context)
    config_id = ident(Phase.CONTROL_PLANE, host, "config")
    phases = ",".join(skipped_phases(context, context.site.control_plane))
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
        after=(ids.kubelet_started, ids.images),
        script=templates.script(
            "init.sh",
            config=paths.KUBEADM_CONFIG,
            phases=phases,
            ignored=",".join(ignored_checks(context, context.site.control_plane)),
            inputs=content_digest(config),
        ),
        timeout=600.0,
    )
    certs = Exec(
        id=ids.certs,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="certificates can be made while images are still on their way",
        after=(config_id, ids.programs),
        script=templates.script("certs.sh", config=paths.KUBEADM_CONFIG, inputs=content_digest(config)),
    )
    kubelet = Exec(
        id=ids.kubelet_started,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="the kubelet looks around while images are still on their way",
        after=(certs.id, ids.kubelet, ids.containerd),
        script=templates.script(
            "kubelet-start.sh", config=paths.KUBEADM_CONFIG, inputs=content_digest(config)
        ),
    )
    return (
        write,
        certs,
        kubelet,
        init,
        _capture(ids.ca, host, "the CA, for workers to trust", "ca.sh", "ca", ids.init),
        _capture(ids.token, host, "a token, for workers to join with", "token.sh", "token", ids.init),
    )


def _capture(name: str, host: str, reason: str, scripts: str, slot: str, behind: str) -> Step:
    return Exec(
        id=name,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason=reason,
        after=(behind,),
        script=templates.script(*scripts.split()),
        capture=slot,
        volatile=True,
        means=True,
        secret=True,
    )
