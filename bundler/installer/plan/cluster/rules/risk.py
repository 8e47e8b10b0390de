"""What a plan must not meet: a sick etcd, a lost quorum, clocks apart, full disks, expired CAs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bundler.core.errors import ExitCode
from bundler.core.words import counted
from bundler.installer.facts.api import Owner
from bundler.installer.facts.etcd import LAG_LIMIT, Member, may_leave
from bundler.installer.plan.cluster.hops import kubelets, number, upgrading
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.steps import Finding, Refusal, Severity, Step, Verb
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.quorum import majority

CLOCK_LIMIT: Final = 30.0  # seconds from the median
_SECOND: Final = 86400.0

_ISSUES: Final = frozenset(
    {Verb.INIT, Verb.FINISH_INIT, Verb.JOIN, Verb.JOIN_CONTROL_PLANE, Verb.RENEW, Verb.EXTEND_NAMES}
)
_TURN: Final = {
    Verb.REMOVE_MEMBER: 0,
    Verb.JOIN_CONTROL_PLANE: 1,
    Verb.LEAVE: 2,
}  # as the concerns order them
_WRITES_ETCD: Final = frozenset({Verb.JOIN_CONTROL_PLANE, Verb.UPGRADE_CONTROL_PLANE})
_CHANGES_CONTROL: Final = frozenset(
    {Verb.JOIN_CONTROL_PLANE, Verb.UPGRADE_CONTROL_PLANE, Verb.SWITCH_ENDPOINT, Verb.EXTEND_NAMES}
)


def risk(view: View, steps: Sequence[Step]) -> Iterator[Refusal | Finding]:
    """steps: of every proposal, held back or not: what would become a risk later is refused now."""
    yield from clocks(view, steps)
    yield from authorities(view)
    yield from sick_etcd(view, steps)
    yield from quorum(view, steps)
    yield from absent_control_planes(view, steps)
    yield from stored(view, steps)
    yield from space(view, steps)
    yield from pods(view, steps)
    yield from budgets(view)
    yield from room(view, steps)


def clocks(view: View, steps: Sequence[Step]) -> Iterator[Refusal | Finding]:
    """Certificates and tokens of one host are not yet valid, or no longer, on another."""
    if view.desired.prechecked:
        return
    issues = any(step.verb in _ISSUES for step in steps)
    mended = {step.host for step in steps if step.verb is Verb.SET_CLOCK}
    for host in view.answering:
        apart = host.clock_offset - view.offset
        if abs(apart) <= CLOCK_LIMIT or host.address in mended or view.leaving(host.address):
            continue
        text = f"clock {apart:+.0f} s from the median of the hosts, limit {CLOCK_LIMIT:.0f} s"
        if not issues:
            yield Finding("clock-offset", host.address, text, Severity.WARNING)
            continue
        server = view.desired.time_server
        fix = "{run} --fix -f {file}" if server else "set the clock, or name the site's time server (ntp)"
        why = "certificates and join tokens made now would not be valid there"
        yield Refusal(
            "BND-CLOCK", f"the clock of {host.address} is wrong", text, why, fix, ExitCode.PREFLIGHT
        )


def authorities(view: View) -> Iterator[Refusal | Finding]:
    """A CA can't be renewed beside itself; that is an operation of its own."""
    if view.existence not in {Existence.RUNNING, Existence.DOWN} or view.operation.kind is Kind.ROTATE:
        return
    for host in view.answering:
        for each in host.certificates:
            left = (each.not_after - view.observed.now) / _SECOND
            if not each.authority or view.leaving(host.address):
                continue
            if left < 0:
                fix = "{run} certs rotate-ca -f {file}"
                what = f"the certificate authority {each.name} has expired"
                yield Refusal(
                    "BND-CA-EXPIRED",
                    what,
                    host.address,
                    "nothing that it signs is trusted",
                    fix,
                    ExitCode.TRUST,
                )
            elif left < 365:
                text = f"CA {each.name}: {counted(round(left), 'day')} left; plan for: certs rotate-ca"
                yield Finding("ca-expiry", host.address, text, Severity.WARNING)


def sick_etcd(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """No member is added and none upgraded while one is sick."""
    if view.etcd is None or not any(step.verb in _WRITES_ETCD for step in steps):
        return
    for member in view.etcd.voters:
        if view.gone(member.address):
            continue
        troubles = [
            (
                bool(member.alarms),
                f"alarm {' '.join(member.alarms)}",
                "etcdctl defrag --cluster; etcdctl alarm disarm",
            ),
            (
                member.db_size > member.quota,
                "its database is over the quota",
                "etcdctl compact REV; etcdctl defrag",
            ),
            (
                member.lag > LAG_LIMIT,
                f"{member.lag} {'entry' if member.lag == 1 else 'entries'} behind the leader",
                "look at its disk: etcdctl check perf",
            ),
        ]
        for bad, why, fix in troubles:
            if bad:
                where = f"{member.address} ({member.name})"
                yield Refusal("BND-ETCD-SICK", "etcd is not well enough for this", where, why, fix)


def quorum(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """Whichever member leaves, etcd needs a quorum before and after."""
    if view.etcd is None or view.operation.kind is Kind.DELETE:
        return
    voters, healthy = len(view.etcd.voters), view.etcd.healthy
    for step in sorted(steps, key=lambda each: _TURN.get(each.verb, 3)):
        member = view.etcd.at(step.subject)
        if step.verb is Verb.JOIN_CONTROL_PLANE and (member is None or member.learner):
            voters, healthy = voters + 1, healthy + 1
        elif step.verb in {Verb.LEAVE, Verb.REMOVE_MEMBER} and member and member.voter:
            if not may_leave(voters, healthy, leaver_healthy=member.healthy):
                yield _no_quorum(view, member, healthy, voters)
            voters, healthy = voters - 1, healthy - member.healthy


def _no_quorum(view: View, leaver: Member, healthy: int, voters: int) -> Refusal:
    address, left = leaver.address, healthy - leaver.healthy
    down = [
        m.address for m in (view.etcd.voters if view.etcd else ()) if not m.healthy and m.address != address
    ]
    fix = "{run} restore --from SNAPSHOT -f {file}"
    if down:
        fix = (
            f"bring {', '.join(down)} back; if lost, keep {address} and: {{run}} --gone {down[0]} -f {{file}}"
        )
    return Refusal(
        "BND-QUORUM",
        f"refused to remove {address} ({view.node_name(address)}): etcd would stop",
        f"etcd: {counted(voters, 'member')}, {healthy} healthy",
        f"{left} of the {voters - 1} that remain would be healthy; etcd needs {majority(voters - 1)}",
        fix,
    )


def absent_control_planes(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """What touches all control planes needs all of them."""
    if view.operation.kind is Kind.RESTORE:
        return
    absent = [a for a in view.control_planes if a in view.silent and not view.gone(a)]
    needy = [step for step in steps if step.verb in _CHANGES_CONTROL]
    if absent and needy:
        yield Refusal(
            "BND-NEEDS-CONTROL-PLANE",
            f"this needs every control plane, and {absent[0]} does not answer",
            f"{needy[0].verb.value} on {needy[0].subject}",
            "it would keep an outdated version, endpoint or set of members",
            f"get it back; if it is lost: {{run}} --gone {absent[0]} -f {{file}}",
        )


def stored(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """Joins and upgrades of control planes read the stored configuration: it has to be what we think."""
    if view.api is None or view.record is None:
        return
    reads = [step for step in steps if step.verb in _WRITES_ETCD]
    mended = {step.inputs.get("name") for step in steps if step.verb is Verb.STORE_CONFIG}
    for name in ("kubeadm-config", "kubelet-config"):
        was, found = view.record.stored.get(name, ""), view.api.stored.get(name, "")
        if was and found != was and reads and name not in mended:
            yield Refusal(
                "BND-STORED-CONFIG",
                f"{name} was changed in the cluster",
                f"kube-system/{name}",
                f"{reads[0].verb.value} of {reads[0].subject} would read it",
                "to put it back: {run} --restore-config -f {file}; else write it into the Clusterfile",
            )


def space(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """What is to be copied has to fit."""
    needs: dict[tuple[str, str], int] = {}
    for step in steps:
        if "size" not in step.inputs:  # of tens of thousands, a few bring something
            continue
        for mount, size in _sizes(step).items():
            needs[step.host, mount] = needs.get((step.host, mount), 0) + size
    for (address, mount), size in sorted(needs.items()):
        host = view.observed.host(address)
        free = host.disk_free.get(mount) if host else None
        if free is not None and free < size:
            yield Refusal(
                "BND-HOST-SPACE",
                f"not enough space on {address}",
                f"{address}, {mount}",
                f"needs {size >> 20} MiB, has {free >> 20} MiB",
                f"free {(size - free >> 20) + 1} MiB there",
                ExitCode.PREFLIGHT,
            )


def _sizes(step: Step) -> dict[str, int]:
    text = step.inputs.get("size", "")
    pairs = (part.partition("=") for part in text.split() if part)
    return {mount: int(size) for mount, _, size in pairs}


def pods(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """A drain takes no pod away that nothing brings back, unless it was named."""
    if view.api is None or view.operation.kind is Kind.DELETE:
        return
    leaving = {view.node_name(step.subject): step.subject for step in steps if step.verb is Verb.LEAVE}
    draining = {**upgraded(view), **leaving}
    for pod in view.api.pods:
        if pod.node not in draining or pod.name in view.operation.consents.delete_pods:
            continue
        if pod.owner is Owner.NONE or (pod.bound and pod.node in leaving):
            why = (
                "no controller recreates it"
                if pod.owner is Owner.NONE
                else "its volume is on this node alone"
            )
            where = f"{draining[pod.node]} ({pod.node})"
            fix = f"{{run}} --delete-pod {pod.name} -f {{file}}"
            yield Refusal("BND-DRAIN-POD", f"refused to drain: {pod.name} would be lost", where, why, fix)


def upgraded(view: View) -> Mapping[str, str]:
    """Nodes that an upgrade drains sooner or later, with their addresses; an only node it does not."""
    if view.operation.kind is not Kind.APPLY or view.api is None or len(view.api.nodes) < 2:
        return {}
    if not upgrading(view):
        return {}
    target = number(view.desired.versions.kubernetes)
    return {view.node_name(a): a for a, version in kubelets(view).items() if number(version) != target}


def budgets(view: View) -> Iterator[Refusal]:
    """An upgrade drains every node, so a budget that wants all its pods healthy stops it for certain."""
    for budget in view.api.budgets if view.api and upgraded(view) else ():
        if budget.allows_none:
            yield Refusal(
                "BND-BUDGET",
                f"the disruption budget {budget.name} allows no drain",
                budget.name,
                f"it wants {budget.healthy} of its {counted(budget.pods, 'pod')} healthy, "
                "so none may ever go",
                "raise its maxUnavailable to 1, or run one pod more than its minAvailable",
            )


_KEPT: Final = 3  # a snapshot as etcd writes it, one that is kept, and what a restore makes of it
_PLACES: Final = ("/var/lib/etcd", "/var/lib/bundler")


def room(view: View, steps: Sequence[Step]) -> Iterator[Refusal]:
    """Every control plane keeps the snapshot, and a way back makes new data beside the old."""
    if view.etcd is None or not any(step.verb is Verb.SNAPSHOT for step in steps):
        return
    size = _KEPT * max((member.db_size for member in view.etcd.members), default=0)
    for host in view.answering:
        if not view.is_control_plane(host.address):
            continue
        mounts = {mount for place in _PLACES if (mount := _mount(host.disk_free, place))}
        for mount in sorted(mounts):
            if (free := host.disk_free[mount]) < size:
                yield Refusal(
                    "BND-SNAPSHOT-SPACE",
                    f"not enough space on {host.address} for a snapshot of etcd and the way back",
                    f"{host.address}, {mount}",
                    f"needs {(size >> 20) + 1} MiB, has {free >> 20} MiB",
                    f"free {(size - free >> 20) + 1} MiB there",
                    ExitCode.PREFLIGHT,
                )


def _mount(free: Mapping[str, int], path: str) -> str:
    """The longest of the measured places that holds this path; "" for none."""
    fits = [place for place in free if path == place or path.startswith(place.rstrip("/") + "/")]
    return max(fits, key=len, default="")
