"""`delete` of a product whose cluster serves others, too: its own apps go, the cluster stays."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import decision_view
from bundler.installer.cli.progress import view
from bundler.installer.cli.reports import Reports, reported
from bundler.installer.operations import history
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session, say
from bundler.installer.operations.site_run import carry_on
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts


@dataclass(frozen=True, slots=True)
class How:
    """The command's options. yes: nobody is asked."""

    log: Path
    limits: ScheduleLimits
    timeouts: Timeouts
    reports: Reports
    detail: bool
    yes: bool


def delete_apps(session: Session, how: How) -> None:
    """Uninstall this product's apps. Raises what `carry_on` does."""
    product, others = session.bundle.index.name, ", ".join(session.neighbours)
    if not how.yes:
        _confirm(product, others)
    with (
        reported(how.reports, session.site, session.bundle.index) as told,
        history.noted(session, "delete", told),
        contextlib.ExitStack() as logs,
    ):
        written = list[LogFile]()  # empty while nothing is done

        def carry_out(stage: Plan) -> None:
            if not written:
                written.append(logs.enter_context(sessions.logged(session, how.log)))
            shown = view(detail=how.detail)
            sessions.carry_out(session, stage, written[0], shown, how.limits, told, how.timeouts)

        ended = carry_on(session, carry_out)
    if isinstance(ended.decision, Decided):
        for line in decision_view.lines(ended.decision):
            say(line)
    if ended.stages:
        how.reports.write(told)
        put(sys.stdout, f"{told.as_text()}\n")
    say(f"{product} is gone from {session.site.name}; the cluster stays for {others}")


def _confirm(product: str, others: str) -> None:
    if not sys.stdin.isatty():
        raise BundlerError(
            "delete asks before it deletes, and there is no terminal", code=ExitCode.USAGE, fix="add --yes"
        )
    if not typer.confirm(f"Uninstall the apps of {product}? The cluster stays for {others}."):
        raise BundlerError("nothing was deleted", code=ExitCode.INTERRUPTED, fix="answer y to delete them")
