"""`check`: whether hosts are fit for this product, as a table, JSON, JUnit or HTML."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.checks.export import as_json, as_junit
from bundler.installer.checks.fixes import Fixing, fixing, told
from bundler.installer.checks.html import as_html
from bundler.installer.checks.judge import known
from bundler.installer.checks.model import Report, Scene
from bundler.installer.checks.table import as_fixed, as_text
from bundler.installer.cli import options as opt
from bundler.installer.cli.progress import view
from bundler.installer.cli.site_options import AsJson, Clusterfile, LoginOptions
from bundler.installer.cli.typer_app import called, run_file
from bundler.installer.operations import check as checking
from bundler.installer.operations import history
from bundler.installer.operations.check import CheckSession, Choice
from bundler.installer.operations.speaking import say
from bundler.installer.plan.vendor import VendorRules
from bundler.installer.run.events import tee
from bundler.installer.run.report import Report as Run

Parallel = Annotated[int, typer.Option(min=1, max=512, help="How many hosts to ask at once.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ID|AREA", help="Only this check, or those of an area. May be repeated."),
]
Junit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JUnit report, for CI systems.")]
Html = Annotated[
    Path | None, typer.Option("--html", "--report-html", metavar="FILE", help="Write the report as one page.")
]
Mend = Annotated[bool, typer.Option("--fix", help="Fix what is safe to fix, then check again.")]
Detail = Annotated[bool, typer.Option("--verbose", "-v", help="Show notes, what passed, what is unknown.")]


@spread
def check_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    login: LoginOptions,
    trust: opt.TrustOptions,
    parallel: Parallel = 100,
    only: Only = None,
    ignore: opt.Ignore = None,
    fix: Mend = False,
    json: AsJson = False,
    junit: Junit = None,
    html: Html = None,
    verbose: Detail = False,
) -> None:
    """Look whether every host is fit; without --fix nothing changes."""
    choice = Choice(frozenset(only or ()), frozenset(ignore or ()))
    with checking.opened(
        run_file(),
        clusterfile,
        login.access(),
        trust.gate(),
        parallel=parallel,
        tell=say,
        run=called(),
        alone=fix,
    ) as session:
        _refuse_unknown((*choice.only, *choice.ignored), session.rules)
        report, scene = session.look(choice)
        text = as_text(report, f"{called()} check --fix -f {clusterfile}", detail=verbose)
        if fix and (todo := fixing(scene, report)).plan.steps:
            report, text = _fixed(session, choice, scene, report, todo)
    _write(junit, as_junit(report))
    _write(html, as_html(report))
    put(sys.stdout, f"{as_json(report) if json else text}\n")
    if report.code is not ExitCode.OK:
        raise typer.Exit(report.code)


def _fixed(
    session: CheckSession, choice: Choice, scene: Scene, before: Report, todo: Fixing
) -> tuple[Report, str]:
    """Fix, and check again: the new report, and what has become of each finding."""
    run = Run(session.site)
    with history.noted(session, "check --fix", run), view(detail=False) as sink:
        lost = session.mend(todo.plan, tee(run, sink))
    after, _ = session.look(choice)
    return after, as_fixed(told(before, after, lost, scene.limits), todo.alone, after)


def _refuse_unknown(words: tuple[str, ...], rules: VendorRules) -> None:
    if unknown := known(words, rules):
        raise BundlerError(
            f"no check is called {', '.join(unknown)}",
            code=ExitCode.USAGE,
            fix="`check -v` lists all; docs/checks.md explains them",
        )


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BundlerError(
            "the report can't be written", where=path, why=str(error.strerror), code=ExitCode.INPUT
        ) from None


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("check")(check_command)
