"""`prune`: content that only bundles of the past had goes from registries and nodes."""

import contextlib
import sys
from typing import Annotated

import typer

from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli import show
from bundler.installer.cli.progress import view
from bundler.installer.cli.reports import ReportFile, ReportHtml, Reports, reported
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Clusterfile, Parallel, access
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import history
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session, say
from bundler.installer.plan.order import arrange
from bundler.installer.plan.prune import Doomed, doomed, parse, prune_steps
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.scripts.render import script

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would go; do nothing.")]


def prune_command(
    *,
    clusterfile: Clusterfile,
    plan: PlanOnly = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    parallel: Parallel = 32,
    report: ReportFile = None,
    report_html: ReportHtml = None,
) -> None:
    """Remove content that only bundles of the past had; the last two of each product stay."""
    gate = opt.gate(trust, unsigned=False, new_key=False)
    with sessions.opened(
        run_file(), clusterfile, access(accept_new=accept_new, ask_password=ask_password), gate,
        parallel=parallel, tell=say, alone=not plan,
    ) as session:  # fmt: skip
        found = _doomed(session)
        steps = arrange(f"{session.bundle.index.name}: prune", prune_steps(session.site.hosts, found))
        if not found.bundles:
            say("nothing to do: no more than two bundles of a product were ever here")
            return
        counted = f"{len(found.images)} images, {len(found.blobs)} blobs"
        say(f"of the past, no longer needed: {', '.join(found.bundles)}: {counted}")
        if plan:
            put(sys.stdout, f"{show.plan_text(steps)}\n")
            return
        reports = Reports(report, report_html)
        with (
            reported(reports, session.site, session.bundle.index) as told,
            history.noted(session, "prune", told),
            contextlib.ExitStack() as logs,
        ):
            path = sessions.log_path(None, f"{session.bundle.index.name}-prune")
            log = logs.enter_context(sessions.logged(session, path))
            limits = ScheduleLimits(total=parallel * 2)
            sessions.carry_out(session, steps, log, view(detail=False), limits, told, Timeouts())
        reports.write(told)
        put(sys.stdout, f"{told.as_text()}\n")


def _doomed(session: Session) -> Doomed:
    first = next(h.address for h in session.site.control_planes if h.address in session.transports)
    return doomed(parse(session.ask(first, script("bundle-lists.sh"))))


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("prune")(prune_command)
