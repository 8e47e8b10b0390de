"""DNS and the network plug-in, as soon as the API answers, and then all nodes Ready."""

from bundler.core.words import counted
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.dns import dns_steps
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.kubelet_certificates import kubelet_certificate_steps
from bundler.installer.plan.launch import launch
from bundler.installer.plan.steps import Await, Phase, Step
from bundler.installer.scripts import render as templates

NODES_DEADLINE = 300.0  # seconds after the last join


def network_steps(context: Context, *, own_names: bool = True) -> tuple[Step, ...]:
    """The plug-in's pods start while the workers are still joining.

    own_names: the cluster's DNS and its kubelets' certificates are ours to see to, not the distribution's.
    """
    host = context.primary.address
    ids = Ids(host)
    plugins = tuple(
        step
        for app in context.contents.index.network_plugins
        for step in launch(context, app, phase=Phase.NETWORK, after=context.begun)
    )
    applied = tuple(
        step.id for step in plugins if not isinstance(step, Await) and step.phase is Phase.NETWORK
    )
    dns = dns_steps(context) if own_names else ()
    names = " ".join(f"{node_name(facts)}/{host.address}" for host, facts in context.hosts())
    count = len(context.site.hosts)
    nodes = f"all {counted(count, 'node')}" if count > 1 else "the node"
    ready = Await(
        id=ids.ready,
        host=host,
        phase=Phase.NETWORK,
        reason="apps are spread over all nodes and find each other by name",
        after=(*context.begun, *applied, *context.joins, *(step.id for step in dns)),
        script=templates.script(
            "kubectl.sh", "nodes-ready.sh", *(("dns-ready.sh",) if dns else ()), nodes=names
        ),
        subject=f"{nodes} to be Ready" + (" and the DNS to answer" if dns else ""),
        deadline=NODES_DEADLINE,
        interval=0.2,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )
    return (*dns, *plugins, ready, *(kubelet_certificate_steps(context) if own_names else ()))
