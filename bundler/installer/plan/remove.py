"""Taking it all down: what runs, what it made, and what the ledger says was changed."""

from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Site

_SCRIPTS = (
    ("stop", "stop.sh", "nothing of the cluster may still run or be mounted", 180.0),
    ("network", "network.sh", "links, routes and packet filter rules of the cluster go", 60.0),
    ("restore", "restore.sh", "the ledger is undone, from its last line to its first", 300.0),
    ("forget", "forget.sh", "our state is removed from the host", 120.0),
)


def removal_steps(site: Site) -> tuple[Step, ...]:
    """On every host at once; none waits for another, since the whole cluster goes."""
    addresses = tuple(host.address for host in site.hosts)
    return tuple(step for host in site.hosts for step in host_removal(host, addresses))


def host_removal(host: Host, site: tuple[str, ...], *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """One host as it was found. site: addresses of all hosts, whose routes go."""
    steps: list[Step] = []
    addresses = "".join(f"{address}\n" for address in site)
    for what, name, reason, timeout in _SCRIPTS:
        steps.append(
            Exec(
                id=ident(Phase.REMOVE, host.address, what),
                host=host.address,
                phase=Phase.REMOVE,
                reason=reason,
                after=(steps[-1].id,) if steps else after,
                always_run=True,
                script=templates.script(name),
                stdin=addresses if what == "network" else "",
                timeout=timeout,
            )
        )
    return tuple(steps)
