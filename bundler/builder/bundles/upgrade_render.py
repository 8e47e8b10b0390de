"""An upgrade check as text for people, as JSON for programs, and its exit code. Pure."""

import json
from typing import Final

from bundler.builder.bundles.diff import Difference, Section
from bundler.builder.bundles.upgrade_check import Outcome, Parts, Weight
from bundler.core.errors import ExitCode
from bundler.core.terminal import tame
from bundler.core.words import sized

SCHEMA: Final = 1
_MARKS: Final = {Weight.ERROR: "✗", Weight.WARNING: "!", Weight.NOTE: "•"}
_CODES: Final = {
    Weight.ERROR: ExitCode.REFUSED,
    Weight.WARNING: ExitCode.FINDINGS,
    Weight.NOTE: ExitCode.OK,
}
_COUNTED: Final = (Section.IMAGES, Section.CHARTS, Section.PACKAGES, Section.FILES)


def exit_code(outcome: Outcome) -> ExitCode:
    """REFUSED where a site would refuse the new bundle, FINDINGS where something has to be looked at."""
    return _CODES[outcome.worst]


def as_text(old: Parts, new: Parts, outcome: Outcome, difference: Difference) -> str:
    """For a person: what changes, what restarts, what a site must have, what stands against it."""
    lines = [f"{new.name} {old.version} → {new.version}, {sized(difference.fresh)} of new content"]
    for what, before, after in _versions(old, new):
        told = (before or "none",) if before == after else (before or "none", after or "none")
        lines.append(f"  {what:<11} {' → '.join(told)}")
    counted = [f"{count} {section.value}" for section, count in _counts(difference).items() if count]
    lines.append(f"  changed     {', '.join(counted) or 'nothing'}")
    for head, texts in (("restarts", outcome.restarts), ("a site needs", outcome.needs)):
        lines += [f"{head}:", *(f"  {text}" for text in texts)] if texts else []
    lines += [f"{_MARKS[each.weight]} {each.id:<16} {each.text}" for each in outcome.said]
    code = exit_code(outcome)
    if code is not ExitCode.OK:
        lines.append(f"Exit code {int(code)} ({code.name})")
    return "".join(f"{tame(line)}\n" for line in lines)


def as_json(old: Parts, new: Parts, outcome: Outcome, difference: Difference) -> str:
    """`{"schema": 1, "exit_code": N, "hops": […], "restarts": […], "needs": […], "findings": […], …}`."""
    document = {
        "schema": SCHEMA,
        "exit_code": int(exit_code(outcome)),
        "old": _told(old),
        "new": _told(new),
        "hops": list(outcome.hops),
        "restarts": list(outcome.restarts),
        "needs": list(outcome.needs),
        "findings": [
            {"severity": each.weight.value, "id": each.id, "text": each.text} for each in outcome.said
        ],
        "changes": {section.value: count for section, count in _counts(difference).items()},
        "fresh_bytes": difference.fresh,
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _told(parts: Parts) -> dict[str, str]:
    return {
        "name": parts.name,
        "version": parts.version,
        "kubernetes": parts.kubernetes,
        "etcd": parts.etcd,
        "containerd": parts.containerd,
    }


def _versions(old: Parts, new: Parts) -> tuple[tuple[str, str, str], ...]:
    return (
        ("Kubernetes", old.kubernetes, new.kubernetes),
        ("etcd", old.etcd, new.etcd),
        ("containerd", old.containerd, new.containerd),
    )


def _counts(difference: Difference) -> dict[Section, int]:
    return {section: sum(change.section is section for change in difference.changes) for section in _COUNTED}
