"""From what was seen to a `Status`. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.plan.cluster.view import Existence
from bundler.installer.site.ranges import in_order
from bundler.installer.status import cluster, hosts, upkeep
from bundler.installer.status.model import Finding, HostState, Judged, Look, Part, State, Status

_GRAVITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
_NOTHING = {Existence.ABSENT, Existence.UNFINISHED}


def judge(look: Look, *, seconds: float = 0.0) -> Status:
    """The whole site. seconds: how long the looking took."""
    states = hosts.host_states(look)
    judged = _parts(look, states)
    findings = _merged([*_whole(look), *(each for part in judged for each in part.findings)])
    record = look.view.record
    product = record.products[0] if record and record.products else None
    return Status(
        site=look.site.name,
        state=_state(look, [each.part for each in judged], findings),
        product=product.name if product else look.index.name,
        version=product.version if product else look.index.version,
        kubernetes=(record.kubernetes if record else "") or look.index.kubernetes,
        generation=record.generation if record else 0,
        hosts=states,
        parts=tuple(each.part for each in judged),
        findings=findings,
        runs=upkeep.runs_of(look),
        seconds=round(seconds, 2),
    )


def _parts(look: Look, states: tuple[HostState, ...]) -> tuple[Judged, ...]:
    if look.view.existence in _NOTHING:
        answered = f"{len(look.facts.hosts)} of {len(states)} answer"
        part = Part("hosts", State.DOWN, answered, "none is a node of a cluster")
        return (Judged(part, hosts.silent_hosts(look, states)), upkeep.disk_part(look))
    return (
        hosts.hosts_part(look, states),
        hosts.control_plane_part(look),
        cluster.etcd_part(look),
        cluster.apps_part(look),
        upkeep.registries_part(look),
        upkeep.certificates_part(look),
        upkeep.disk_part(look),
        upkeep.drift_part(look),
        upkeep.runs_part(look),
    )


def _whole(look: Look) -> Iterable[Finding]:
    """What is wrong with the site as one."""
    name = look.site.name
    match look.view.existence:
        case Existence.RUNNING:
            return
        case Existence.ABSENT | Existence.UNFINISHED:
            text = f"no cluster is here yet; install it: {look.again}"
            yield Finding("not-installed", Severity.ERROR, text, subject=name)
        case Existence.FOREIGN:
            yield Finding(
                "foreign", Severity.ERROR, "the cluster here belongs to another product", subject=name
            )
        case Existence.REMOVING:
            yield Finding("removing", Severity.ERROR, "a delete was begun and is not finished", subject=name)
        case existence:
            text = f"the API answers through no control plane ({existence.value})"
            yield Finding("api-down", Severity.ERROR, text, subject=name, value=existence.value)


def _state(look: Look, parts: Iterable[Part], findings: Iterable[Finding]) -> State:
    """Down: no API, no quorum, or no node that is Ready. Notes are no findings."""
    nodes = look.view.api.nodes if look.view.api else ()
    if not any(node.ready for node in nodes) or any(part.state is State.DOWN for part in parts):
        return State.DOWN
    grave = any(finding.severity is not Severity.NOTE for finding in findings)
    return State.FINDINGS if grave or any(part.state is not State.WELL for part in parts) else State.WELL


def _merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Equal ones of several hosts once; by severity, then by hosts hit."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for each in findings:
        groups.setdefault((each.id, each.severity, each.text, each.subject), []).append(each)
    merged = [
        replace(group[0], hosts=tuple(in_order({address for each in group for address in each.hosts})))
        for group in groups.values()
    ]
    return tuple(sorted(merged, key=lambda each: (_GRAVITY[each.severity], -len(each.hosts), each.id)))
