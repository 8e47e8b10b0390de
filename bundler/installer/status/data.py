"""A status for programs: JSON whose keys are only ever added to (docs/status.md). Pure."""

import json
from typing import Any, Final

from bundler.installer.status.condition import PastRun
from bundler.installer.status.model import Finding, HostState, Part, Status

SCHEMA: Final = 1


def as_json(status: Status) -> str:
    """One line in ASCII, in which no terminal finds anything to obey: `--watch` prints one a look."""
    return json.dumps(as_data(status))


def as_data(status: Status) -> dict[str, Any]:
    """The same as data."""
    return {
        "schema": SCHEMA,
        "site": status.site,
        "state": status.state.value,
        "exit_code": int(status.state.code),
        "generation": status.generation,
        "product": {"name": status.product, "version": status.version},
        "kubernetes": status.kubernetes,
        "seconds": status.seconds,
        "hosts": [_host(each) for each in status.hosts],
        "parts": {part.name.lower().replace(" ", "_"): _part(part) for part in status.parts},
        "findings": [_finding(each) for each in status.findings],
        "runs": [_run(each) for each in status.runs],
    }


def _host(each: HostState) -> dict[str, Any]:
    return {
        "address": each.address,
        "node": each.node,
        "roles": list(each.roles),
        "state": each.state,
        "why": each.why,
        "versions": {"kubelet": each.kubelet, "containerd": each.containerd, **each.components},
        "os": each.os,
        "architecture": each.architecture,
        "uptime": round(each.uptime),
        "memory": {"bytes": each.memory, "available": each.memory_available},
        "disk_percent": each.disk,
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "state": part.state.value,
        "text": "; ".join(filter(None, (part.count, part.detail))),
        **part.data,
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "id": each.id,
        "severity": each.severity.value,
        "hosts": list(each.hosts),
        "subject": each.subject,
        "text": each.text,
        "value": each.value,
    }


def _run(each: PastRun) -> dict[str, Any]:
    return {
        "operation": each.operation,
        "result": each.result,
        "by": each.by,
        "ended": each.ended,
        "seconds": each.seconds,
        "product": each.product,
        "version": each.version,
        "kubernetes": each.kubernetes,
        "steps": each.steps,
        "error": each.error,
    }
