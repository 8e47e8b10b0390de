"""`maintenance`, `shutdown`, `start`: a host that is emptied, a site that is switched off and on."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli.progress import view
from bundler.installer.cli.reports import ReportFile, ReportHtml, Reports, reported
from bundler.installer.cli.show import plan_in_order
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Clusterfile, Parallel, access
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import history
from bundler.installer.operations.held_site import HeldSite, held_site
from bundler.installer.operations.session import log_path, say
from bundler.installer.plan import maintenance as emptied
from bundler.installer.plan import power
from bundler.installer.plan.steps import Plan
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import hosts as counted
from bundler.installer.transport.protocol import Transport

Address = Annotated[str, typer.Argument(metavar="HOST", help="An address of the Clusterfile.")]
Done = Annotated[bool, typer.Option("--done", help="It is over: the host takes pods again.")]
Limit = Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How long its pods may take to go.")]
Grace = Annotated[
    int, typer.Option(min=1, metavar="SECONDS", help="What containers get between SIGTERM and SIGKILL.")
]
PowerOff = Annotated[bool, typer.Option("--power-off", help="Switch the machines off, too.")]
Wait = Annotated[
    int, typer.Option(min=0, metavar="SECONDS", help="How long to call hosts that do not answer yet.")
]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show the steps and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask whether it is meant.")]
Log = Annotated[Path | None, typer.Option(help="Where the log goes; else ./NAME-COMMAND.log.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line that the hosts say.")]


def maintenance_command(  # noqa: PLR0913  (a command has as many parameters as options)
    host: Address,
    *,
    clusterfile: Clusterfile,
    done: Done = False,
    limit: Limit = 300,
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
    """Empty a host and keep pods away from it until --done.

    Disruption budgets are kept: a pod that may not go is named with its budget.
    """
    found = access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with held_site(run_file(), clusterfile, found, gate, parallel=parallel, tell=say) as held:
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
        _do(_Run(held, made, end, "maintenance", log, Reports(report, report_html), verbose), show=plan)


def shutdown_command(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    grace: Grace = 30,
    power_off: PowerOff = False,
    yes: Yes = False,
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
    """Stop the whole site: apps, workers, control planes, etcd last.

    Nothing is deleted and nothing is moved: `start`, or switching the machines on, brings everything back.
    """
    found = access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with held_site(run_file(), clusterfile, found, gate, parallel=parallel, tell=say) as held:
        made = power.shutdown(held.site, held.facts, grace=grace, power_off=power_off)
        if not yes and not plan:
            _confirm(held.site)
        off = "the machines switch off now" if power_off else "the machines can be switched off"
        end = f"{held.site.name} is stopped; {off}; to bring it back: start"
        _do(_Run(held, made, end, "shutdown", log, Reports(report, report_html), verbose), show=plan)


def start_command(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    wait: Wait = 300,
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
    """Start a site that was stopped, or lost its power: control planes, etcd's majority, workers.

    Says which hosts are missing; goes on once enough control planes answer.
    """
    found = access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with held_site(
        run_file(), clusterfile, found, gate, parallel=parallel, tell=say, enough=_majority, wait=wait
    ) as held:
        made = power.start(held.site, held.facts)
        end = f"{held.site.name} runs"
        _do(_Run(held, made, end, "start", log, Reports(report, report_html), verbose), show=plan)
        if not plan and (off := power.missing(held.site, held.facts)):
            total = len(held.site.hosts)
            raise BundlerError(
                f"{held.site.name} runs on {total - len(off)} of {counted(total)}",
                where=", ".join(off),
                why="no answer",
                code=ExitCode.PARTIAL,
                fix="switch them on and run the same command",
            )


def _majority(site: Site, there: Mapping[str, Transport]) -> bool:
    return not power.lacks_majority(site.control_planes, there)


@dataclass(frozen=True, slots=True)
class _Run:
    """What is done, and what is said when it is."""

    held: HeldSite
    made: Plan
    end: str
    command: str
    log: Path | None
    reports: Reports
    verbose: bool


def _do(run: _Run, *, show: bool) -> None:
    if show:
        put(sys.stdout, f"{plan_in_order(run.made)}\n")
        return
    for warning in run.made.warnings:
        say(f"warning: {warning}")
    if run.made.steps:
        held = run.held
        with (
            reported(run.reports, held.site, held.bundle.index) as report,
            history.noted(held, run.command, report),
            held.logged(log_path(run.log, f"{held.product}-{run.command}")) as written,
        ):
            limits = ScheduleLimits(total=held.parallel * 2)
            held.carry_out(run.made, written, view(detail=run.verbose), limits, report)
        run.reports.write(report)
    put(sys.stdout, f"{run.end}\n")


def _confirm(site: Site) -> None:
    if not sys.stdin.isatty():
        raise BundlerError(
            "shutdown asks before it stops anything, and there is no terminal",
            code=ExitCode.USAGE,
            fix="add --yes",
        )
    if not typer.confirm(f"Stop {site.name} with all its apps on {counted(len(site.hosts))}?"):
        raise BundlerError("nothing was stopped", code=ExitCode.INTERRUPTED, fix="answer y to stop it")


def register(app: typer.Typer) -> None:
    """Add all three."""
    app.command("maintenance")(maintenance_command)
    app.command("shutdown")(shutdown_command)
    app.command("start")(start_command)
