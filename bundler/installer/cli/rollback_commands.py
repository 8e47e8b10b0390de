"""`rollback`: the version before the last upgrade, on the whole site."""

import contextlib
import sys
import time
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli import show
from bundler.installer.cli.progress import view
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Clusterfile, Parallel, access
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import session as sessions
from bundler.installer.operations.rollback import Rollback, prepare
from bundler.installer.operations.session import say
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.steps import Plan
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what it would do and lose; do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="What was written since may be lost; don't ask.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every step.")]


def rollback_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    plan: PlanOnly = False,
    yes: Yes = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    verbose: Verbose = False,
) -> None:
    """Go back to the version before the last upgrade.

    A patch goes back without touching data; a minor with the snapshot of etcd that was taken before it.
    """
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with sessions.opened(
        run_file(), clusterfile, access(accept_new=accept_new, ask_password=ask_password), gate,
        parallel=parallel, tell=say, alone=not plan, operation=Operation(Kind.ROLLBACK),
    ) as session:  # fmt: skip
        going = prepare(session)
        _tell(going)
        if plan:
            put(sys.stdout, f"{show.plan_text(going.plan)}\n")
            return
        _agree(going, yes=yes)
        report = Report(session.site)
        with contextlib.ExitStack() as logs:
            path = sessions.log_path(None, f"{session.bundle.index.name}-rollback")
            log = logs.enter_context(sessions.logged(session, path))

            def act(steps: Plan) -> None:
                limits = ScheduleLimits(total=parallel * 2)
                sessions.carry_out(session, steps, log, view(detail=verbose), limits, report, Timeouts())

            going.carry_out(act)
        report.nodes = session.nodes()
        put(sys.stdout, f"{report.as_text()}\n")


def _tell(going: Rollback) -> None:
    say(going.head())
    if going.loss is None:
        say("No data is touched: what was written since stays.")
        return
    for line in going.loss.lines(time.time()):
        say(line)


def _agree(going: Rollback, *, yes: bool) -> None:
    """Losing data takes the site's name, typed, or --yes."""
    if yes or going.loss is None:
        return
    name = going.session.site.name
    if not sys.stdin.isatty():
        raise BundlerError(
            "rollback asks before data is lost, and there is no terminal",
            code=ExitCode.USAGE,
            fix="add --yes",
        )
    if typer.prompt(f"Type {name} to go on") != name:
        raise BundlerError("nothing was changed", code=ExitCode.INTERRUPTED, fix=f"type {name} to go back")


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("rollback")(rollback_command)
