"""`readdress`: a site that was built elsewhere is given the addresses that its machines have here."""

from pathlib import Path
from typing import Annotated

import typer

from bundler.installer.cli import options as opt
from bundler.installer.cli.operation_run import Doing, Request, operate
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Parallel, access
from bundler.installer.operations.readdress import planned, readdress
from bundler.installer.operations.session import Session
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.clusterfile.read import read_file

To = Annotated[Path, typer.Option("--to", "-f", help="The Clusterfile with the machines' addresses of now.")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="The Clusterfile that the site was built with; it has to be of this site."),
]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show the steps and do nothing.")]
Log = Annotated[Path | None, typer.Option(help="Where the log goes; else ./NAME-COMMAND.log.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line that the hosts say.")]


def readdress_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    to: To,
    before: From = None,
    plan: ShowPlan = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    log: Log = None,
    verbose: Verbose = False,
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
        "readdress",
        to,
        access(accept_new=accept_new, ask_password=ask_password),
        opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key),
        "every machine is where the record says: nothing to do",
        parallel,
        log,
        verbose,
        plan,
        show,
        do,
    )
    operate(request, Operation(Kind.READDRESS))


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("readdress")(readdress_command)
