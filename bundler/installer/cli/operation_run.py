"""One operation of the planner from a command line: connect, decide, show or carry out, report."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bundler.core.terminal import show as put
from bundler.installer.cli import decision_view, show
from bundler.installer.cli.progress import view
from bundler.installer.cli.reports import NOWHERE, Reports, found, reported, versions
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import history
from bundler.installer.operations.carrying import carry_out, check_lost, log_path, logged
from bundler.installer.operations.opening import opened
from bundler.installer.operations.session import Session
from bundler.installer.operations.site_run import carry_on
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.loop import Ended
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport.connect import Access
from bundler.installer.trust.gate import Gate

Doing = Callable[[Plan], None]


def limits(parallel: int) -> ScheduleLimits:
    """Two steps a host on average keep the hosts busy without a thread for every one of them."""
    return ScheduleLimits(total=parallel * 2)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a command carries plans out.

    name: of the command, which its log is called by. following: the command that a person goes on with.
    """

    name: str
    parallel: int = 32
    log: Path | None = None
    verbose: bool = False
    reports: Reports = NOWHERE
    timeouts: Timeouts = field(default_factory=Timeouts)
    following: str = ""


@dataclass(slots=True)
class Running:
    """A command at work on a session: its report, and its log once there is something to log."""

    session: Session
    options: RunOptions
    report: Report
    _logs: contextlib.ExitStack
    _log: LogFile | None = None

    def log(self) -> LogFile:
        """The command's log, opened by the first that asks for it."""
        if self._log is None:
            name = f"{self.session.bundle.index.name}-{self.options.name}"
            path = log_path(self.options.log, name)
            self._log = self._logs.enter_context(logged(self.session, path))
        return self._log

    def carry_out(self, plan: Plan) -> None:
        """Carry a plan out. Raises what `execute` does."""
        options = self.options
        carry_out(
            self.session,
            plan,
            self.log(),
            view(detail=options.verbose),
            limits(options.parallel),
            self.report,
            options.timeouts,
        )

    def finish(self, *, nodes: bool = True) -> None:
        """Print what was done, and write the reports; with what Kubernetes says of its nodes."""
        if nodes:
            self.report.nodes = self.session.nodes()
            self.report.following = self.options.following
        put(sys.stdout, f"{self.report.as_text()}\n")
        self.options.reports.write(self.report)


@contextlib.contextmanager
def running(
    session: Session, options: RunOptions, *, noted: bool = True, begun: Report | None = None
) -> Iterator[Running]:
    """A command at work, whose log is closed and whose end is reported however it ends.

    noted: in the site's history, too. begun: the report of a command that writes it however it ends.
    """
    with (
        _report(session, options, begun) as report,
        history.noted(session, options.name, report) if noted else contextlib.nullcontext(),
        contextlib.ExitStack() as logs,
    ):
        yield Running(session, options, report, logs)


def _report(
    session: Session, options: RunOptions, begun: Report | None
) -> contextlib.AbstractContextManager[Report]:
    if begun is None:
        return reported(options.reports, session.site, session.bundle.index)
    begun.site = session.site
    versions(begun, session.bundle.index)
    return contextlib.nullcontext(begun)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    idle: says that nothing was to be done. only_plan: show what `planned` gives and do nothing.
    do: the operation, handed what carries a plan's steps out. bases: what the .run may rest on.
    """

    options: RunOptions
    clusterfile: Path
    access: Access
    gate: Gate
    idle: Callable[[Session], None]
    only_plan: bool = False
    planned: Callable[[Session], Plan] = Session.plan
    do: Callable[[Session, Doing], Ended] = carry_on
    bases: tuple[Path, ...] = ()


def idle(text: str) -> Callable[[Session], None]:
    """Says this text, as a result, where nothing was to be done."""
    return lambda _session: put(sys.stdout, f"{text}\n")


def operate(request: Request, meant: Operation) -> None:
    """Raises what `carry_on` and `check_lost` do."""
    with reported(request.options.reports) as report, opened(
        run_file(), request.clusterfile, request.access, request.gate,
        parallel=request.options.parallel, tell=say, bases=request.bases, alone=not request.only_plan,
        operation=meant,
    ) as session:  # fmt: skip
        if request.only_plan:
            put(sys.stdout, f"{_planned(request.planned(session))}\n")
            return
        with running(session, request.options, begun=report) as run:
            ended = request.do(session, run.carry_out)
        if isinstance(ended.decision, Decided):
            for line in decision_view.lines(ended.decision):
                say(line)
        found(run.report, ended.decision)
        if ended.stages:
            run.finish()
        else:
            request.idle(session)
            request.options.reports.write(run.report)
        check_lost(session)


def _planned(plan: Plan) -> str:
    reasons = decision_view.lines(plan.decision) if plan.decision else ()
    return "\n".join([*reasons, *((show.plan_text(plan),) if plan.steps else ("nothing to do",))])
