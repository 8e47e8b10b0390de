"""One operation of the planner from a command line: connect, decide, show or carry out, report."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bundler.core.terminal import show as put
from bundler.installer.cli import decision_view, show
from bundler.installer.cli.progress import view
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session, say
from bundler.installer.operations.site_run import carry_on
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


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for. name: of the command, which its log is called by.

    nothing: what to say where nothing is to be done. only_plan: show what `planned` gives and do nothing.
    do: the operation, handed what carries a plan's steps out.
    """

    name: str
    clusterfile: Path
    access: Access
    gate: Gate
    nothing: str
    parallel: int = 32
    log: Path | None = None
    verbose: bool = False
    only_plan: bool = False
    planned: Callable[[Session], Plan] = Session.plan
    do: Callable[[Session, Doing], Ended] = carry_on


def operate(request: Request, meant: Operation) -> None:
    """Raises what `carry_on` and `check_lost` do."""
    with sessions.opened(
        run_file(), request.clusterfile, request.access, request.gate,
        parallel=request.parallel, tell=say, alone=not request.only_plan, operation=meant,
    ) as session:  # fmt: skip
        if request.only_plan:
            put(sys.stdout, f"{_planned(request.planned(session))}\n")
            return
        report = Report(session.site)
        with contextlib.ExitStack() as logs:
            written = list[LogFile]()  # empty while nothing is done

            def carry_out(stage: Plan) -> None:
                if not written:
                    path = sessions.log_path(request.log, f"{session.bundle.index.name}-{request.name}")
                    written.append(logs.enter_context(sessions.logged(session, path)))
                limits = ScheduleLimits(total=request.parallel * 2)
                shown = view(detail=request.verbose)
                sessions.carry_out(session, stage, written[0], shown, limits, report, Timeouts())

            ended = request.do(session, carry_out)
        if isinstance(ended.decision, Decided):
            for line in decision_view.lines(ended.decision):
                say(line)
        if ended.stages:
            report.nodes = session.nodes()
        put(sys.stdout, f"{report.as_text() if ended.stages else request.nothing}\n")
        sessions.check_lost(session)


def _planned(plan: Plan) -> str:
    reasons = decision_view.lines(plan.decision) if plan.decision else ()
    return "\n".join([*reasons, *((show.plan_text(plan),) if plan.steps else ("nothing to do",))])
