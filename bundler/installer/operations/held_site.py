"""A site whose hosts are held against other runs, some of which may be silent: for the day after.

`session.opened` is for what makes the site whole and so needs every host; who empties a node, stops a site or
starts it after a power cut works with those that answer, and says which do not.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.gather import gather
from bundler.installer.facts.model import Facts
from bundler.installer.operations.connecting import connect, doubt
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.plan.steps import Plan
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.deliver import BundleSource
from bundler.installer.run.events import Sink, tee
from bundler.installer.run.execute import close_all, execute
from bundler.installer.run.hostlock import Claim, held
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.redaction import redacted, redacting
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.scripts.render import load
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import folded, hosts
from bundler.installer.transport.connect import Access
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import Gate

_AGAIN: Final = 15.0  # seconds between two calls to silent hosts


@dataclass(frozen=True, slots=True)
class HeldSite:
    """Who answers, what is known of them, and what a plan is carried out with."""

    site: Site
    facts: Facts
    transports: Mapping[str, Transport]
    bundle: Bundle
    claim: Claim
    parallel: int
    context: StepContext
    hidden: Callable[[], frozenset[str]]

    @property
    def product(self) -> str:
        """The .run's name."""
        return self.bundle.index.name

    def carry_out(
        self,
        plan: Plan,
        log: LogFile,
        view: contextlib.AbstractContextManager[Sink],
        limits: ScheduleLimits,
        report: Report | None = None,
    ) -> Report:
        """Run the plan with its view, log and report. Raises what `execute` does."""
        report = report or Report(self.site)
        report.log = str(log.path)
        there = {step.host: self.transports[step.host] for step in plan.steps}
        with view as shown:
            execute(plan, there, self.context, redacting(tee(log, report, shown), self.hidden), limits=limits)
        return report

    @contextlib.contextmanager
    def logged(self, path: Path) -> Iterator[LogFile]:
        """A log beside the run; what breaks the run off is its last entry."""
        log = LogFile.open(path, self.hidden)
        try:
            yield log
        except BundlerError as error:
            log.note(event="error", code=int(error.code), error=str(error))
            raise redacted(error, self.hidden()).logged_at(path) from error
        except Exception:
            log.note(event="bug", traceback=traceback.format_exc())
            raise
        finally:
            log.close()


@contextlib.contextmanager
def held_site(
    run_file: Path,
    clusterfile: Path,
    access: Access,
    gate: Gate,
    *,
    parallel: int,
    tell: Callable[[str], None],
    enough: Callable[[Site, Mapping[str, Transport]], bool] = lambda _site, _there: True,
    wait: float = 0.0,
) -> Iterator[HeldSite]:
    """Hold every host that answers. enough: whether so many will do; else they are called for `wait` seconds.

    Raises BundlerError: what is wrong with the file or the Clusterfile, HOST where no host answers.
    """
    claim = Claim.ours()
    with open_bundle(run_file) as bundle:
        gate.admit(bundle, tell)
        site = read_file(clusterfile)
        tell(f"connecting to {hosts(len(site.hosts))} of {site.name}")
        transports, errors = _called(site, access, parallel=parallel, tell=tell, enough=enough, wait=wait)
        try:
            if not transports:
                raise together(errors, len(site.hosts))
            first = next(iter(transports))
            with held(transports, first, claim, parallel=parallel, tell=tell):
                planes = {host.address for host in site.control_planes}
                found = gather(transports, parallel=parallel, keepers=planes)
                silent = {address: doubt(error) for address, error in errors.items()}
                secrets = site_secrets(site, access, None)
                yield HeldSite(
                    site,
                    replace(found, silent=silent),
                    transports,
                    bundle,
                    claim,
                    parallel,
                    StepContext(
                        BundleSource(bundle), claim.prelude() + load("ledger.sh"), Captures(), Timeouts()
                    ),
                    lambda: secrets,
                )
        finally:
            close_all(transports)


def _called(
    site: Site,
    access: Access,
    *,
    parallel: int,
    tell: Callable[[str], None],
    enough: Callable[[Site, Mapping[str, Transport]], bool],
    wait: float,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[dict[str, Transport], Mapping[str, BundlerError]]:
    """Call those that are silent again, until enough of them answer or the time is over."""
    found = connect(site, site.hosts, access, parallel=parallel)
    transports, errors = dict(found.transports), dict(found.errors)
    end = time.monotonic() + wait
    while errors and not enough(site, transports) and time.monotonic() < end:
        if refused := {a: e for a, e in errors.items() if e.code is not ExitCode.HOST}:
            raise together(refused, len(site.hosts))
        left = end - time.monotonic()
        tell(f"waiting for {folded(errors)}, {left:.0f} s more")
        sleep(max(0.0, min(_AGAIN, left)))
        absent = tuple(host for host in site.hosts if host.address in errors)
        again = connect(site, absent, access, parallel=parallel)
        transports.update(again.transports)
        errors = dict(again.errors)
    ordered = {host.address: transports[host.address] for host in site.hosts if host.address in transports}
    return ordered, errors
