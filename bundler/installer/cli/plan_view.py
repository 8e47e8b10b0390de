"""A plan for people: equal hosts in one line, what is done there and why, MiB, restarts, time. Pure."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bundler.core.index import Index
from bundler.core.words import counted, mebibytes, roughly
from bundler.installer.facts.model import Facts
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.duration import SPEED, ahead, copied, copying, work
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Await, Deliver, Phase, Plan, Step
from bundler.installer.site.model import Host, Site
from bundler.installer.site.ranges import folded, hosts

_MIB: Final = 1 << 20
_WIDTH: Final = 100
_WORDS: Final = {  # what the steps of a phase come to, in the imperative
    Phase.PREFLIGHT: "check",
    Phase.HOST: "prepare the host",
    Phase.RUNTIME: "set up containerd",
    Phase.REGISTRY: "set up the registry",
    Phase.CONTROL_PLANE: "set up the control plane",
    Phase.WORKERS: "join",
    Phase.NETWORK: "set up the network",
    Phase.APPS: "start apps",
    Phase.REMOVE: "remove all",
}
_LEAVES: Final = (Verb.LEAVE, Verb.REMOVE_MEMBER, Verb.DELETE_NODE)
_UNITS: Final = {"runtime/start": "containerd", "registry/start": "the registry", "host/kubelet": "kubelet"}


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class View:
    """What is shown of a plan: the plan, the site with its facts, and the bundle that it is made of."""

    plan: Plan
    site: Site
    facts: Facts
    index: Index
    signer: str = ""  # "" for an unsigned file
    lost: tuple[str, ...] = ()  # hosts that were left out

    @cached_property
    def _by_host(self) -> dict[str, list[Step]]:
        found: dict[str, list[Step]] = {}
        for step in self.plan.steps:
            found.setdefault(step.host, []).append(step)
        return found

    def of(self, address: str) -> list[Step]:
        """The steps of one host."""
        return self._by_host.get(address, [])

    def machine(self, address: str) -> str:
        """The host's architecture, where the site's hosts are of several; else ""."""
        return self.facts.hosts[address].architecture if self._mixed else ""

    @cached_property
    def _mixed(self) -> bool:
        return len({host.architecture for host in self.facts.hosts.values()}) > 1

    def is_new(self, address: str) -> bool:
        """Whether the host is no node yet."""
        return not self.facts.hosts[address].kubelet_config


def as_text(view: View, again: str) -> str:
    """The whole, for a terminal. again: the command that carries the plan out."""
    if not view.plan.steps:
        return "\n".join([_headline(view), *_answers(view), "Nothing to do."])
    lines = [_headline(view), *_answers(view), *deeds(view), *_warnings(view)]
    count = len(view.plan.steps)
    steps = f"{'The' if count == 1 else 'All'} {counted(count, 'step')}: plan -v."
    return "\n".join([*lines, f"Nothing was changed. {steps} To do it: {again}"])


def deeds(view: View) -> list[str]:
    """What happens on which host, and what it costs."""
    return [*_rows(view), "", *_figures(view)]


def _headline(view: View) -> str:
    index, site = view.index, view.site
    new = [host for host in site.hosts if view.is_new(host.address)]
    product = f"{index.name} {index.version} with Kubernetes {index.kubernetes}"
    if len(new) == len(site.hosts):
        return f"{site.name}: install {product} on {hosts(len(site.hosts))}"
    changed = {step.host for step in view.plan.steps} - {host.address for host in new}
    parts = [f"{hosts(len(new))} {'joins' if len(new) == 1 else 'join'}"] if new else []
    parts += [f"{hosts(len(changed))} {'changes' if len(changed) == 1 else 'change'}"] if changed else []
    if leaving := len(_leaving(view.plan)):
        parts.append(f"{hosts(leaving)} {'leaves' if leaving == 1 else 'leave'}")
    return f"{site.name}: {', '.join(parts) or 'no host changes'} ({product})"


def _leaving(plan: Plan) -> frozenset[str]:
    """Hosts that go in this stage or a later one."""
    decided = plan.decision
    stages = () if decided is None else (decided.stage, *decided.forecast)
    return frozenset(step.subject for stage in stages if stage for step in stage.verbs(*_LEAVES))


def _answers(view: View) -> Iterator[str]:
    signed = f"Signed by {view.signer}." if view.signer else "The file is not signed."
    total = len(view.site.hosts) + len(view.lost)
    nodes = sum(not view.is_new(host.address) for host in view.site.hosts)
    have = "none is a node yet" if not nodes else f"{nodes} {'is a node' if nodes == 1 else 'are nodes'}"
    yield f"{signed} {len(view.site.hosts)} of {hosts(total)} answer; {have}."


def _rows(view: View) -> Iterator[str]:
    """Hosts with equal steps in one row; sizes are per host."""
    groups: dict[tuple[object, ...], list[Host]] = {}
    for host in view.site.hosts:
        if steps := view.of(host.address):
            key = (
                view.is_new(host.address),
                view.machine(host.address),
                *_role(host),
                _deeds(view, host, steps),
                copied(steps) // _MIB,
            )
            groups.setdefault(key, []).append(host)
    places = [folded(host.address for host in group) for group in groups.values()]
    width = min(max(map(len, places), default=0), 40)
    for group, place in zip(groups.values(), places, strict=True):
        first = group[0]
        yield from _row(view, first, place, width)
    same = [host.address for host in view.site.hosts if not view.of(host.address)]
    if same:
        yield f"• {folded(same):<{width}}  left as {'it is' if len(same) == 1 else 'they are'}"


def _row(view: View, host: Host, place: str, width: int) -> Iterator[str]:
    steps = view.of(host.address)
    new = view.is_new(host.address)
    size = copied(steps)
    copy = f", copy {mebibytes(size)}" if size else ""
    machine = view.machine(host.address)
    role = f"{' '.join(_role(host))}{machine and f' ({machine})'}"
    deeds = f"{role}: {_deeds(view, host, steps)}{copy}"
    mark = "+" if new else "~"
    if len(place) > width:  # many ranges: they have lines of their own
        yield from _wrapped(f"{mark} ", place)
        yield from _wrapped(" " * (width + 4), deeds)
    else:
        yield from _wrapped(f"{mark} {place:<{width}}  ", deeds)
    if not new:
        reasons = dict.fromkeys(step.reason for step in steps if not isinstance(step, Await))
        shown = list(reasons)[:2]
        more = f"; and {len(reasons) - 2} more (-v)" if len(reasons) > 2 else ""
        yield from _wrapped(" " * (width + 4), f"because {'; '.join(shown)}{more}")


def _role(host: Host) -> tuple[str, ...]:
    return tuple(sorted(role.value for role in host.roles))


def _deeds(view: View, host: Host, steps: Iterable[Step]) -> str:
    steps = tuple(steps)
    phases = Counter(step.phase for step in steps)
    if view.is_new(host.address) and Phase.REMOVE not in phases:
        join = _coming(host, steps)
        apps = f", start {_apps(view)}" if phases[Phase.APPS] and _apps(view) else ""
        return f"install, {join}{apps}"
    words = [_WORDS[phase] for phase in Phase if phases[phase] and phase in _WORDS]
    if phases[Phase.APPS] and _apps(view):
        words = [f"start {_apps(view)}" if word == _WORDS[Phase.APPS] else word for word in words]
    return ", ".join(words) or "copy files"


def _coming(host: Host, steps: Iterable[Step]) -> str:
    if not host.is_control_plane:
        return "join"
    begins = any(step.id == Ids(host.address).init for step in steps)
    return "init the control plane" if begins else "join as control plane"


def _apps(view: View) -> str:
    names = view.index.launch if view.site.launch is None else view.site.launch
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def _figures(view: View) -> Iterator[str]:
    steps = view.plan.steps
    size = copied(steps)
    to = len({step.host for step in steps if isinstance(step, Deliver)})
    if size:
        yield f"Copies    {mebibytes(size)} to {hosts(to)}"
    yield from _wrapped("Restarts  ", f"{_restarts(view) or 'nothing that runs'}; no host reboots")
    yield f"Time      about {roughly(_seconds(view))}, at {SPEED // _MIB} MiB/s"


def _restarts(view: View) -> str:
    """Units that run by now and that the plan touches; on a new host nothing of ours runs."""
    found: dict[str, list[str]] = {}
    for step in view.plan.steps:
        unit = _UNITS.get(f"{step.phase}/{step.name}")
        if unit and not view.is_new(step.host):
            found.setdefault(unit, []).append(step.host)
    return "; ".join(f"{unit} on {folded(places)}" for unit, places in found.items())


def _seconds(view: View) -> float:
    steps, decision = view.plan.steps, view.plan.decision
    later = ahead(decision.forecast) if decision else 0.0
    return copying(copied(steps)) + sum(part.seconds for part in work(steps)) + later


def _warnings(view: View) -> Iterator[str]:
    swapping = [host.address for host in view.site.hosts if view.facts.hosts[host.address].swap]
    if swapping:
        yield f"! swap-on   {folded(swapping)}: memory limits do not hold there while swap is on"
    if view.lost:
        yield f"! left-out  {folded(view.lost)}: can't be reached (--max-failed)"


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
