"""What was decided, for a person: what happens to which host and why, and what is left alone."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.steps import Finding, Plan, Severity, Stage, Step, Verb

_WORDS = {
    Verb.PUT: "~ set",
    Verb.INIT: "+ init",
    Verb.FINISH_INIT: "+ finish the init of",
    Verb.UNDO_INIT: "- undo the broken-off init of",
    Verb.JOIN: "+ join as worker",
    Verb.JOIN_CONTROL_PLANE: "+ join as control plane",
    Verb.PROMOTE: "~ promote the etcd member of",
    Verb.REMOVE_MEMBER: "- remove the etcd member of",
    Verb.DELETE_NODE: "- delete the node of",
    Verb.LEAVE: "- drain and remove",
    Verb.AWAIT_NODE: "~ wait for",
    Verb.UNTAINT: "~ let pods onto",
    Verb.UNCORDON: "~ uncordon",
    Verb.LABELS: "~ set labels and taints of",
    Verb.SETTINGS: "~ change settings of",
    Verb.STORE_CONFIG: "~ store settings in the cluster, through",
    Verb.LISTS: "~ name the control planes on",
    Verb.SWITCH_ENDPOINT: "~ change the way to the API on",
    Verb.CHECK_PULL: "~ try a pull on",
    Verb.KEEP: "~ keep what runs now on",
    Verb.SNAPSHOT: "~ take a snapshot of etcd on",
    Verb.UPGRADE_CONTROL_PLANE: "~ upgrade the control plane of",
    Verb.UPGRADE_NODE: "~ upgrade the kubelet of",
    Verb.RENEW: "~ renew the certificates of",
    Verb.EXTEND_NAMES: "~ add names to the certificates of",
    Verb.SET_CLOCK: "~ set the clock of",
    Verb.MARK_REMOVAL: "~ mark for removal",
    Verb.WIPE: "- clear",
    Verb.RESTORE: "~ restore etcd on",
    Verb.RECOVER: "~ settle the release",
    Verb.APP: "+ bring up",
    Verb.UNINSTALL: "- uninstall",
}
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "•"}
_SHOWN = 3  # hosts or reasons before "and N more"


def lines(decision: Plan) -> Iterator[str]:
    """Stage by stage; then what was found and is left alone."""
    stages = (*((decision.stage,) if decision.stage else ()), *decision.forecast)
    for number, stage in enumerate(stages):
        if len(stages) > 1:
            yield f"stage {number + 1} of {len(stages)}{', as foreseen' if number else ''}:"
        yield from _stage(stage)
    for finding in decision.findings:
        yield _finding(finding)


def _stage(stage: Stage) -> Iterator[str]:
    """Hosts are folded where action and reason are equal."""
    folded: dict[tuple[str, str], list[str]] = {}
    for step in stage.steps:
        hosts = folded.setdefault((_what(step), str(step.because)), [])
        if step.subject not in hosts:
            hosts.append(step.subject)
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (what, because), hosts in folded.items():
        merged.setdefault((what, tuple(hosts)), []).append(because)
    for (what, together), reasons in merged.items():
        yield f"{what} {_some(together)}"
        for because in reasons[:_SHOWN]:
            yield f"    because {because}"
        if len(reasons) > _SHOWN:
            yield f"    and {len(reasons) - _SHOWN} more reasons (-v)"


def _what(step: Step) -> str:
    return _WORDS.get(step.verb, f"~ {step.verb.value}")


def _some(hosts: tuple[str, ...]) -> str:
    shown = ", ".join(hosts[:_SHOWN])
    return shown if len(hosts) <= _SHOWN else f"{shown} and {len(hosts) - _SHOWN} more"


def _finding(finding: Finding) -> str:
    return f"{_MARKS[finding.severity]} {finding.id:<16} {finding.where}  {finding.text}"
