"""`collect`: one archive for troubleshooting a site."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.core.words import counted, lasting, mebibytes
from bundler.installer.cli import options as opt
from bundler.installer.cli.site_options import Clusterfile, LoginOptions
from bundler.installer.cli.typer_app import called, run_file
from bundler.installer.collect.contents import Collection
from bundler.installer.operations import collect as collecting
from bundler.installer.operations import status as looking
from bundler.installer.operations.speaking import say
from bundler.installer.site.ranges import folded, hosts

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The archive to write; by default ./SITE-DATE.tar.gz."
    ),
]
Timeout = Annotated[float, typer.Option(min=1.0, metavar="SECONDS", help="How long a host may take.")]


@spread
def collect_command(
    *,
    clusterfile: Clusterfile,
    output: Output = None,
    login: LoginOptions,
    base: opt.Bases = None,
    trust: opt.UpgradeTrustOptions,
    timeout: Timeout = collecting.PATIENCE,
) -> None:
    """Collect logs, states and configurations of all hosts in one archive, secrets masked.

    Changes nothing. `bundler inspect FILE` reads the archive; so do tar and a browser.
    """
    started = time.monotonic()
    again = f"{called()} -f {clusterfile}"
    with looking.watching(
        run_file(), clusterfile, login.access(), trust.gate(), again=again, bases=base or (), tell=say
    ) as watcher:
        name = collecting.archive_name(watcher.site.name)
        path = output or Path(f"{name}.tar.gz")
        logs = tuple(collecting.own_logs(Path.cwd(), watcher.bundle.index.name))
        found = collecting.Collector(watcher, clusterfile, logs, timeout, tell=say).collect(path, name)
    put(sys.stdout, _text(found, path, time.monotonic() - started))
    _check(found)


def _text(found: Collection, path: Path, seconds: float) -> str:
    total = len(found.status.hosts)
    size = mebibytes(path.stat().st_size)
    gave = f"{total - len(found.silent)} of {hosts(total)}"
    lines = [f"✓ {path}: {size} from {gave}, {lasting(seconds)}; open index.html in it"]
    left = sum(each.size for each in found.left_out)
    files = f"{counted(len(found.left_out), 'file')} of {mebibytes(left)}"
    rest = f"; left out {files}, limit {mebibytes(found.limit)}"
    lines.append(f"  masked {counted(found.masked, 'secret')} (masked.txt){rest if left else ''}")
    return "\n".join(lines) + "\n"


def _check(found: Collection) -> None:
    """Hosts that gave nothing are named last. Raises BundlerError (PARTIAL)."""
    if not found.silent:
        return
    raise BundlerError(
        f"{hosts(len(found.silent))} gave nothing; everything else was collected",
        where=folded(found.silent),
        why="; ".join(f"{address}: {why}" for address, why in list(found.silent.items())[:3]),
        code=ExitCode.PARTIAL,
        fix="get them back, or check their consoles, and collect again",
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("collect", help=collect_command.__doc__)(collect_command)
