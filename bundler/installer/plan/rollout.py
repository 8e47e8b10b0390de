"""Settings of a running cluster: the steps by which one part of one host comes to run with others.

Each goes back by itself if what it changed does not come to serve; then the run stops there.
"""

from typing import Final

from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.kubeadm import cluster_config
from bundler.installer.plan.steps import Await, Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_PHASES: Final = {
    "kube-apiserver": "apiserver",
    "kube-controller-manager": "controller-manager",
    "kube-scheduler": "scheduler",
}
_LIMIT: Final = 150  # seconds for a static pod to serve with other settings
_STEADY: Final = 8  # seconds for which a kubelet has to keep running
_READY: Final = 120.0


def store_config(context: Context, name: str, digest: str, because: str) -> Step:
    """What kubeadm and kubelets read of the cluster; kube-proxy runs with it at once."""
    host = context.primary
    return Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, f"store-{name}"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason=because,
        always_run=True,
        script=templates.script("kubectl.sh", "store-config.sh", name=name, digest=digest),
        stdin=cluster_config(context, host),
        timeout=480.0,
    )


def settings(
    context: Context,
    host: Host,
    component: str,
    key: str,
    digest: str,
    because: str,
    after: tuple[str, ...] = (),
) -> tuple[Step, ...]:
    """key: under which the host's journal notes it once all is well; digest: of these settings."""
    stored = after + tuple(
        ident(Phase.CONTROL_PLANE, context.primary.address, f"store-{name}")
        for name in ("kubeadm-config", "kubelet-config")
    )
    if component in _PHASES:
        return (_static_pod(context, host, component, key, digest, because, stored),)
    return _kubelet(context, host, key, digest, because, stored)


def _static_pod(
    context: Context, host: Host, component: str, key: str, digest: str, because: str, after: tuple[str, ...]
) -> Step:
    return Exec(
        id=key,
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason=because,
        after=after,
        script=templates.script(
            "kubectl.sh",
            "pods-anew.sh",
            "pods-serve.sh",
            "settings-control-plane.sh",
            part=component,
            phase=_PHASES[component],
            node=node_name(context.of(host)),
            limit=str(_LIMIT),
            settings=digest,
        ),
        stdin=cluster_config(context, host),
        timeout=2.0 * _LIMIT + 60,
    )


def _kubelet(
    context: Context, host: Host, key: str, digest: str, because: str, after: tuple[str, ...]
) -> tuple[Step, ...]:
    phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
    change = Exec(
        id=ident(phase, host.address, "settings-kubelet"),
        host=host.address,
        phase=phase,
        reason=because,
        after=after,
        always_run=True,
        script=templates.script("settings-kubelet.sh", steady=str(_STEADY)),
        timeout=180.0,
    )
    node = node_name(context.of(host))
    ready = Await(
        id=ident(phase, host.address, "settings-ready"),
        host=context.primary.address,
        phase=phase,
        reason="the next node is not touched before this one serves",
        after=(change.id,),
        always_run=True,
        script=templates.script("kubectl.sh", "nodes-ready.sh", nodes=f"{node}/{host.address}"),
        subject=f"{node} to be Ready with its new settings",
        deadline=_READY,
        interval=0.5,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )
    noted = Exec(
        id=key,
        host=host.address,
        phase=phase,
        reason="the host notes with which settings its kubelet runs",
        after=(ready.id,),
        script=templates.script("settings-noted.sh", settings=digest),
    )
    return (change, ready, noted)
