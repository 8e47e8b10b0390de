"""A report as a table for people: findings by severity, equal ones folded, what to do about each. Pure."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bundler.core.errors import ExitCode
from bundler.core.words import counted
from bundler.installer.checks.fixes import Mended
from bundler.installer.checks.model import Fault, Report, Result, Severity
from bundler.installer.site.ranges import folded, hosts

_WIDTH: Final = 100
_MARKS: Final = {Severity.ERROR: "✗ error  ", Severity.WARNING: "! warning", Severity.NOTE: "• note   "}
_WIDEST: Final = 28  # of the column of hosts
_NUMBERS: Final = ("at least", "at most", "must ")  # limits that say more than the check's name
_GROUPS: Final = 6  # of one check; more end in a count


def as_text(report: Report, again: str, *, detail: bool = False) -> str:
    """again: the command that fixes. detail: what passed and what could not be measured, too."""
    lines = [headline(report)]
    shown = [r for r in report.findings if detail or r.severity is not Severity.NOTE]
    wide = max((len(result.check.id) for result in shown), default=0)
    column = min(_WIDEST, max((_width(result, report.hosts, detail=detail) for result in shown), default=0))
    for result in shown:
        lines += _finding(result, (wide, column), report.hosts, detail=detail)
    notes = len(report.of(Severity.NOTE))
    if notes and not detail:
        lines.append(f"{counted(notes, 'note')}: check -v")
    lines += _unmeasured(report, detail=detail)
    lines += [f"✓ {r.check.id}: {r.check.title}" for r in report.results if detail and r.passed]
    return "\n".join([*lines, *_end(report, again)])


def as_fixed(mended: Sequence[Mended], alone: Iterable[tuple[str, str, str]], after: Report) -> str:
    """What --fix has done, what it left alone, and what is left to do."""
    wide = max((len(each.check) for each in mended), default=0)
    groups: dict[tuple[str, str, str, bool, str], list[str]] = {}
    for each in mended:
        if each.done or each.why:
            key = (each.check, each.before, each.after, each.done, each.why)
            groups.setdefault(key, []).append(each.where)
    lines = []
    for (check, before, now, done, why), places in groups.items():
        head = f"{'✓' if done else '✗'} {check:<{wide}}  {_places(places, after.hosts)}  "
        lines += _wrapped(head, f"{before} → {now}" if done else f"{before}: {why}", wide + 4)
    left: dict[tuple[str, str], list[str]] = {}
    for address, check, why in alone:
        left.setdefault((check, why), []).append(address)
    lines += [f"• {check}: {folded(places)} left alone: {why}" for (check, why), places in left.items()]
    return "\n".join([*lines, *_left(after, undo=any(each.done for each in mended))])


def _places(places: list[str], total: int) -> str:
    return f"all {total}" if len(set(places)) == total > 1 else folded(places)


def _left(after: Report, *, undo: bool) -> Iterator[str]:
    names = [r.check.id for r in after.findings if r.severity is not Severity.NOTE and not r.ignored]
    parts = [f"Left: {', '.join(names)}." if names else "Nothing is left."]
    if undo:
        parts.append("`delete` puts it back.")
    if after.code is not ExitCode.OK:
        parts.append(f"  Exit code {int(after.code)} ({after.code.name})")
    yield " ".join(parts)


def headline(report: Report) -> str:
    """The site, what was found, and how much was looked at, in one line."""
    errors, warnings = len(report.of(Severity.ERROR)), len(report.of(Severity.WARNING))
    counting = [r for r in report.results if r.counts]
    passed = sum(result.passed for result in counting)
    links = f", {counted(report.links, 'link')}" if report.links else ""
    found = ", ".join(
        text
        for number, text in ((errors, counted(errors, "error")), (warnings, counted(warnings, "warning")))
        if number
    )
    return (
        f"{report.site}: {found or 'well'}; {passed} of {counted(len(counting), 'check')} pass on"
        f" {report.answered} of {hosts(report.hosts)} ({report.seconds:.0f} s{links})"
    )


def _rows(result: Result, total: int, *, detail: bool) -> tuple[list[tuple[str, str]], int]:
    """Where and what, by group; how many findings are left out."""
    groups = _groups(result)
    most = len(groups) if detail else _GROUPS
    rows = [(_where(faults, total), _value(faults[0], result)) for faults in groups[:most]]
    return rows, sum(len(faults) for faults in groups[most:])


def _width(result: Result, total: int, *, detail: bool) -> int:
    return max((len(where) for where, _ in _rows(result, total, detail=detail)[0]), default=0)


def _finding(result: Result, columns: tuple[int, int], total: int, *, detail: bool) -> Iterator[str]:
    mark = _MARKS[result.severity]
    wide, column = columns
    rows, left = _rows(result, total, detail=detail)
    indent = len(mark) + wide + 4
    for number, (where, value) in enumerate(rows):
        head = f"{mark}  {result.check.id:<{wide}}  " if not number else " " * indent
        yield from _wrapped(f"{head}{where:<{column}}  ", value, indent)
    if left:
        yield f"{' ' * indent}and {left} more (-v)"
    first = _groups(result)[0][0]
    fix = first.fix or result.check.fix
    ignored = "; passed over (--ignore)" if result.ignored else ""
    text = f"{first.reason or result.check.reason}; {fix}{ignored}"
    yield from _wrapped(" " * indent, text, indent)


def _groups(result: Result) -> list[list[Fault]]:
    """Faults that differ in nothing but the host; those that hit most come first."""
    found: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in result.faults:
        found.setdefault((fault.value, fault.limit, _shape(fault.where)), []).append(fault)
    return sorted(found.values(), key=lambda faults: -len(faults))


def _shape(where: str) -> str:
    """Pairs fold with pairs that begin at the same host."""
    first, arrow, _ = where.partition(" → ")
    return f"{first}{arrow}" if arrow else ""


def _where(faults: list[Fault], total: int) -> str:
    places = [fault.where for fault in faults]
    first, arrow, _ = places[0].partition(" → ")
    if arrow:
        return f"{first} → {folded(place.partition(' → ')[2] for place in places)}"
    if len(set(places)) == total > 1 and all(fault.hosts for fault in faults):
        return f"all {total}"
    return folded(places)


def _value(fault: Fault, result: Result) -> str:
    limit = fault.limit or result.limit
    return f"{fault.value}, {limit}" if limit.startswith(_NUMBERS) else fault.value


def _unmeasured(report: Report, *, detail: bool) -> Iterator[str]:
    found = [r for r in report.results if r.looked.unmeasured]
    if found and not detail:
        yield f"{counted(len(found), 'check')} could not be measured on some host: check -v"
    for result in found if detail else ():
        reasons: dict[str, list[str]] = {}
        for address, why in result.looked.unmeasured.items():
            reasons.setdefault(why, []).append(address)
        for why, addresses in reasons.items():
            yield f"? {result.check.id}: {folded(addresses)}: {why}"


def _end(report: Report, again: str) -> Iterator[str]:
    findings = [r for r in report.findings if r.severity is not Severity.NOTE]
    fixable = sum(result.check.fix_by is not None for result in findings)
    if report.forecast:
        yield report.forecast
    parts = []
    if fixable:
        parts.append(f"{fixable} can be fixed: {again}")
    if rest := len(findings) - fixable:
        parts.append(f"{rest} need{'s' if rest == 1 else ''} you.")
    if report.code is not ExitCode.OK:
        parts.append(f"Exit code {int(report.code)} ({report.code.name})")
    if parts:
        yield "   ".join(parts)


def _wrapped(head: str, text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
