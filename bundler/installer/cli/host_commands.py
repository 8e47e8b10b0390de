"""`exec` and `kubectl`: commands that a person runs on the site's hosts, without logging in to each."""

import sys
import time
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import pass_on
from bundler.installer.cli.site_options import Clusterfile, LoginOptions, Parallel
from bundler.installer.operations import remote_command
from bundler.installer.operations.reach import reached
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.select import selected

On = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="ROLE|ADDRESS|RANGE", help="Only on these hosts. May be repeated."),
]
Command = Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The command, behind --.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that it may take on a host.")]


@spread
def exec_command(
    command: Command,
    *,
    clusterfile: Clusterfile,
    on: On = None,
    login: LoginOptions,
    parallel: Parallel = 32,
    timeout: Timeout = 60.0,
) -> None:
    """Run a command as root on all hosts at once; equal answers are shown once."""
    site = read_file(clusterfile)
    chosen = selected(site, tuple(on or ()))
    started = time.monotonic()
    with reached(site, chosen, login.access(), parallel=parallel) as hosts:
        ran = remote_command.run_command(hosts, command, timeout=timeout, parallel=parallel)
    told = remote_command.Ran(ran.outcomes, time.monotonic() - started)
    for line in remote_command.as_text(told):
        pass_on(sys.stdout, f"{line}\n")
    if ran.failed:
        raise typer.Exit(ExitCode.STEP)


@spread
def kubectl_command(
    command: Command,
    *,
    clusterfile: Clusterfile,
    login: LoginOptions,
    timeout: Timeout = 60.0,
) -> None:
    """Run kubectl through any control plane that lives."""
    site = read_file(clusterfile)
    planes = tuple(host for host in site.hosts if host.is_control_plane)
    found = login.access()
    with reached(site, planes, found, parallel=len(planes)) as hosts:
        if not hosts.transports:
            raise BundlerError(
                "no control plane answers",
                where=", ".join(hosts.silent),
                why="; ".join(error.why or error.what for error in hosts.silent.values()),
                code=ExitCode.HOST,
            )
        outcome = remote_command.kubectl(hosts, command, timeout=timeout)
    pass_on(sys.stdout, outcome.stdout)
    pass_on(sys.stderr, outcome.stderr)
    if outcome.status:
        raise typer.Exit(outcome.status)


def register(app: typer.Typer) -> None:
    """Add both."""
    app.command("exec")(exec_command)
    app.command("kubectl")(kubectl_command)
