"""Looking at a site: every host is asked at once, and what they say is judged. No host changes."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, Location, Problem, Problems
from bundler.installer.checks.areas.vendor import applies
from bundler.installer.checks.ask import TIMEOUT, script
from bundler.installer.checks.links import questions
from bundler.installer.checks.model import Ran, Scene
from bundler.installer.checks.probe import HostProbe, parse
from bundler.installer.facts.gather import asker, gathered
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.operations.opening import fitting
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.steps import Refused
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of, draft, prepare
from bundler.installer.plan.kubeadm import subnets
from bundler.installer.plan.preflight import problems
from bundler.installer.plan.site_pki import renew
from bundler.installer.plan.steps import Plan
from bundler.installer.plan.vendor import VendorRules, vendor_rules
from bundler.installer.site.model import Host, Site
from bundler.installer.transport.parallel import Progress, try_each
from bundler.installer.transport.protocol import Transport

_SPEED_HOSTS: Final = 8  # a sample is enough to foretell how long copies take
_SPEED_BYTES: Final = 8 << 20
_SPEED_SECONDS: Final = 1.0
_MIB: Final = 1 << 20
_NOTHING: Final = Plan("", ())


@dataclass(frozen=True, slots=True)
class Answered:
    """One host's answers."""

    facts: HostFacts
    probe: HostProbe
    ran: Mapping[str, Ran]


@dataclass(frozen=True, slots=True)
class Judged:
    """What `apply` would say: its context and plan where there could be one, what stands against it."""

    context: Context | None = None
    plan: Plan = _NOTHING
    problems: tuple[Problem, ...] = ()
    refused: tuple[Problem, ...] = field(default=())


def ask_all(
    site: Site,
    contents: Contents,
    rules: VendorRules,
    transports: Mapping[str, Transport],
    parallel: int,
    progress: Progress | None = None,
) -> tuple[dict[str, Answered], dict[str, BundlerError]]:
    """Every host's answers, and why others gave none."""

    def work(host: Host, transport: Transport) -> Callable[[], Answered]:
        asked = questions(site, contents, host.address).encode()

        def ask() -> Answered:
            facts = asker(transport)()
            began = time.monotonic()
            outcome = transport.run(script(host), stdin=[asked], timeout=TIMEOUT)
            probe = parse(host.address, outcome.stdout, seconds=time.monotonic() - began)
            return Answered(facts, probe, dict(_own(host, rules, transport)))

        return ask

    jobs = {
        host.address: work(host, transports[host.address])
        for host in site.hosts
        if host.address in transports
    }
    found = try_each(jobs, parallel, progress)
    return found.done, found.failed


def _own(host: Host, rules: VendorRules, transport: Transport) -> Iterator[tuple[str, Ran]]:
    """The vendor's checks, one behind the other; one that hangs is one that failed."""
    for check in rules.checks:
        if not applies(check, host):
            continue
        try:
            outcome = transport.run(check.script, timeout=check.timeout)
        except BundlerError as error:
            yield check.id, Ran(124, error.what)
        else:
            yield check.id, Ran(outcome.status, outcome.stdout[:4096] or outcome.stderr[:4096])


def speeds(transports: Mapping[str, Transport]) -> dict[str, float]:
    """MiB/s to some of the hosts, one behind the other, so that none takes another's share."""
    every = max(1, len(transports) // _SPEED_HOSTS)
    chosen = list(transports.items())[::every][:_SPEED_HOSTS]
    found: dict[str, float] = {}
    for address, transport in chosen:
        sent = 0

        def chunks(until: float) -> Iterator[bytes]:
            nonlocal sent
            block = bytes(range(256)) * 256
            while sent < _SPEED_BYTES and time.monotonic() < until:
                sent += len(block)
                yield block

        began = time.monotonic()
        try:
            transport.run("cat >/dev/null", stdin=chunks(began + _SPEED_SECONDS), timeout=TIMEOUT)
        except BundlerError:
            continue
        found[address] = sent / _MIB / max(time.monotonic() - began, 1e-3)
    return found


def judged(
    site: Site, facts: Facts, contents: Contents, key: str, rules: VendorRules, run: str, file: str
) -> Judged:
    """What `apply` would decide on these facts. The site's own keys are not read: new ones do for this."""
    there = site.without({host.address for host in site.hosts if host.address not in facts.hosts})
    if not there.control_planes:
        return Judged()
    try:
        secrets = renew(found="", site=there, now=datetime.now(UTC))
        prepared = prepare(there, facts, contents, secrets, key=key)
        decision = decide(prepared.desired, prepared.observed, prepared.operation)
        if prepared.context is not None and not isinstance(decision, Refused):
            plan = draft(prepared, decision)
            found = problems(prepared.context, plan, rules.limits)
            return Judged(prepared.context, plan, found)
        refused = _refused(decision, run, file) if isinstance(decision, Refused) else ()
    except Problems as error:
        refused = error.problems
    except BundlerError as error:
        refused = (Problem(Location(str(error.where or site.name)), "refused", error.what, error.fix),)
    try:
        context = context_of(there, facts, contents, renew(found="", site=there, now=datetime.now(UTC)))
        found = problems(context, _NOTHING, rules.limits)
    except BundlerError:
        return Judged(refused=refused)
    known = {(problem.location.file, problem.rule) for problem in found}
    return Judged(
        context, _NOTHING, found, tuple(p for p in refused if (p.location.file, p.rule) not in known)
    )


def _refused(decision: Refused, run: str, file: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            Location(each.where),
            each.rule,
            f"{each.what}: {each.why}",
            each.fix.replace("{run}", run).replace("{file}", file),
        )
        for each in decision.refusals
    )


def scene_of(
    site: Site,
    answered: Mapping[str, Answered],
    silent: Mapping[str, BundlerError],
    found: Judged,
    facts: Facts,
    rules: VendorRules,
    speed: Mapping[str, float],
) -> Scene:
    """Everything that was seen, as the checks look at it."""
    nets = tuple(part for text in subnets(found.context) for part in text.split(",")) if found.context else ()
    return Scene(
        site=site,
        facts=facts,
        probes={address: each.probe for address, each in answered.items()},
        silent=silent,
        context=found.context,
        problems=found.problems,
        refused=found.refused,
        subnets=tuple(filter(None, nets)),
        now=time.time(),
        speed=speed,
        rules=rules,
        ran={(name, address): ran for address, each in answered.items() for name, ran in each.ran.items()},
    )


def facts_of(answered: Mapping[str, Answered], started: float) -> Facts:
    """The facts alone, with what the cluster says."""
    return gathered({address: each.facts for address, each in answered.items()}, started)


def rules_of(contents: Contents) -> VendorRules:
    """The bundle's own rules. Raises Problems where they are wrong."""
    return vendor_rules(contents.files)


def of_platform(bundle: Bundle, facts: Facts) -> Bundle:
    """What of the file is for these hosts."""
    first = next(iter(facts.hosts.values()), None)
    return fitting(bundle, first.architecture) if first else bundle
