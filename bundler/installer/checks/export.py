"""A report for programs: JSON, whose keys are only ever added to, and JUnit for CI systems. Pure."""

import json
import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from bundler.installer.checks.model import Report, Result, Severity

SCHEMA: Final = 1
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(report: Report) -> str:
    """Everything, by check."""
    return json.dumps(as_data(report), indent=2)


def as_data(report: Report) -> dict[str, Any]:
    """The same, as data."""
    return {
        "schema": SCHEMA,
        "site": report.site,
        "exit_code": int(report.code),
        "hosts": report.hosts,
        "answered": report.answered,
        "links": report.links,
        "seconds": round(report.seconds, 1),
        "forecast": report.forecast,
        "checks": [_check(result) for result in report.results],
    }


def _check(result: Result) -> dict[str, Any]:
    check = result.check
    return {
        "id": check.id,
        "area": check.area.value,
        "severity": result.severity.value,
        "state": state(result),
        "title": check.title,
        "limit": result.limit,
        "reason": check.reason,
        "fix": check.fix,
        "fixable": check.fix_by is not None,
        "required": check.required,
        "strict": result.strict,
        "findings": [
            {
                "where": fault.where,
                "hosts": list(fault.hosts),
                "value": fault.value,
                "fix": fault.fix or check.fix,
            }
            for fault in result.faults
        ],
        "unmeasured": dict(result.looked.unmeasured),
    }


def state(result: Result) -> str:
    """`passed`, `found`, `ignored`, `unmeasured`, or `not-looked-at` where it says nothing about the site."""
    if result.faults:
        return "ignored" if result.ignored else "found"
    if result.passed:
        return "passed"
    return "unmeasured" if result.looked.unmeasured else "not-looked-at"


def as_junit(report: Report) -> str:
    """A test case for every check; errors fail, warnings and notes are output."""
    counting = report.results
    failures = sum(state(r) == "found" and r.severity is Severity.ERROR for r in counting)
    skipped = sum(state(r) in {"unmeasured", "not-looked-at", "ignored"} for r in counting)
    suite = ET.Element(
        "testsuite",
        name=_xml(f"check {report.site}"),
        tests=str(len(counting)),
        failures=str(failures),
        errors="0",
        skipped=str(skipped),
        time=f"{report.seconds:.1f}",
    )
    for result in counting:
        case = ET.SubElement(suite, "testcase", classname=result.check.area.value, name=_xml(result.check.id))
        _outcome(case, result)
    text = ET.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _outcome(case: ET.Element, result: Result) -> None:
    told = "\n".join(
        f"{fault.where}: {fault.value}; {fault.fix or result.check.fix}" for fault in result.faults
    )
    match state(result):
        case "found" if result.severity is Severity.ERROR:
            message = f"{result.check.title}: {result.check.reason}"
            ET.SubElement(case, "failure", type="error", message=_xml(message)).text = _xml(told)
        case "found":
            ET.SubElement(case, "system-out").text = _xml(f"{result.severity.value}: {told}")
        case "unmeasured" | "not-looked-at" | "ignored" as word:
            ET.SubElement(case, "skipped", message=word)


def _xml(text: str) -> str:
    """Characters that XML has no place for are written as what they are not."""
    return _NO_XML.sub("\ufffd", text)
