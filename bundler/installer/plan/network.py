"""The network plug-in, as soon as the API answers, and then all nodes Ready."""

from bundler.core.index import AppRole
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.launch import launch
from bundler.installer.plan.steps import Await, Phase, Step
from bundler.installer.scripts import render as templates

NODES_DEADLINE = 300.0  # seconds after the last join


def network_steps(context: Context) -> tuple[Step, ...]:
    """The plug-in's pods start while the workers are still joining."""
    host = context.primary.address
    ids = Ids(host)
    plugins = tuple(
        step
        for app in context.contents.index.apps
        if app.role is AppRole.CNI
        for step in launch(context, app, phase=Phase.NETWORK, after=(ids.init,))
    )
    joins = (
        *(Ids(each.address).settled for each in context.further),
        *(Ids(worker.address).join for worker in context.site.workers),
    )
    applied = tuple(
        step.id for step in plugins if not isinstance(step, Await) and step.phase is Phase.NETWORK
    )
    names = " ".join(node_name(facts) for _, facts in context.hosts())
    ready = Await(
        id=ids.ready,
        host=host,
        phase=Phase.NETWORK,
        reason="apps are spread over all nodes, so all of them have to be there",
        after=(ids.init, *applied, *joins),
        script=templates.script("kubectl.sh", "nodes-ready.sh", nodes=names),
        subject=f"all {len(context.site.hosts)} nodes to be Ready",
        deadline=NODES_DEADLINE,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )
    return (*plugins, ready)
