"""`rollback`: the version before the last upgrade, on the whole site."""

import sys
import time
from typing import Annotated

import typer

from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli import show
from bundler.installer.cli.consent import agree_by_name
from bundler.installer.cli.operation_run import running
from bundler.installer.cli.site_options import Clusterfile
from bundler.installer.cli.typer_app import run_file
from bundler.installer.cli.work_options import WorkOptions
from bundler.installer.operations.opening import opened
from bundler.installer.operations.rollback import Rollback, prepare
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.operation import Kind, Operation

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what it would do and lose, without doing it.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Accept the loss of what was written since; don't ask.")
]


@spread
def rollback_command(
    *,
    clusterfile: Clusterfile,
    plan: PlanOnly = False,
    yes: Yes = False,
    work: WorkOptions,
) -> None:
    """Go back to the version before the last upgrade.

    A patch goes back without touching data; a minor with the snapshot of etcd that was taken before it.
    """
    with opened(
        run_file(), clusterfile, work.access(), work.gate(),
        parallel=work.parallel, tell=say, alone=not plan, operation=Operation(Kind.ROLLBACK),
    ) as session:  # fmt: skip
        going = prepare(session)
        _tell(going)
        if plan:
            put(sys.stdout, f"{show.plan_text(going.plan)}\n")
            return
        if going.loss is not None and not yes:
            agree_by_name(session.site.name, command="rollback")
        with running(session, work.run("rollback")) as run:
            going.carry_out(run.carry_out)
        run.finish()


def _tell(going: Rollback) -> None:
    say(going.head())
    if going.loss is None:
        say("No data is touched: what was written since stays.")
        return
    for line in going.loss.lines(time.time()):
        say(line)


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("rollback")(rollback_command)
