"""`certs`: what the certificates of a site are, and new ones for all of them."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli.operation_run import Doing, Request, operate
from bundler.installer.cli.reports import ReportFile, ReportHtml, Reports
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Clusterfile, Parallel, access
from bundler.installer.cli.typer_app import new_app
from bundler.installer.operations import certificates as certs
from bundler.installer.operations.certs_timer import timer_plan
from bundler.installer.operations.reach import reached
from bundler.installer.operations.rotate_ca import rotate_plan
from bundler.installer.operations.session import Session, say
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.clusterfile.read import read_file

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show the steps and do nothing.")]
Log = Annotated[Path | None, typer.Option(help="Where the log goes; else ./NAME-COMMAND.log.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line that the hosts say.")]

Off = Annotated[bool, typer.Option("--off", help="No longer.")]

certs_app = new_app(help="The cluster's certificates: what they are, new ones, another CA, a timer.")


@certs_app.command("status")
def status_command(
    *,
    clusterfile: Clusterfile,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    parallel: Parallel = 32,
    as_json: AsJson = False,
) -> None:
    """Show every certificate by the day it ends, with the API up or down.

    Exit code 18 with one that ends within 30 days, 19 with one that has ended.
    """
    site = read_file(clusterfile)
    found = access(accept_new=accept_new, ask_password=ask_password)
    with reached(site, site.hosts, found, parallel=parallel) as hosts:
        status = certs.status(hosts, parallel=parallel, now=time.time())
    text = certs.as_json(status) if as_json else "\n".join(certs.as_text(status))
    put(sys.stdout, f"{text}\n")
    if status.code is not ExitCode.OK:
        raise typer.Exit(status.code)


@certs_app.command("renew")
def renew_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    plan: ShowPlan = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    log: Log = None,
    report: ReportFile = None,
    report_html: ReportHtml = None,
    verbose: Verbose = False,
) -> None:
    """Renew every certificate of the cluster now, kubelets included.

    Works with the API down and everything expired: control planes one by one, then all workers.
    """
    request = Request(
        "certs-renew",
        clusterfile,
        access(accept_new=accept_new, ask_password=ask_password),
        opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key),
        "nothing to renew: there is no cluster here",
        parallel,
        log,
        verbose,
        plan,
        reports=Reports(report, report_html),
    )
    operate(request, Operation(Kind.RENEW, since=float(int(time.time()))))


@certs_app.command("timer")
def timer_command(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    off: Off = False,
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
    """Have every control plane renew its certificates by itself, in their last 30 days.

    It also approves what the kubelets of the site ask for, which renew their own.
    """

    def show(session: Session) -> Plan:
        return timer_plan(session, on=not off)

    def do(session: Session, carry_out: Doing) -> Ended:
        made = show(session)
        session.whole.wait()
        carry_out(made)
        return Ended(Decided(None), 1)

    request = Request(
        "certs-timer",
        clusterfile,
        access(accept_new=accept_new, ask_password=ask_password),
        opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key),
        "nothing to do",
        parallel,
        log,
        verbose,
        plan,
        show,
        do,
    )
    operate(request, Operation(Kind.RENEW))


@certs_app.command("rotate-ca")
def rotate_command(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    plan: ShowPlan = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    log: Log = None,
    report: ReportFile = None,
    report_html: ReportHtml = None,
    verbose: Verbose = False,
) -> None:
    """Replace the certificate authorities of the cluster, of etcd and of the front proxy.

    Old and new ones are trusted in between, so that it serves on; pods that may ask the API start anew,
    twice. Broken off, the same command goes on. Kubeconfigs outside of the site have to be fetched again.
    """

    def do(session: Session, carry_out: Doing) -> Ended:
        made = rotate_plan(session)
        for warning in made.warnings:
            say(f"warning: {warning}")
        session.whole.wait()
        carry_out(made)
        return Ended(Decided(None), 1)

    request = Request(
        "certs-rotate-ca",
        clusterfile,
        access(accept_new=accept_new, ask_password=ask_password),
        opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key),
        "nothing to do",
        parallel,
        log,
        verbose,
        plan,
        rotate_plan,
        do,
        Reports(report, report_html),
    )
    operate(request, Operation(Kind.ROTATE))


def register(app: typer.Typer) -> None:
    """Add `certs` with its commands."""
    app.add_typer(certs_app, name="certs")
