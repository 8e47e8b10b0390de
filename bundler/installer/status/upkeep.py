"""Registries, certificates, disks, drift and runs, judged. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bundler.core.index import Image
from bundler.core.words import counted, lasting, mebibytes
from bundler.installer.plan.cluster.steps import Cause, Plan, Refused, Severity, Step, Verb
from bundler.installer.site.ranges import folded
from bundler.installer.status.amounts import day, days_left, minute
from bundler.installer.status.condition import Disk, HostCertificate, PastRun, RegistryStore
from bundler.installer.status.model import Finding, Judged, Look, Part, State

DISK_WARNING: Final = 85  # per cent; from here on the kubelet deletes images
DISK_ERROR: Final = 95
LEAF_LIMIT: Final = 30  # days
AUTHORITY_LIMIT: Final = 180
_SERVES: Final = frozenset({"", "200"})


def registries_part(look: Look) -> Judged:
    """The site's registries: whether they serve, and whether every image of the bundle is in them."""
    # The images of another version are wanted only once it is applied.
    images = look.index.images if look.images is None else look.images
    wanted = () if look.installed else _wanted(images)
    planes = [host.address for host in look.site.control_planes]
    found = {a: seen.registry for a in planes if (seen := look.conditions.get(a)) and seen.registry}
    if not found:
        return Judged(Part("registries", State.UNKNOWN, "no host could be asked", "", {"total": len(planes)}))
    serving = [a for a, store in found.items() if store.code in _SERVES and _runs(look, a)]
    findings = tuple(each for a, store in found.items() for each in _store(look, a, store, wanted))
    least = min(sum(image.manifests <= store.manifests for image in wanted) for store in found.values())
    state = State.WELL if not findings and len(serving) == len(planes) else State.FINDINGS
    data = {"total": len(planes), "serving": len(serving), "images": len(wanted), "images_there": least}
    count, detail = f"{len(serving)} of {len(planes)} serve", f"{least} of {counted(len(wanted), 'image')}"
    detail = detail if wanted else ""
    return Judged(Part("registries", state, count, detail, data), findings)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image that is there when all its manifests (hex) are: of every architecture that hosts have."""

    name: str
    manifests: frozenset[str]


def _wanted(images: Iterable[Image]) -> tuple[_Wanted, ...]:
    """Each content once, under the last of its names."""
    found = {image.digest: image for image in images}
    return tuple(
        _Wanted(image.name, frozenset(digest.hex for digest in image.manifests)) for image in found.values()
    )


def _store(look: Look, address: str, store: RegistryStore, wanted: Sequence[_Wanted]) -> Iterator[Finding]:
    """One registry."""
    lacking = [image.name for image in wanted if not image.manifests <= store.manifests]
    if lacking:
        short = counted(len(lacking), "image")
        text = f"its registry lacks {short}, such as {lacking[0]}; fix it: {look.again}"
        yield Finding("registry-images", Severity.ERROR, text, (address,), value=len(lacking))
    if _runs(look, address) and store.code not in _SERVES:
        text = f"its registry answers with {store.code or 'nothing'}"
        yield Finding("registry-silent", Severity.ERROR, text, (address,), value=store.code)


def _runs(look: Look, address: str) -> bool:
    unit = look.conditions[address].units.get("bundler-registry")
    return unit is not None and unit.active


def certificates_part(look: Look) -> Judged:
    """Days left of the first that runs out; authorities have a limit of their own."""
    found = [(a, each) for a, seen in look.conditions.items() for each in seen.certificates]
    if not found:
        return Judged(Part("certificates", State.UNKNOWN, "no host could be asked"))
    address, first = min(found, key=lambda pair: pair[1].not_after)
    findings = tuple(_certificate_findings(look, found))
    left = days_left(first.not_after, look.now)
    data = {
        "days_left": left, "first": {"host": address, "file": first.file, "not_after": day(first.not_after)},
        "certificates": [
            {"host": a, "file": each.file, "subject": each.subject, "authority": each.authority,
             "not_after": day(each.not_after), "days_left": days_left(each.not_after, look.now)}
            for a, each in sorted(found, key=lambda pair: pair[1].not_after)
        ],
    }  # fmt: skip
    state = State.FINDINGS if findings else State.WELL
    count = f"{counted(left, 'day')} left" if left >= 0 else "expired"
    detail = f"first: {_short(first)} on {look.view.node_name(address)}, {day(first.not_after)}"
    return Judged(Part("certificates", state, count, detail, data), findings)


def _short(certificate: HostCertificate) -> str:
    name = certificate.file.rpartition("/")[2]
    return name.removesuffix(".crt").removesuffix("-current.pem")


def _certificate_findings(look: Look, found: list[tuple[str, HostCertificate]]) -> Iterator[Finding]:
    """Those of one day and one limit together: a site's certificates are made within minutes."""
    groups: dict[tuple[bool, bool, int], list[tuple[str, HostCertificate]]] = {}
    for address, each in found:
        left = days_left(each.not_after, look.now)
        if left < (AUTHORITY_LIMIT if each.authority else LEAF_LIMIT):
            key = (left >= 0, each.authority, left if left >= 0 else -1)
            groups.setdefault(key, []).append((address, each))
    for (valid, authority, left), group in sorted(groups.items()):
        hosts = tuple(dict.fromkeys(address for address, _ in group))
        names = ", ".join(dict.fromkeys(_short(each) for _, each in group))
        kind = "certificate authority" if authority else "certificate"
        last = day(group[0][1].not_after)
        if valid:
            text = f"{counted(left, 'day')} left ({last}): {kind} {names}; renew: {look.again}"
            yield Finding("certificate-expires", Severity.WARNING, text, hosts, value=left)
        else:
            text = f"expired on {last}: {kind} {names}; renew: {look.again}"
            yield Finding("certificate-expired", Severity.ERROR, text, hosts, value=left)


def disk_part(look: Look) -> Judged:
    """How full the fullest file system is that we use."""
    disks = [(address, disk) for address, seen in look.conditions.items() for disk in seen.disks]
    if not disks:
        return Judged(Part("disk", State.UNKNOWN, "no host could be asked"))
    findings = tuple(_disk(address, disk) for address, disk in disks if disk.percent >= DISK_WARNING)
    address, fullest = max(disks, key=lambda pair: pair[1].percent)
    data = {"percent": fullest.percent, "host": address, "path": fullest.path, "free": fullest.free}
    state = State.FINDINGS if findings else State.WELL
    detail = f"{fullest.path} on {look.name(address)}"
    return Judged(Part("disk", state, f"{fullest.percent}% at most", detail, data), findings)


def _disk(address: str, disk: Disk) -> Finding:
    grave = disk.percent >= DISK_ERROR
    effect = "writes are about to fail" if grave else "images get deleted"
    text = f"{disk.path} {disk.percent}%, limit {DISK_WARNING}%: {effect}; {mebibytes(disk.free)} free"
    return Finding(
        "disk-full", Severity.ERROR if grave else Severity.WARNING, text, (address,), value=disk.percent
    )


def drift_part(look: Look) -> Judged:
    """What `apply` would do: the planner says, as `plan` does."""
    match look.forecast:
        case Plan() as plan:
            steps = tuple(step for step in plan.steps if _counts(look, step))
            if not steps and look.view.api is None:  # half of what the planner looks at was not seen
                return Judged(Part("drift", State.UNKNOWN, "not known", "the API does not answer"))
            none = Judged(Part("drift", State.WELL, "none", "", {"steps": 0}))
            return _drifted(look, steps) if steps else none
        case Refused(refusals):
            return _refused(look, tuple(each.rule for each in refusals), refusals[0].what)
        case str() as why:
            return Judged(Part("drift", State.UNKNOWN, "not known", why.split("\n")[0]))


def _refused(look: Look, rules: tuple[str, ...], what: str) -> Judged:
    text = f"apply would refuse [{rules[0]}]: {what}"
    part = Part("drift", State.UNKNOWN, "apply would refuse", rules[0], {"refused": list(rules)})
    name = look.site.name
    return Judged(part, (Finding("apply-refused", Severity.WARNING, text, subject=name, value=rules[0]),))


def _counts(look: Look, step: Step) -> bool:
    """Whether a step is drift: not where it waits for a node, or is about a host that can't be asked.

    A site without its silent hosts has other lists of hosts: what changed only for that does not count.
    """
    if step.subject in look.facts.silent or step.verb is Verb.AWAIT_NODE:
        return False
    return not look.facts.silent or step.because.cause in {Cause.DRIFTED, Cause.MISSING}


def _drifted(look: Look, plan: tuple[Step, ...]) -> Judged:
    hosts = tuple(dict.fromkeys(step.subject for step in plan))
    known = tuple(host for host in hosts if look.view.wanted(host) or look.view.recorded_host(host))
    reasons = list(dict.fromkeys(str(step.because) for step in plan))
    steps = counted(len(plan), "step")
    more = f" and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    text = f"apply would do {steps}, because {'; '.join(reasons[:2])}{more}; see: {_plan(look)}"
    data = {"steps": len(plan), "hosts": list(hosts), "reasons": reasons[:50]}
    detail = f"on {folded(known)}" if known else ""
    if (other := look.installed) is not None:  # nothing drifted: it was never applied
        ours = f"{look.index.name} {look.index.version}"
        text = f"the site has {other.name} {other.version}, this is {ours}; {text}"
        note = Finding("not-applied", Severity.NOTE, text, subject=look.site.name, value=len(plan))
        return Judged(Part("drift", State.WELL, "not applied", steps, data), (note,))
    part = Part("drift", State.FINDINGS, steps, detail, data)
    return Judged(part, (Finding("drift", Severity.WARNING, text, known, value=len(plan)),))


def _plan(look: Look) -> str:
    program, _, rest = look.again.partition(" ")
    return f"{program} plan {rest}".strip()


def runs_part(look: Look) -> Judged:
    """The last run, and whether it came to its end."""
    runs = runs_of(look)
    record = look.view.record
    unfinished = record.operation if record else ""
    findings = tuple(_under_way(look, unfinished))
    grave = any(each.severity is not Severity.NOTE for each in findings)
    data = {"generation": record.generation if record else 0, "unfinished": unfinished}
    state = State.FINDINGS if grave else State.WELL
    if not runs:
        known = f"generation {record.generation}" if record else "no run is known"
        return Judged(Part("last run", state, known, "", data), findings)
    last = runs[0]
    detail = f"{minute(last.ended)}, {last.by}, {lasting(last.seconds)}"
    return Judged(Part("last run", state, f"{last.operation}, {last.result}", detail, data), findings)


def _under_way(look: Look, unfinished: str) -> Iterator[Finding]:
    """A run that is at work, or one that was broken off."""
    name = look.site.name
    holder = next((seen.holder for seen in look.conditions.values() if seen.holder), "")
    if holder:
        yield Finding("run-under-way", Severity.NOTE, f"{holder} is running", subject=name, value=unfinished)
    elif unfinished:
        text = f"the last run ({unfinished}) was not finished; go on: {look.again}"
        yield Finding("run-unfinished", Severity.WARNING, text, subject=name, value=unfinished)


def runs_of(look: Look) -> tuple[PastRun, ...]:
    """All that any control plane remembers, the newest first."""
    planes = (look.conditions.get(host.address) for host in look.site.control_planes)
    found = {(run.ended, run.by): run for seen in planes if seen for run in seen.runs}
    return tuple(sorted(found.values(), key=lambda run: -run.ended if math.isfinite(run.ended) else 0.0))
