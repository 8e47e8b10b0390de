"""A site that was built elsewhere, on its new addresses: the steps until the API serves there.

Control planes first, all at once, since etcd has no majority before; then etcd is told where its members are;
then the workers. What else names addresses (registries, balancers, /etc/hosts) are pieces of hosts: an
ordinary `apply` brings them behind. Every step can be done again after a break.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.kubeadm import cluster_config
from bundler.installer.plan.kubelet_certificates import approval
from bundler.installer.plan.steps import Await, Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Role
from bundler.installer.site.moved import moved, moves
from bundler.installer.site.record import Record

_READY: Final = 300.0


def who_moved(record: Record | None, facts: Facts, old: frozenset[str] | None) -> Mapping[str, str]:
    """Old addresses with new ones. old: of the Clusterfile before, where one is given.

    Raises BundlerError (REFUSED) where it is not the site of the record.
    """
    if record is None:
        raise BundlerError(
            "these hosts keep no record of a site",
            code=ExitCode.REFUSED,
            where=", ".join(facts.hosts),
            why="without it, which machine was at which address is unknown",
            fix="restore the record on a control plane: /var/lib/bundler/record.json",
        )
    recorded = {host.address for host in record.hosts}
    if old is not None and (missing := sorted(recorded - old)):
        raise BundlerError(
            f"the old Clusterfile is not of this site: it lacks {', '.join(missing)}",
            code=ExitCode.REFUSED,
            why=f"the site's record names {', '.join(sorted(recorded))}",
            fix="give the Clusterfile that the site was last applied with as --from",
        )
    machines = {address: each.site.machine_id for address, each in facts.hosts.items() if each.site}
    pairs = moves(record, machines)
    controls = [host for host in record.hosts if host.role is Role.CONTROL_PLANE]
    if len(controls) > 1 and (swapped := sorted(set(pairs) & set(machines))):
        raise BundlerError(
            f"another machine has {', '.join(swapped)} now",
            code=ExitCode.REFUSED,
            why="several etcd members know each other by their old addresses: these must be free meanwhile",
            fix="give the machines addresses that none of them had before, run this, "
            "then repeat it with the final ones",
        )
    known = set(machines.values())
    if absent := sorted(host.address for host in record.hosts if host.machine_id not in known):
        raise BundlerError(
            f"no host of the new Clusterfile is the machine that was {', '.join(absent)}",
            code=ExitCode.REFUSED,
            why="every machine of the site must answer: they are identified by /etc/machine-id",
            fix="add its new address to the Clusterfile, or remove it at the old place first (--gone)",
        )
    _refuse_renamed(record, facts)
    return pairs


def _refuse_renamed(record: Record, facts: Facts) -> None:
    """A node's name is in certificates, volumes and labels: it stays, and its host has to be called so."""
    names = {host.machine_id: host.node_name for host in record.hosts}
    for address, each in facts.hosts.items():
        was = names.get(each.site.machine_id, "") if each.site else ""
        if was and was != node_name(each):
            raise BundlerError(
                f"the node {was} is called {node_name(each)} now",
                where=address,
                code=ExitCode.REFUSED,
                why="a node keeps its name: volumes and certificates are bound to it",
                fix=f"on {address}: hostnamectl set-hostname {was}; then run the same command",
            )


def at_new_addresses(facts: Facts, pairs: Mapping[str, str]) -> Facts:
    """The facts with every copy of the record as if it had the new addresses already."""
    hosts = {}
    for address, each in facts.hosts.items():
        record = value_of(each.site.record) if each.site else None
        if each.site and record:
            site = replace(each.site, record=Present(moved(record, pairs)))
            hosts[address] = replace(each, site=site)
        else:
            hosts[address] = each
    return replace(facts, hosts=hosts)


def readdress_steps(context: Context, pairs: Mapping[str, str]) -> tuple[Step, ...]:
    """pairs: old addresses with new ones."""
    controls = context.site.control_planes
    several = len(controls) > 1
    bridges = _bridges(context, pairs, up=True) if several else ()
    moved_controls = tuple(
        _host(context, host, pairs, tuple(step.id for step in bridges)) for host in controls
    )
    answers = _etcd_answers(context, tuple(step.id for step in moved_controls))
    told = _etcd_told(context, pairs, answers.id)
    down = _bridges(context, pairs, up=False, after=(told.id,)) if several else ()
    api = _await(
        context,
        "readdress-api",
        "the API to answer at its new address",
        templates.script("etcd.sh", "readdress-answers.sh", "kubectl.sh", "api-answers.sh"),
        (told.id, *(step.id for step in down)),
    )
    workers = tuple(_host(context, host, pairs, (api.id,)) for host in context.site.workers)
    behind = tuple(step.id for step in (api, *workers))
    last = _ends(context, pairs, behind)
    noted = tuple(_noted(host, (last[-1].id,)) for host in context.site.hosts)
    return (*bridges, *moved_controls, answers, told, *down, api, *workers, *last, *noted)


def _words(pairs: Mapping[str, str]) -> str:
    return " ".join(f"{old}={new}" for old, new in sorted(pairs.items()))


def _phase(host: Host) -> Phase:
    return Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS


def _host(context: Context, host: Host, pairs: Mapping[str, str], after: tuple[str, ...]) -> Step:
    old = {new: before for before, new in pairs.items()}.get(host.address, host.address)
    control = "yes" if host.is_control_plane else ""
    several = len(context.site.control_planes) > 1 and old != host.address
    config = cluster_config(context, host, peers=(old,) if several else ())
    return Exec(
        id=ident(_phase(host), host.address, "readdress"),
        host=host.address,
        phase=_phase(host),
        reason=f"{node_name(context.of(host))} was {old} and is {host.address}",
        after=after,
        always_run=True,
        script=templates.script(
            "pods-anew.sh",
            "readdress.sh",
            pairs=_words(pairs),
            control=control,
            listen=old if control and several else "",
        ),
        stdin=config if control else "",
        timeout=180.0,
    )


def _bridges(
    context: Context, pairs: Mapping[str, str], *, up: bool, after: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """While etcd's members know each other by old addresses only, these lead to the new ones."""
    new = {host.address for host in context.site.control_planes}
    ours = {old: address for old, address in pairs.items() if address in new}
    return tuple(
        Exec(
            id=ident(Phase.CONTROL_PLANE, address, f"readdress-{'bridge' if up else 'unbridge'}"),
            host=address,
            phase=Phase.CONTROL_PLANE,
            reason="etcd's members find each other until they know the new addresses"
            if up
            else "they know the new addresses",
            after=after,
            always_run=True,
            script=templates.script(
                "readdress-bridge.sh",
                own=old,
                others=_words({o: n for o, n in ours.items() if o != old}),
                up="yes" if up else "",
            ),
            timeout=180.0,
        )
        for old, address in sorted(ours.items())
    )


def _await(context: Context, name: str, subject: str, script: str, after: tuple[str, ...]) -> Await:
    host = context.primary.address
    return Await(
        id=ident(Phase.CONTROL_PLANE, host, name),
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="later steps need it",
        after=after,
        always_run=True,
        script=script,
        subject=subject,
        deadline=_READY,
        interval=0.5,
        diagnose=templates.script("etcd.sh", "etcd-diagnose.sh"),
    )


def _etcd_answers(context: Context, after: tuple[str, ...]) -> Await:
    script = templates.script("etcd.sh", "readdress-answers.sh")
    return _await(context, "readdress-etcd", "etcd to have a leader at the new addresses", script, after)


def _etcd_told(context: Context, pairs: Mapping[str, str], after: str) -> Step:
    host = context.primary.address
    return Exec(
        id=ident(Phase.CONTROL_PLANE, host, "readdress-members"),
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason="etcd's members find each other at their new addresses from now on",
        after=(after,),
        always_run=True,
        script=templates.script("etcd.sh", "readdress-etcd.sh", pairs=_words(pairs)),
    )


def _ends(context: Context, pairs: Mapping[str, str], after: tuple[str, ...]) -> tuple[Step, ...]:
    """Kubelets serve at their new addresses, nodes are Ready there, host-network pods restart."""
    made: list[Step] = []
    if script := approval(context, context.site.hosts, moved=True):
        made.append(_await(context, "readdress-kubelets", "every kubelet to serve there", script, after))
    nodes = " ".join(f"{node_name(facts)}/{host.address}" for host, facts in context.hosts())
    ready = templates.script("kubectl.sh", "readdress-nodes.sh", nodes=nodes)
    before = (made[-1].id,) if made else after
    made.append(
        _await(context, "readdress-nodes", "every node to be Ready at its new address", ready, before)
    )
    host = context.primary.address
    made.append(
        Exec(
            id=ident(Phase.CONTROL_PLANE, host, "readdress-pods"),
            host=host,
            phase=Phase.CONTROL_PLANE,
            reason=f"pods in the hosts' own network know {_stale(len(pairs))}",
            after=(made[-1].id,),
            always_run=True,
            script=templates.script("kubectl.sh", "readdress-pods.sh"),
        )
    )
    return tuple(made)


def _noted(host: Host, after: tuple[str, ...]) -> Step:
    return Exec(
        id=ident(_phase(host), host.address, "readdressed"),
        host=host.address,
        phase=_phase(host),
        reason="the host has its new address everywhere",
        after=after,
        always_run=True,
        script="rm -f /var/lib/bundler/readdressing",
    )


def _stale(count: int) -> str:
    return "an address that is no more" if count == 1 else f"{count} addresses that are no more"
