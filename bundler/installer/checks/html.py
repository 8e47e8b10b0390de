"""A report as one page: no script, nothing loaded, all that hosts say escaped. Pure."""

from collections.abc import Iterable
from html import escape
from typing import Final

from bundler.core.terminal import tame
from bundler.core.words import counted
from bundler.installer.checks.export import state
from bundler.installer.checks.model import ORDER, Report, Result, Severity
from bundler.installer.checks.table import headline
from bundler.installer.site.ranges import folded

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
body { color: #1c1c1c }
h1 { font-size: 1.35rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #d5d5d5; padding: .35rem .6rem .35rem 0 }
th, td { text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
.id { font-family: ui-monospace, monospace; white-space: nowrap }
.error { color: #a40000; font-weight: 600 }
.warning { color: #8a5a00; font-weight: 600 } .note { color: #4a4a4a }
.why { color: #4a4a4a } summary { cursor: pointer; margin-top: 1.5rem }
@media print { details > * { display: revert } body { margin: 0; max-width: none } }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_WORDS: Final = {
    "passed": "Passed",
    "unmeasured": "Not measured",
    "not-looked-at": "Not applicable here",
}


def as_html(report: Report) -> str:
    """The page as a whole."""
    title = _text(f"Check of {report.site}")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(headline(report))}</h1>",
        f"<p>{_text(report.forecast)}</p>" if report.forecast else "",
        *_findings(report),
        *(_others(report, name, words) for name, words in _WORDS.items()),
        f"<p>Exit code {int(report.code)} ({report.code.name})</p></body></html>",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def _findings(report: Report) -> Iterable[str]:
    if not report.findings:
        yield "<p>Nothing was found.</p>"
        return
    yield "<table><thead><tr><th>Severity<th>Check<th>Where<th>Measured<th>Limit<th>Why, and what to do"
    yield "</thead><tbody>"
    for severity in ORDER:
        for result in report.of(severity):
            yield from _rows(result, severity)
    yield "</tbody></table>"


def _rows(result: Result, severity: Severity) -> Iterable[str]:
    """Faults that differ in the place alone share a row."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for fault in result.faults:
        limit = fault.limit or result.limit
        reason = fault.reason or result.check.reason
        groups.setdefault((fault.value, limit, reason, fault.fix or result.check.fix), []).append(fault.where)
    for (value, limit, reason, fix), places in groups.items():
        ignored = " (passed over)" if result.ignored else ""
        yield (
            f'<tr><td class="{severity.value}">{severity.value}{ignored}'
            f'<td class="id">{_text(result.check.id)}'
            f"<td>{_text(folded(places))}<td>{_text(value)}<td>{_text(limit)}"
            f'<td><span class="why">{_text(reason)}</span><br>{_text(fix)}'
        )


def _others(report: Report, name: str, words: str) -> str:
    """Checks without findings, closed until somebody opens them."""
    chosen = [result for result in report.results if state(result) == name]
    if not chosen:
        return ""
    rows = "\n".join(
        f'<tr><td class="id">{_text(result.check.id)}<td>{_text(result.check.title)}<td>{_text(result.limit)}'
        f"<td>{_text(_why(result))}"
        for result in chosen
    )
    summary = f"{words}: {counted(len(chosen), 'check')}"
    return f"<details><summary>{summary}</summary><table><tbody>\n{rows}\n</tbody></table></details>"


def _why(result: Result) -> str:
    return "; ".join(f"{where}: {why}" for where, why in list(result.looked.unmeasured.items())[:20])


def _text(text: str) -> str:
    """What hosts, files and people say, as text and nothing else."""
    return escape(tame(text), quote=True)
