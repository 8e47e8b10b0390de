"""Labels and taints of a new cluster's nodes, before any app; those of a running one are the planner's."""

from collections.abc import Iterator

from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host


def label_steps(context: Context) -> tuple[Step, ...]:
    """One step for all nodes; none where the Clusterfile gives them nothing."""
    lines = tuple(
        f"{node_name(facts)} {line}\n" for host, facts in context.hosts() for line in _of_host(host)
    )
    if not lines:
        return ()
    host = context.primary.address
    return (
        Exec(
            id=labels_id(host),
            host=host,
            phase=Phase.NETWORK,
            reason="the Clusterfile gives nodes labels and taints",
            after=(Ids(host).ready,),
            script=templates.script("kubectl.sh", "labels.sh"),
            stdin="".join(lines),
        ),
    )


def labels_id(host: str) -> str:
    """The step behind which apps find nodes as they are wanted."""
    return ident(Phase.NETWORK, host, "labels")


def _of_host(host: Host) -> Iterator[str]:
    for key, value in host.node_labels.items():
        yield f"label {key}={value}"
    for taint in sorted(host.taints):
        yield f"taint {taint}"
    for taint in sorted(host.no_taints):
        yield f"untaint {taint}"
