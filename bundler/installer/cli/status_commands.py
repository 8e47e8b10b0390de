"""`status`: how the site is, now or again and again; it changes nothing and holds no host."""

import os
import shutil
import sys
import time
from typing import Annotated, Final

import typer

from bundler.core.errors import BundlerError
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli.site_options import Clusterfile, LoginOptions
from bundler.installer.cli.typer_app import called, run_file
from bundler.installer.operations import status as looking
from bundler.installer.operations.speaking import say
from bundler.installer.status import data, text
from bundler.installer.status.model import Status

_LEAST: Final = 80  # columns
_CLEAR: Final = "\x1b[H\x1b[2J"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; with --watch, one line per look.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every host, and earlier runs.")]
Watch = Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")]
Every = Annotated[float, typer.Option(min=1.0, metavar="SECONDS", help="With --watch: how often.")]
Timeout = Annotated[float, typer.Option(min=1.0, metavar="SECONDS", help="How long to wait for a host.")]


@spread
def status_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    login: LoginOptions,
    base: opt.Bases = None,
    trust: opt.UpgradeTrustOptions,
    timeout: Timeout = looking.PATIENCE,
    watch: Watch = False,
    every: Every = 10.0,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Show how the site is: hosts, etcd, apps, certificates, disks, drift. Changes nothing.

    Ends with 0 when all is well, 18 when something needs attention, 19 when the site does not serve.
    """
    again = f"{called()} -f {clusterfile}"
    with looking.watching(
        run_file(),
        clusterfile,
        login.access(),
        trust.gate(),
        again=again,
        within=timeout,
        bases=base or (),
        tell=say,
    ) as watcher:
        while watch:
            _look_again(watcher, as_json=as_json, verbose=verbose)
            time.sleep(every)
        found = watcher.look()
        _show(found, as_json=as_json, verbose=verbose, live=False)
    if code := found.state.code:
        raise typer.Exit(code)


def _look_again(watcher: looking.Watcher, *, as_json: bool, verbose: bool) -> None:
    """One look of many: a site that does not answer now does not end them."""
    try:
        _show(watcher.look(), as_json=as_json, verbose=verbose, live=True)
    except BundlerError as error:
        say(f"{time.strftime('%H:%M:%S')} {error}")


def _show(status: Status, *, as_json: bool, verbose: bool, live: bool) -> None:
    if as_json:
        put(sys.stdout, f"{data.as_json(status)}\n")
        return
    width = max(_LEAST, min(shutil.get_terminal_size((100, 24)).columns, 100))
    lines = list(text.lines(status, width=width, detail=verbose))
    if live:
        seen = f"looked at {time.strftime('%H:%M:%S')}, took {status.seconds:.1f} s; Ctrl-C ends it"
        if _redraws():
            sys.stdout.write(_CLEAR)  # ours, and no host's
        else:
            lines.insert(0, "")
        lines.append(seen)
    put(sys.stdout, "\n".join(lines) + "\n")


def _redraws() -> bool:
    return (
        sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("BUNDLER_NOPROGRESS")
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", help=status_command.__doc__)(status_command)
