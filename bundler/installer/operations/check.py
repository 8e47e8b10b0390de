"""`check`: from a .run and a Clusterfile to a report of every host, and to what --fix does about it."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, Problems
from bundler.installer.checks.forecast import forecast
from bundler.installer.checks.judge import judge, rule_faults
from bundler.installer.checks.model import Report, Scene
from bundler.installer.facts.model import Facts
from bundler.installer.operations.checking import (
    Judged,
    ask_all,
    facts_of,
    judged,
    of_platform,
    rules_of,
    scene_of,
    speeds,
)
from bundler.installer.operations.connecting import connect
from bundler.installer.operations.contents import contents_of
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.plan.contents import wanted_files
from bundler.installer.plan.mixed import architectures
from bundler.installer.plan.steps import Plan
from bundler.installer.plan.vendor import VendorRules
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.deliver import BundleSource
from bundler.installer.run.events import Sink
from bundler.installer.run.execute import Excused, close_all, execute
from bundler.installer.run.hostlock import Claim, held
from bundler.installer.scripts.render import load
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.connect import Access
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import Gate
from bundler.installer.trust.trust import Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """What to look at, and what somebody takes upon himself."""

    only: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


@dataclass(slots=True)
class CheckSession:
    """A site that is connected to, as far as it answers."""

    site: Site
    bundle: Bundle
    verdict: Verdict
    rules: VendorRules
    transports: dict[str, Transport]
    errors: Mapping[str, BundlerError]
    claim: Claim
    parallel: int
    run: str
    file: str
    tell: Callable[[str], None]
    access: Access
    plan: Plan | None = None

    def hidden(self) -> frozenset[str]:
        """What no log may hold."""
        return site_secrets(self.site, self.access, None)

    def look(self, choice: Choice) -> tuple[Report, Scene]:
        """Ask every host, and judge."""
        began, started = time.monotonic(), time.time()

        def progress(done: int, failed: int, total: int) -> None:
            bad = f", {failed:,} failed" if failed else ""
            self.tell(f"{done:,} of {hosts(total)} looked at{bad}")

        contents = contents_of(self.bundle, wanted_files)
        answered, failed = ask_all(self.site, contents, self.rules, self.transports, self.parallel, progress)
        facts = facts_of(answered, started)
        self.bundle = of_platform(self.bundle, facts)
        found = self._judged(facts)
        silent = {**self.errors, **failed}
        speed = speeds({a: each for a, each in self.transports.items() if a in answered})
        scene = scene_of(self.site, answered, silent, found, facts, self.rules, speed)
        self.plan = found.plan
        report = judge(scene, ignored=choice.ignored, only=choice.only)
        took, foretold = time.monotonic() - began, forecast(found.plan, speed)
        return replace(report, seconds=took, forecast=foretold), scene

    def mend(self, plan: Plan, sink: Sink) -> dict[str, str]:
        """Carry out what --fix does; one host's failure stops no other. Why it failed, by host."""
        context = StepContext(
            BundleSource(self.bundle, None), self.claim.prelude() + load("ledger.sh"), Captures()
        )
        everyone = Excused(frozenset(self.transports), len(self.transports))
        lost = execute(plan, self.transports, context, sink, excused=everyone)
        return {address: error.why or error.what for address, error in lost.items()}

    def _judged(self, facts: Facts) -> Judged:
        key = self.verdict.release.key
        contents = contents_of(self.bundle, wanted_files, architectures(facts, {}))
        return judged(self.site, facts, contents, key, self.rules, self.run, self.file)


@contextlib.contextmanager
def opened(
    run_file: Path,
    clusterfile: Path,
    access: Access,
    gate: Gate,
    *,
    parallel: int,
    tell: Callable[[str], None],
    alone: bool = False,
    run: str = "./product.run",
) -> Iterator[CheckSession]:
    """Open the .run if it may be trusted, read the Clusterfile, connect to every host that answers.

    alone: hold the hosts against other runs, for what --fix changes.
    Raises BundlerError: what is wrong with the file or the Clusterfile; a silent host is a finding.
    """
    claim = Claim.ours()
    with open_bundle(run_file, ()) as bundle:
        verdict = gate.admit(bundle, tell)
        site = read_file(clusterfile)
        rules = rules_of(contents_of(bundle, wanted_files))
        if faults := rule_faults(rules):
            raise Problems(faults)
        for notice in site.notices:
            tell(f"note: {notice}")
        tell(f"connecting to {hosts(len(site.hosts))} of {site.name}")
        found = connect(site, site.hosts, access, parallel=parallel)
        try:
            with contextlib.ExitStack() as stack:
                if alone and found.transports:
                    first = next(iter(found.transports))
                    stack.enter_context(held(found.transports, first, claim, parallel=parallel, tell=tell))
                yield CheckSession(
                    site, bundle, verdict, rules, found.transports, found.errors, claim, parallel, run,
                    str(clusterfile), tell, access,
                )  # fmt: skip
        finally:
            close_all(found.transports)
