"""Which hosts must answer before anything is changed; and what a cluster that does not answer allows."""

from collections.abc import Iterator

from bundler.core.errors import ExitCode
from bundler.core.words import counted
from bundler.installer.facts.seen import Unknown
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.steps import Finding, Refusal, Severity
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.quorum import majority
from bundler.installer.site.record import HostState


def reach(view: View) -> Iterator[Refusal | Finding]:
    """First the cluster as a whole, then host by host."""
    refused = [*restoring(view), *standing(view)]
    yield from refused
    if not refused:
        yield from silent_hosts(view)


def restoring(view: View) -> Iterator[Refusal]:
    """Where a restore was broken off, an install would make an empty cluster of it."""
    record, operation = view.record, view.operation
    begun = record is not None and record.operation == Kind.RESTORE.value
    if not begun or operation.kind is not Kind.APPLY or operation.consents.lose:
        return
    if view.existence is not Existence.RUNNING:
        yield Refusal(
            "BND-RESTORE-OPEN",
            f"a restore of {view.desired.name} is not finished",
            ", ".join(view.wanted_control_planes),
            "its data is not in place yet, and an install would begin without any",
            "run the same restore again: {run} restore --from SNAPSHOT -f {file}",
        )


def standing(view: View) -> Iterator[Refusal]:
    """Unreachable is not absent; a minority of the data is not the data."""
    if view.operation.kind in {Kind.DELETE, Kind.RESTORE}:
        return
    silent = [address for address in view.control_planes if address in view.silent]
    match view.existence:
        case Existence.UNKNOWN:
            yield _unknown(view, silent)
        case Existence.SILENT:
            yield _quorum_lost(view, silent)
        case Existence.LOST:
            yield _lost(view)


def _unknown(view: View, silent: list[str]) -> Refusal:
    record = view.record
    known = (
        f"the record shows {record.name}, generation {record.generation}" if record else "no record was found"
    )
    return Refusal(
        "BND-CLUSTER-UNKNOWN",
        f"refused to install: it could destroy a cluster on {view.desired.name}",
        "; ".join(f"{address}: {_why(view, address)}" for address in silent),
        f"{known}; unreachable is not absent",
        "get the host back and run the same command; if it is lost: {run} restore --from SNAPSHOT -f {file}",
    )


def _quorum_lost(view: View, silent: list[str]) -> Refusal:
    voters = len(view.control_planes)
    return Refusal(
        "BND-QUORUM-LOST",
        f"{len(silent)} of {counted(voters, 'control plane')} "
        f"{'does' if len(silent) == 1 else 'do'} not answer",
        "; ".join(f"{address}: {_why(view, address)}" for address in silent),
        f"etcd needs {majority(voters)} of {voters}; the data of those that are left is not touched",
        "power them on and run the same command; if they are lost: {run} restore --from SNAPSHOT -f {file}",
    )


def _lost(view: View) -> Refusal:
    tagged = [host.address for host in view.answering if host.traces.cluster or host.ours]
    where = f"still part of it: {', '.join(tagged)}" if tagged else "the record"
    return Refusal(
        "BND-CLUSTER-LOST",
        f"the cluster {view.desired.name} has lost its data",
        where,
        "every control plane answers, and none holds etcd data any more",
        "{run} restore --from SNAPSHOT -f {file}; or, to abandon it: {run} delete -f {file}",
    )


def _why(view: View, address: str) -> str:
    seen = view.observed.hosts.get(address, Unknown())
    return seen.why if isinstance(seen, Unknown) else "answers"


def silent_hosts(view: View) -> Iterator[Refusal | Finding]:
    """Every host that does not answer: excused by name or number, on its way out, or a reason to stop."""
    for address in view.silent:
        restored = view.operation.kind is Kind.RESTORE and view.wanted(address) is None
        if view.gone(address) or restored:
            continue
        if address in view.excused:
            text = f"{_why(view, address)}; left out; the next run includes it"
            yield Finding("host-silent", address, text, Severity.WARNING)
        else:
            yield _silent(view, address)


def _silent(view: View, address: str) -> Refusal:
    control, wanted = view.is_control_plane(address), view.wanted(address)
    if view.operation.kind is not Kind.DELETE and (view.leaving(address) or wanted is None):
        fix = f"get it back; if it is lost: {{run}} --gone {address} -f {{file}}"
    elif control and view.recorded_host(address) is None:
        fix = "get it back, or remove it from the Clusterfile"
    elif control:
        fix = f"get it back; to go on without it: {{run}} --without {address} -f {{file}}"
    else:
        fix = "get it back; to install the others: {run} --max-failed 1 -f {file}"
    recorded = view.recorded_host(address)
    state = recorded.state.value if recorded else "new"
    role = "control plane" if control else "worker"
    return Refusal(
        "BND-HOST-SILENT",
        f"{address} does not answer",
        f"{address} ({role}, {state}): {_why(view, address)}",
        "what runs there is not known" if state == HostState.MEMBER.value else "it can't be looked at",
        fix,
        ExitCode.REFUSED,
    )
