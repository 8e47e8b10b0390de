"""`certs`: what the certificates of a site are, and new ones for all of them."""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from bundler.core.errors import ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli.operation_run import Doing, Request, idle, operate
from bundler.installer.cli.site_options import (
    AsJson,
    Clusterfile,
    LoginOptions,
    Parallel,
    ShowPlan,
)
from bundler.installer.cli.typer_app import new_app
from bundler.installer.cli.work_options import LoggedOptions, WorkOptions
from bundler.installer.operations import certificates as certs
from bundler.installer.operations.certs_timer import timer_plan
from bundler.installer.operations.reach import reached
from bundler.installer.operations.rotate_ca import rotate_plan
from bundler.installer.operations.session import Session
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.clusterfile.read import read_file

Off = Annotated[bool, typer.Option("--off", help="No longer.")]

certs_app = new_app(help="The cluster's certificates: what they are, new ones, another CA, a timer.")


@certs_app.command("status")
@spread
def status_command(
    *,
    clusterfile: Clusterfile,
    login: LoginOptions,
    parallel: Parallel = 32,
    as_json: AsJson = False,
) -> None:
    """Show every certificate by the day it ends, with the API up or down.

    Exit code 18 with one that ends within 30 days, 19 with one that has ended.
    """
    site = read_file(clusterfile)
    with reached(site, site.hosts, login.access(), parallel=parallel) as hosts:
        status = certs.status(hosts, parallel=parallel, now=time.time())
    text = certs.as_json(status) if as_json else "\n".join(certs.as_text(status))
    put(sys.stdout, f"{text}\n")
    if status.code is not ExitCode.OK:
        raise typer.Exit(status.code)


@certs_app.command("renew")
@spread
def renew_command(
    *,
    clusterfile: Clusterfile,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Renew every certificate of the cluster now, kubelets included.

    Works with the API down and everything expired: control planes one by one, then all workers.
    """
    request = Request(
        work.run("certs-renew"),
        clusterfile,
        work.access(),
        work.gate(),
        idle("nothing to renew: there is no cluster here"),
        plan,
    )
    operate(request, Operation(Kind.RENEW, since=float(int(time.time()))))


@certs_app.command("timer")
@spread
def timer_command(
    *,
    clusterfile: Clusterfile,
    off: Off = False,
    plan: ShowPlan = False,
    work: LoggedOptions,
) -> None:
    """Have every control plane renew its certificates by itself, in their last 30 days.

    It also approves what the kubelets of the site ask for, which renew their own.
    """

    def show(session: Session) -> Plan:
        return timer_plan(session, on=not off)

    request = Request(
        work.run("certs-timer"),
        clusterfile,
        work.access(),
        work.gate(),
        idle("nothing to do"),
        plan,
        show,
        partial(_in_one_stage, show),
    )
    operate(request, Operation(Kind.RENEW))


@certs_app.command("rotate-ca")
@spread
def rotate_command(
    *,
    clusterfile: Clusterfile,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Replace the certificate authorities of the cluster, of etcd and of the front proxy.

    Old and new ones are trusted in between, so that it serves on; pods that may ask the API start anew,
    twice. Broken off, the same command goes on. Kubeconfigs outside of the site have to be fetched again.
    """
    request = Request(
        work.run("certs-rotate-ca"),
        clusterfile,
        work.access(),
        work.gate(),
        idle("nothing to do"),
        plan,
        rotate_plan,
        partial(_in_one_stage, rotate_plan),
    )
    operate(request, Operation(Kind.ROTATE))


def _in_one_stage(planned: Callable[[Session], Plan], session: Session, carry_out: Doing) -> Ended:
    """Carry out a plan that is whole from the start, its warnings first; nothing is decided anew after it."""
    made = planned(session)
    for warning in made.warnings:
        say(f"warning: {warning}")
    session.whole.wait()
    carry_out(made)
    return Ended(Decided(None), 1)


def register(app: typer.Typer) -> None:
    """Add `certs` with its commands."""
    app.add_typer(certs_app, name="certs")
