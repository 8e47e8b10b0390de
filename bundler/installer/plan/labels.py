"""Roles of the site's own, beside control plane and worker: labels of the nodes, for selectors and people."""

from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates


def label_steps(context: Context) -> tuple[Step, ...]:
    """One step for all nodes; none where the Clusterfile has no such role."""
    lines = tuple(f"{node_name(facts)} {role}\n" for host, facts in context.hosts() for role in host.labels)
    if not lines:
        return ()
    host = context.site.control_plane.address
    return (
        Exec(
            id=ident(Phase.NETWORK, host, "labels"),
            host=host,
            phase=Phase.NETWORK,
            reason="the Clusterfile gives hosts roles of their own",
            after=(Ids(host).ready,),
            script=templates.script("kubectl.sh", "labels.sh"),
            stdin="".join(lines),
        ),
    )
