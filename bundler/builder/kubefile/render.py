"""A lint report as text, JSON, or SARIF 2.1.0 (what code scanning reads). Pure: report in, text out."""

import json
from pathlib import PurePath
from urllib.parse import quote

from bundler.builder.kubefile.lint import Report
from bundler.builder.kubefile.rules import RULES, Rule
from bundler.builder.kubefile.source import Finding, Severity

_DOC = "docs/kubefile.md"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(report: Report) -> str:
    """For people: every finding with its line and caret, then a count."""
    blocks = [f"{finding.severity}: {finding.problem}" for finding in report.findings]
    errors = len(report.errors)
    warnings = len(report.findings) - errors
    count = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}"
    return "\n".join([*blocks, count]) + "\n"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_json(report: Report) -> str:
    """A list of objects with rule, severity, file, line, column, message, hint, text."""
    rows = [
        {
            "rule": finding.problem.rule,
            "severity": finding.severity.value,
            "file": finding.problem.location.file,
            "line": finding.problem.location.line,
            "column": finding.problem.location.column,
            "message": finding.problem.message,
            "hint": finding.problem.hint,
            "text": finding.problem.text,
        }
        for finding in report.findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def as_sarif(report: Report, version: str) -> str:
    """SARIF 2.1.0; `version` is bundler's own."""
    others = {f.problem.rule: f.severity for f in report.findings if f.problem.rule not in RULES}
    rules = [*RULES.values(), *(Rule(name, name, warning=_is_warning(at)) for name, at in others.items())]
    driver = {
        "name": "bundler lint",
        "version": version,
        "rules": [_rule(rule) for rule in rules],
    }
    order = [rule.id for rule in rules]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, order) for finding in report.findings],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _is_warning(severity: Severity) -> bool:
    return severity is Severity.WARNING


def _rule(rule: Rule) -> dict[str, object]:
    level = Severity.WARNING if rule.warning else Severity.ERROR
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.text},
        "help": {"text": f"See {_DOC}, {rule.id}."},
        "defaultConfiguration": {"level": level.value},
    }


def _result(finding: Finding, order: list[str]) -> dict[str, object]:
    problem = finding.problem
    message = problem.message + (f" (fix: {problem.hint})" if problem.hint else "")
    region = {"startLine": max(1, problem.location.line), "startColumn": max(1, problem.location.column)}
    artifact = {"uri": quote(PurePath(problem.location.file).as_posix())}  # a URI reference, RFC 3986
    return {
        "ruleId": problem.rule,
        "ruleIndex": order.index(problem.rule),
        "level": finding.severity.value,
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
    }
