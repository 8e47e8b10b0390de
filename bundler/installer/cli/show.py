"""Plans and facts as text for a person and as JSON for a program. No secret's content is in either."""

import json
from collections.abc import Iterator
from typing import Any

from bundler.core.words import counted
from bundler.installer.cli import decision_view
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.plan.steps import Await, Deliver, Delivery, Exec, Phase, Plan, Step, Write

_MIB = 1 << 20
_OF_SITE = frozenset({"site", "api", "etcd"})  # what is observed of the site is the plan's to show


def plan_text(plan: Plan) -> str:
    """Every step with its reason, by phase, in the plan's order."""
    lines = [plan.title]
    if plan.decision is not None:
        lines += ["", *decision_view.lines(plan.decision)]
    for phase in Phase:
        steps = [step for step in plan.steps if step.phase is phase]
        lines += [f"\n{phase.value}:"] if steps else []
        lines += [f"  {step.host:<16} {_kind(step):<8} {step.reason}" for step in steps]
    lines.append(f"\n{counted(len(plan.steps), 'step')} to do, {counted(len(plan.done), 'step')} done before")
    return "\n".join(lines)


def plan_in_order(plan: Plan) -> str:
    """Every step with its reason, one behind the other: where the order is what a person wants to see."""
    lines = [plan.title, *(f"warning: {each}" for each in plan.warnings), ""]
    for step in plan.steps:
        what = f"wait for {step.subject}" if isinstance(step, Await) else step.reason
        lines.append(f"  {step.host:<16} {step.name:<20} {what}")
    return "\n".join([*lines, "", f"{counted(len(plan.steps), 'step')} to do"])


def plan_json(plan: Plan) -> str:
    """The plan whole, without contents."""
    return json.dumps(plan_data(plan), indent=2)


def plan_data(plan: Plan) -> dict[str, Any]:
    """The same, as data."""
    steps = [_step(step) for step in plan.steps]
    done = [{"id": each.step.id, "host": each.step.host, "why": each.why} for each in plan.done]
    return {"title": plan.title, "steps": steps, "done": done, **_decided(plan)}


def _decided(plan: Plan) -> dict[str, Any]:
    """What the planner said: what happens to which host and why, and what was found."""
    if plan.decision is None:
        return {}
    stage = plan.decision.stage
    deeds = [
        {
            "key": step.key,
            "do": step.verb.value,
            "host": step.subject,
            "cause": step.because.cause.value,
            "because": str(step.because),
            "before": step.because.before,
            "now": step.because.now,
        }
        for step in (stage.steps if stage else ())
    ]
    findings = [
        {"id": each.id, "severity": each.severity.value, "where": each.where, "text": each.text}
        for each in plan.decision.findings
    ]
    return {"deeds": deeds, "findings": findings, "stages": len(plan.decision.forecast) + bool(stage)}


def facts_text(facts: Facts) -> str:
    """A few lines for each host."""
    return "\n".join(line for host in facts.hosts.values() for line in _host_lines(host))


def facts_json(facts: Facts) -> str:
    """Everything that was found, by host."""
    hosts = {address: _host_json(host) for address, host in facts.hosts.items()}
    return json.dumps({"gathered_at": facts.gathered_at, "hosts": hosts}, indent=2, sort_keys=True)


def _kind(step: Step) -> str:
    return type(step).__name__.lower()


def _step(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": step.id,
        "kind": _kind(step),
        "host": step.host,
        "phase": step.phase.value,
        "reason": step.reason,
        "after": list(step.after),
    }
    match step:
        case Deliver(files=files):
            told["files"] = [_file(file) for file in files]
        case Write(path=path):
            told["path"] = path
        case Exec(timeout=timeout):
            told["timeout"] = timeout
        case Await(subject=subject, deadline=deadline):
            told |= {"subject": subject, "deadline": deadline}
    return told


def _file(file: Delivery) -> dict[str, Any]:
    told = {"path": file.path, "member": file.member, "size": file.size}
    return {**told, "platform": file.platform} if file.platform else told


def _host_lines(host: HostFacts) -> Iterator[str]:
    system = f"{host.os_id} {host.os_version} ({host.os_codename}), {host.architecture}, Linux {host.kernel}"
    disks = ", ".join(f"{mount} {free // _MIB} MiB" for mount, free in sorted(host.disk_free.items()))
    role = "control plane" if host.admin_config else "node" if host.kubelet_config else "no node"
    yield f"{host.address}  {host.hostname}"
    yield f"  {system}"
    yield f"  {host.cpus} CPUs, {host.memory // _MIB} MiB memory, {'swap' if host.swap else 'no swap'}"
    yield f"  free: {disks}"
    yield f"  {host.virtualisation}, cgroup {host.cgroup.value}, clock {host.clock_offset:+.1f} s from ours"
    foreign = " of another cluster" if host.foreign_cluster else ""
    yield f"  {role}{foreign}, {counted(len(host.stamps), 'step')} done here"


def _host_json(host: HostFacts) -> dict[str, Any]:
    told = {name: getattr(host, name) for name in HostFacts.__slots__}
    for name, value in told.items():
        if isinstance(value, frozenset):
            told[name] = sorted(value)
    # Which steps are done, not with what: a digest over a file with a password would let it be guessed.
    told["stamps"] = dict.fromkeys(sorted(host.stamps), True)
    return {name: value for name, value in told.items() if name not in _OF_SITE}
