"""Maintenance: the steps by which one node is emptied and kept so, and by which it takes pods again. Pure.

The cordon carries an annotation of its own, so that no `apply` and no upgrade lifts it meanwhile.
"""

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.api import ApiObservation, Cordon, Node
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Site
from bundler.installer.site.quorum import majority


def away(site: Site, facts: Facts, address: str, *, limit: int) -> Plan:
    """Keep pods off this host and move what runs there to others.

    limit: seconds for the pods to go. Raises BundlerError (NOT_FOUND, DOWN, REFUSED).
    """
    asked, api = _api(site, facts)
    node = _node(api, site, facts, address)
    if not any(other.name != node.name and _takes_pods(other) for other in api.nodes):
        raise BundlerError(
            f"nothing can run elsewhere while {node.name} is away",
            where=address,
            why="no other node is Ready and takes pods",
            code=ExitCode.REFUSED,
            fix="get another node back first; to stop everything: shutdown",
        )
    cordon = _step(
        asked,
        f"maintenance-{address}",
        f"{node.name} is to take no more pods",
        60.0,
        "maintenance.sh",
        node=node.name,
    )
    drain = _step(
        asked, f"drain-{address}", f"what runs on {node.name} moves to other nodes", limit + 60.0, "drain.sh",
        after=(cordon.id,), node=node.name, limit=str(limit), delete="",
    )  # fmt: skip
    return Plan(
        f"{site.name}: {node.name} goes into maintenance", (cordon, drain), warnings=_warnings(facts, address)
    )


def back(site: Site, facts: Facts, address: str) -> Plan:
    """Let the host take pods again, if the cordon is ours. Raises BundlerError (NOT_FOUND, DOWN)."""
    asked, api = _api(site, facts)
    node = _node(api, site, facts, address)
    title = f"{site.name}: {node.name} comes back from maintenance"
    match node.cordon:
        case Cordon.NONE:
            return Plan(title, (), warnings=(f"{node.name} takes pods already",))
        case Cordon.PERSON:
            text = f"{node.name} stays cordoned: a person did that; kubectl uncordon {node.name} lifts it"
            return Plan(title, (), warnings=(text,))
        case Cordon.OURS | Cordon.MAINTENANCE:
            lift = _step(
                asked,
                f"back-{address}",
                f"{node.name} takes pods again",
                60.0,
                "maintenance-done.sh",
                node=node.name,
            )
            return Plan(title, (lift,), warnings=() if node.ready else (f"{node.name} is not Ready yet",))


def _api(site: Site, facts: Facts) -> tuple[str, ApiObservation]:
    """The control plane that answers for the cluster, and what it says."""
    for host in site.control_planes:
        found = facts.hosts.get(host.address)
        if found is not None and isinstance(found.api, Present):
            return host.address, found.api.value
    raise BundlerError(
        "the API answers on no control plane",
        where=site.name,
        code=ExitCode.DOWN,
        fix="start the site first: start",
    )


def _node(api: ApiObservation, site: Site, facts: Facts, address: str) -> Node:
    """The host's node, by its name where it answers, else by its address."""
    if address not in {host.address for host in site.hosts}:
        raise BundlerError(
            f"{address} is no host of this site",
            where=site.name,
            code=ExitCode.NOT_FOUND,
            fix="name an address of the Clusterfile",
        )
    found = facts.hosts.get(address)
    name = found.hostname.strip().lower() if found else ""
    node = api.node(name) or next((each for each in api.nodes if each.address == address), None)
    if node is None:
        raise BundlerError(f"{address} is no node of the cluster", where=site.name, code=ExitCode.NOT_FOUND)
    return node


def _takes_pods(node: Node) -> bool:
    repels = any(taint.endswith((":NoSchedule", ":NoExecute")) for taint in node.taints)
    return node.ready and node.cordon is Cordon.NONE and not repels


def _warnings(facts: Facts, address: str) -> tuple[str, ...]:
    """What switching off a member of etcd costs."""
    etcd = value_of(facts.etcd)
    member = etcd.at(address) if etcd else None
    if etcd is None or member is None or not member.voter:
        return ()
    voters, left = len(etcd.voters), etcd.healthy - member.healthy
    if left >= majority(voters):
        return ()
    left_over = f"{left} of etcd's {voters} members are left and {majority(voters)} are needed"
    return (f"while it is off, {left_over}: the API stops",)


def _step(
    host: str,
    what: str,
    why: str,
    timeout: float,
    script: str,
    *,
    after: tuple[str, ...] = (),
    **variables: str,
) -> Exec:
    return Exec(
        id=ident(Phase.WORKERS, host, what),
        host=host,
        phase=Phase.WORKERS,
        reason=why,
        after=after,
        always_run=True,
        timeout=timeout,
        script=templates.script("kubectl.sh", script, **variables),
    )
