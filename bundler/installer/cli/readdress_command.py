"""`readdress`: a site that was built elsewhere is given the addresses that its machines have here."""

from pathlib import Path
from typing import Annotated

import typer

from bundler.core.option_groups import spread
from bundler.installer.cli.operation_run import Doing, Request, idle, operate
from bundler.installer.cli.site_options import ShowPlan
from bundler.installer.cli.work_options import WorkOptions
from bundler.installer.operations.readdress import planned, readdress
from bundler.installer.operations.session import Session
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.clusterfile.read import read_file

To = Annotated[Path, typer.Option("--to", "-f", help="The Clusterfile with the machines' current addresses.")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="The Clusterfile that the site was last applied with."),
]


@spread
def readdress_command(
    *,
    to: To,
    before: From = None,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Give a cluster the addresses that its machines have now; data, names and subnets stay.

    Machines are known by their machine id, whichever address they answer at.
    """
    old = None if before is None else frozenset(host.address for host in read_file(before).hosts)

    def show(session: Session) -> Plan:
        return planned(session, old) or session.plan()

    def do(session: Session, carry_out: Doing) -> Ended:
        return readdress(session, old, carry_out)

    request = Request(
        work.run("readdress"),
        to,
        work.access(),
        work.gate(),
        idle("every machine is where the record says: nothing to do"),
        plan,
        show,
        do,
    )
    operate(request, Operation(Kind.READDRESS))


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("readdress")(readdress_command)
