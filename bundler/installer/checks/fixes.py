"""What --fix does about findings: steps of a plan, each with its entries in the host's ledger. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bundler.installer.checks.model import Fix, Report, Result, Scene
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan.ids import ident
from bundler.installer.plan.limits import HostLimits
from bundler.installer.plan.settings import in_container
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.scripts import render as templates

_RAISED: Final = MappingProxyType(  # to what the limit asks for
    {
        "fs/inotify/max_user_watches": "inotify_watches",
        "fs/inotify/max_user_instances": "inotify_instances",
        "kernel/pid_max": "pids",
        "fs/file-max": "file_handles",
    }
)
_FIXED: Final = MappingProxyType({"net/ipv4/conf/all/rp_filter": "2"})
_KERNEL: Final = frozenset({Fix.SYSCTL, Fix.SWAP})


@dataclass(frozen=True, slots=True)
class Fixing:
    """What will be done, and what is left alone although --fix knows how: host, check, why."""

    plan: Plan
    alone: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Mended:
    """One finding after --fix. after: what it is now, where `done`; why: what a step said, where not."""

    check: str
    where: str
    before: str
    after: str
    done: bool
    why: str = ""


def fixing(scene: Scene, report: Report) -> Fixing:
    """Steps for all findings that were not ignored and are safe to fix here."""
    work: dict[tuple[str, Fix], list[Result]] = {}
    alone: list[tuple[str, str, str]] = []
    for result, address in _mendable(report):
        kind, facts = result.check.fix_by, scene.facts.hosts.get(address)
        if kind is None or facts is None:
            continue
        if why := _untouchable(kind, facts):
            alone.append((address, result.check.id, why))
        else:
            work.setdefault((address, kind), []).append(result)
    steps = tuple(_step(scene, address, kind, results) for (address, kind), results in work.items())
    return Fixing(Plan(f"{scene.site.name}: fix what check found", steps), tuple(alone))


def mended(result: Result, limits: HostLimits) -> str:
    """What it is once --fix has been there."""
    match result.check.fix_by:
        case Fix.SWAP:
            return "off; copy of /etc/fstab kept"
        case Fix.TIME:
            return "runs"
        case _:
            return f"{int(_value(result.check.setting, limits)):,}"


def _mendable(report: Report) -> Iterator[tuple[Result, str]]:
    for result in report.findings:
        if result.check.fix_by is not None and not result.ignored:
            for fault in result.faults:
                for address in fault.hosts:
                    yield result, address


def _untouchable(kind: Fix, facts: HostFacts) -> str:
    if not facts.sudo:
        return "commands can't be run as root"
    if facts.foreign_cluster:
        return "the host belongs to another cluster"
    if kind in _KERNEL and in_container(facts):
        return "the setting is that of the container's host"
    return ""


def _step(scene: Scene, address: str, kind: Fix, results: Iterable[Result]) -> Exec:
    ids = ", ".join(result.check.id for result in results)
    return Exec(
        id=ident(Phase.HOST, address, f"fix-{kind.value}"),
        host=address,
        phase=Phase.HOST,
        reason=f"found by check: {ids}",
        always_run=True,  # it was measured just now; an earlier success says nothing
        script=_script(scene, kind, results),
        timeout=180.0,
    )


def _script(scene: Scene, kind: Fix, results: Iterable[Result]) -> str:
    match kind:
        case Fix.SYSCTL:
            keys = dict.fromkeys(result.check.setting for result in results)
            settings = " ".join(f"{key}={_value(key, scene.limits)}" for key in keys)
            return templates.script("fix-sysctl.sh", settings=settings)
        case Fix.SWAP:
            return templates.script("fix-swap.sh")
        case Fix.TIME if scene.site.ntp:
            return templates.script("time.sh", servers=" ".join(scene.site.ntp))
        case Fix.TIME:
            return templates.script("fix-time.sh")


def _value(key: str, limits: HostLimits) -> str:
    return _FIXED.get(key) or str(getattr(limits, _RAISED[key]))


def told(before: Report, after: Report, lost: Mapping[str, str], limits: HostLimits) -> list[Mended]:
    """By check: where it is well by now, and where not."""
    now = {result.check.id: _hosts(result) for result in after.results}
    found = []
    for result in before.findings:
        if result.check.fix_by is None or result.ignored:
            continue
        for fault in result.faults:
            done = not set(fault.hosts) & now.get(result.check.id, frozenset())
            why = next((lost[host] for host in fault.hosts if host in lost), "")
            found.append(Mended(result.check.id, fault.where, fault.value, mended(result, limits), done, why))
    return found


def _hosts(result: Result) -> frozenset[str]:
    return frozenset(host for fault in result.faults for host in fault.hosts)
