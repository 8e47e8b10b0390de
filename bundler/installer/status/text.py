"""A status for people: one line for the whole, then findings, then a row a part. Pure."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bundler.core.words import counted, lasting, mebibytes
from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.site.ranges import folded
from bundler.installer.status.amounts import minute
from bundler.installer.status.condition import PastRun
from bundler.installer.status.model import Finding, HostState, Part, State, Status

_MARKS: Final = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "•"}
_STATES: Final = {State.WELL: "✓", State.FINDINGS: "!", State.DOWN: "✗", State.UNKNOWN: "?"}
_NAMES: Final = {18: "FINDINGS", 19: "DOWN"}
_RUNS: Final = 10

Names = Callable[[str], str]


def lines(status: Status, *, width: int = 100, detail: bool = False) -> Iterator[str]:
    """All of it. width: columns; detail: also host by host and the runs before the last."""
    yield _headline(status)
    names = {each.address: each.node for each in status.hosts}
    yield from _findings(status.findings, names, width)
    yield from _parts(status)
    if detail:
        yield from ("", *_hosts(status.hosts))
        for part in status.parts:
            yield from _detail(part)
        yield from _runs(status.runs)
    if code := status.state.code:
        yield f"Exit code {int(code)} ({_NAMES[int(code)]})"


def _headline(status: Status) -> str:
    product = f"{status.product} {status.version}, Kubernetes {status.kubernetes}"
    if status.state is State.WELL:
        return f"✓ {status.site} is well: {product}"
    if status.state is State.DOWN:
        if any(finding.id == "not-installed" for finding in status.findings):
            return f"✗ {status.site} has no cluster yet"
        return f"✗ {status.site} does not work: {product}"
    grave = sum(finding.severity is not Severity.NOTE for finding in status.findings)
    part = next((part for part in status.parts if part.name == "hosts"), None)
    ready = f", {part.count.replace(' Ready', ' hosts Ready')}" if part else ""
    return f"! {status.site} works, {counted(grave, 'finding')}: {product}{ready}"


def _findings(findings: Iterable[Finding], names: dict[str, str], width: int) -> Iterator[str]:
    told = tuple(findings)
    wide = max((len(each.id) for each in told), default=0)
    for each in told:
        head = f"{_MARKS[each.severity]} {each.severity.value:<7}  {each.id:<{wide}}  "
        yield from _wrapped(head, f"{_where(each, names)}  {each.text}", width)


def _where(finding: Finding, names: dict[str, str]) -> str:
    if not finding.hosts:
        return finding.subject
    if len(finding.hosts) == 1:
        return _named(finding.hosts[0], names.get(finding.hosts[0], ""))
    return folded(finding.hosts)


def _named(address: str, node: str) -> str:
    return f"{address} ({node})" if node and node != address else address


def _wrapped(head: str, text: str, width: int) -> Iterator[str]:
    """Under its own column; nothing is cut off."""
    room = max(width - len(head), 20)
    made = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    yield head + made[0]
    yield from (" " * len(head) + line for line in made[1:])


def _parts(status: Status) -> Iterator[str]:
    plain = status.state is State.WELL  # then a mark on every row says nothing
    name = max((len(part.name) for part in status.parts), default=0)
    count = max((len(part.count) for part in status.parts), default=0)
    for part in status.parts:
        mark = "" if plain else f"{_STATES[part.state]} "
        yield f"{mark}{part.name:<{name}}  {part.count:<{count}}    {part.detail}".rstrip()


def _hosts(hosts: tuple[HostState, ...]) -> Iterator[str]:
    rows = [("HOST", "NODE", "ROLES", "STATE", "KUBELET", "CONTAINERD", "OS", "UP", "MEMORY FREE", "DISK")]
    mixed = len({each.architecture for each in hosts} - {""}) > 1
    rows += [
        (
            each.address, each.node, "+".join(each.roles), each.state, each.kubelet, each.containerd,
            f"{each.os} {each.architecture}".strip() if mixed else each.os,
            lasting(each.uptime) if each.uptime else "",
            f"{mebibytes(each.memory_available)} of {mebibytes(each.memory)}" if each.memory else "",
            f"{each.disk}%" if each.disk else "",
        )
        for each in hosts
    ]  # fmt: skip
    yield from _table(rows)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{text:<{size}}" for text, size in zip(row, wide, strict=True)).rstrip()


def _detail(part: Part) -> Iterator[str]:
    """Members of etcd and apps, one a line."""
    match part.name:
        case "etcd" if part.data.get("list"):
            yield ""
            yield from _table([("MEMBER", "ADDRESS", "STATE", "DATABASE"), *map(_member, part.data["list"])])
        case "apps" if part.data.get("apps"):
            yield ""
            yield from _table([("APP", "KIND", "STATE", "PODS", "RELEASE"), *map(_app, part.data["apps"])])


def _member(each: Mapping[str, Any]) -> tuple[str, ...]:
    word = "learner" if each["learner"] else "leader" if each["leader"] else "healthy"
    state = ", ".join(each["alarms"]) or (word if each["healthy"] else "down")
    return each["name"], each["address"], state, mebibytes(each["bytes"])


def _app(each: Mapping[str, Any]) -> tuple[str, ...]:
    release = each["release"]
    told = f"{release['status']}, revision {release['revision']}" if release else ""
    state = "ready" if each["ready"] else "not ready"
    return each["name"], each["kind"], state, f"{each['pods_ready']} of {each['pods']}", told


def _runs(runs: tuple[PastRun, ...]) -> Iterator[str]:
    if not runs:
        return
    yield ""
    yield "RUNS"
    for run in runs[:_RUNS]:
        product = f"{run.product} {run.version}".strip()
        failed = f": {run.error}" if run.error else ""
        deed = f"{run.operation}, {run.result}"
        yield f"{minute(run.ended)}  {deed:<14}  {product}, {counted(run.steps, 'step')}, {run.by}{failed}"
