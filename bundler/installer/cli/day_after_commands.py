"""`maintenance`, `shutdown`, `start`: a host that is emptied, a site that is switched off and on."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli.consent import agree
from bundler.installer.cli.operation_run import RunOptions, limits
from bundler.installer.cli.progress import view
from bundler.installer.cli.reports import reported
from bundler.installer.cli.show import plan_in_order
from bundler.installer.cli.site_options import (
    Clusterfile,
    ShowPlan,
    Yes,
)
from bundler.installer.cli.typer_app import run_file
from bundler.installer.cli.work_options import WorkOptions
from bundler.installer.operations import history
from bundler.installer.operations.carrying import log_path
from bundler.installer.operations.held_site import HeldSite, held_site
from bundler.installer.operations.speaking import say
from bundler.installer.plan import maintenance as emptied
from bundler.installer.plan import power
from bundler.installer.plan.steps import Plan
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import hosts as counted
from bundler.installer.transport.protocol import Transport

Address = Annotated[str, typer.Argument(metavar="HOST", help="An address of the Clusterfile.")]
Done = Annotated[bool, typer.Option("--done", help="End the maintenance: the host takes pods again.")]
Limit = Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How long to wait for its pods to leave.")]
Grace = Annotated[
    int, typer.Option(min=1, metavar="SECONDS", help="How long containers get between SIGTERM and SIGKILL.")
]
PowerOff = Annotated[bool, typer.Option("--power-off", help="Power off the machines, too.")]
Wait = Annotated[
    int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for hosts that do not answer yet.")
]


@spread
def maintenance_command(
    host: Address,
    *,
    clusterfile: Clusterfile,
    done: Done = False,
    limit: Limit = 300,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Empty a host and keep pods away from it until --done.

    Disruption budgets are kept: a pod that may not go is named with its budget.
    """
    with held_site(
        run_file(), clusterfile, work.access(), work.gate(), parallel=work.parallel, tell=say
    ) as held:
        made = (
            emptied.back(held.site, held.facts, host)
            if done
            else emptied.away(held.site, held.facts, host, limit=limit)
        )
        end = (
            f"{host} takes pods again"
            if done
            else f"{host} is empty and stays so until: maintenance {host} --done"
        )
        if not made.steps:  # `back` has said why
            end = "nothing to do"
        _do(held, made, end, work.run("maintenance"), show=plan)


@spread
def shutdown_command(
    *,
    clusterfile: Clusterfile,
    grace: Grace = 30,
    power_off: PowerOff = False,
    yes: Yes = False,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Stop the whole site: apps, workers, control planes, etcd last.

    Nothing is deleted and nothing is moved: `start`, or switching the machines on, brings everything back.
    """
    with held_site(
        run_file(), clusterfile, work.access(), work.gate(), parallel=work.parallel, tell=say
    ) as held:
        made = power.shutdown(held.site, held.facts, grace=grace, power_off=power_off)
        if not yes and not plan:
            agree(
                f"Stop {held.site.name} with all its apps on {counted(len(held.site.hosts))}?",
                command="shutdown",
                before="it stops anything",
                undone="nothing was stopped",
                answer="stop it",
            )
        off = "the machines switch off now" if power_off else "the machines can be switched off"
        end = f"{held.site.name} is stopped; {off}; to start it again: start"
        _do(held, made, end, work.run("shutdown"), show=plan)


@spread
def start_command(
    *,
    clusterfile: Clusterfile,
    wait: Wait = 300,
    plan: ShowPlan = False,
    work: WorkOptions,
) -> None:
    """Start a site that was stopped, or lost its power: control planes, etcd's majority, workers.

    Says which hosts are missing; goes on once enough control planes answer.
    """
    with held_site(
        run_file(), clusterfile, work.access(), work.gate(),
        parallel=work.parallel, tell=say, enough=_majority, wait=wait,
    ) as held:  # fmt: skip
        made = power.start(held.site, held.facts)
        _do(
            held,
            made,
            f"{held.site.name} runs",
            work.run("start"),
            show=plan,
        )
        if not plan and (off := power.missing(held.site, held.facts)):
            total = len(held.site.hosts)
            raise BundlerError(
                f"{held.site.name} runs on {total - len(off)} of {counted(total)}",
                where=", ".join(off),
                why="no answer",
                code=ExitCode.PARTIAL,
                fix="power them on and run the same command",
            )


def _majority(site: Site, there: Mapping[str, Transport]) -> bool:
    return not power.lacks_majority(site.control_planes, there)


def _do(held: HeldSite, made: Plan, end: str, options: RunOptions, *, show: bool) -> None:
    if show:
        put(sys.stdout, f"{plan_in_order(made)}\n")
        return
    for warning in made.warnings:
        say(f"warning: {warning}")
    if made.steps:
        with (
            reported(options.reports, held.site, held.bundle.index) as report,
            history.noted(held, options.name, report),
            held.logged(log_path(options.log, f"{held.product}-{options.name}")) as written,
        ):
            shown = view(detail=options.verbose)
            held.carry_out(made, written, shown, limits(options.parallel), report)
        options.reports.write(report)
    put(sys.stdout, f"{end}\n")


def register(app: typer.Typer) -> None:
    """Add all three."""
    app.command("maintenance")(maintenance_command)
    app.command("shutdown")(shutdown_command)
    app.command("start")(start_command)
