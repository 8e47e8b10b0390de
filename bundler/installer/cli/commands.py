"""The commands of a .run, as typer reads them from their signatures."""

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import decision_view, plan_view, show
from bundler.installer.cli import options as opt
from bundler.installer.cli.certs_commands import register as register_certs
from bundler.installer.cli.check_commands import register as register_checks
from bundler.installer.cli.collect_command import register as register_collect
from bundler.installer.cli.content_commands import register as register_content
from bundler.installer.cli.day_after_commands import register as register_day_after
from bundler.installer.cli.explain_command import register as register_explain
from bundler.installer.cli.host_commands import register as register_hosts
from bundler.installer.cli.progress import view
from bundler.installer.cli.prune_commands import register as register_prune
from bundler.installer.cli.readdress_command import register as register_readdress
from bundler.installer.cli.rehearse_command import register as register_rehearsal
from bundler.installer.cli.reports import ReportFile, ReportHtml, Reports, found, reported
from bundler.installer.cli.restore_commands import register as register_restore
from bundler.installer.cli.rollback_commands import register as register_rollback
from bundler.installer.cli.schema_commands import register as register_schema
from bundler.installer.cli.site_options import (
    AcceptNew,
    AskPassword,
    Clusterfile,
    DeletePod,
    Gone,
    Keep,
    Parallel,
    Prune,
    Replaced,
    Without,
    consent_words,
    operation,
)
from bundler.installer.cli.site_options import access as _access
from bundler.installer.cli.snapshot_commands import register as register_snapshots
from bundler.installer.cli.status_commands import register as register_status
from bundler.installer.cli.typer_app import called, new_app, run_file
from bundler.installer.operations import history
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session, say
from bundler.installer.operations.site_run import carry_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.connect import Access
from bundler.installer.trust.gate import Gate

HELP: Final = """Bring up the Kubernetes product in this file on your machines, over ssh.

    ./product.run --clusterfile site.yaml

The same command again goes on where the last one stopped. Nothing asks the internet for anything.
"""
EPILOG: Final = "Without a command, `apply` is meant. Also: --info, --list and --check look into the file."

app = new_app(help=HELP, epilog=EPILOG)

MaxFailed = Annotated[
    int, typer.Option(min=0, metavar="N", help="Go on without up to N workers that fail; ends with 17.")
]
TimeoutFactor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[PHASE=]N", help="Give every step N times its time, or those of a phase. May be repeated."
    ),
]
Log = Annotated[Path | None, typer.Option(help="Where the log goes; else ./NAME-COMMAND.log.")]
PlanLog = Annotated[Path | None, typer.Option(help="Write the plan, or what stands against it, as JSON.")]
AllSteps = Annotated[bool, typer.Option("--verbose", "-v", help="Show every step.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line that the hosts say.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="PRODUCT", help="This other product of the cluster goes, too."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask whether it is meant.")]


@app.command()
def apply(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    base: opt.Bases = None,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    allow_downgrade: opt.AllowDowngrade = False,
    parallel: Parallel = 32,
    prune: Prune = False,
    gone: Gone = None,
    replaced: Replaced = None,
    without: Without = None,
    keep: Keep = False,
    delete_pod: DeletePod = None,
    ignore: opt.Ignore = None,
    max_failed: MaxFailed = 0,
    timeout_factor: TimeoutFactor = None,
    log: Log = None,
    report: ReportFile = None,
    report_html: ReportHtml = None,
    verbose: Verbose = False,
) -> None:
    """Install, or go on with an install.

    Makes the site what the Clusterfile says; what is done already is left out.
    """
    timeouts, reports = Timeouts.parse(timeout_factor or ()), Reports(report, report_html)
    access = _access(accept_new=accept_new, ask_password=ask_password, max_failed=max_failed)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key, downgrade=allow_downgrade)
    meant = operation(
        prune=prune, keep=keep, gone=gone, replaced=replaced, without=without, delete_pod=delete_pod,
        max_failed=max_failed, ignore=ignore,
    )  # fmt: skip
    with _alone(clusterfile, access, gate, parallel, base or (), meant) as session:
        with (
            reported(reports, session.site, session.bundle.index) as told,
            history.noted(session, "apply", told),
            contextlib.ExitStack() as logs,
        ):
            written = list[LogFile]()  # empty while nothing is done

            def carry_out(stage: Plan) -> None:
                if not written:
                    path = _log_path(log, session, "apply")
                    written.append(logs.enter_context(sessions.logged(session, path)))
                shown = view(detail=verbose)
                sessions.carry_out(session, stage, written[0], shown, _limits(parallel), told, timeouts)

            ended = carry_on(session, carry_out)
        _tell_findings(ended.decision)
        if not ended.stages:
            session.record()
            say(f"{session.title}: nothing to do")
            sessions.check_lost(session)
            return
        told.nodes = session.nodes()
        found(told, ended.decision)
        reports.write(told)
        put(sys.stdout, f"{told.as_text()}\n")
        sessions.check_lost(session)


def _tell_findings(decision: object) -> None:
    if isinstance(decision, Decided):
        for line in decision_view.lines(decision):
            say(line)


@app.command()
def plan(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    base: opt.Bases = None,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    allow_downgrade: opt.AllowDowngrade = False,
    parallel: Parallel = 32,
    prune: Prune = False,
    gone: Gone = None,
    replaced: Replaced = None,
    without: Without = None,
    keep: Keep = False,
    delete_pod: DeletePod = None,
    ignore: opt.Ignore = None,
    max_failed: MaxFailed = 0,
    log: PlanLog = None,
    verbose: AllSteps = False,
    as_json: AsJson = False,
) -> None:
    """Show what apply would do, and do nothing."""
    access = _access(accept_new=accept_new, ask_password=ask_password, max_failed=max_failed)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key, downgrade=allow_downgrade)
    with sessions.opened(
        run_file(), clusterfile, access, gate, parallel=parallel, tell=say, bases=base or (),
        operation=operation(
            prune=prune, keep=keep, gone=gone, replaced=replaced, without=without, delete_pod=delete_pod,
            max_failed=max_failed, ignore=ignore,
        ),
    ) as session:  # fmt: skip
        with sessions.logged(session, log) if log else contextlib.nullcontext() as written:
            decided = session.plan()
            if written is not None:
                written.note(event="plan", **show.plan_data(decided))
        text = _plan_text(session, decided, clusterfile, verbose=verbose)
    put(sys.stdout, f"{show.plan_json(decided) if as_json else text}\n")
    if not as_json:
        sessions.check_lost(session)


@app.command()
def delete(  # noqa: PLR0913  (as above)
    *,
    clusterfile: Clusterfile,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    timeout_factor: TimeoutFactor = None,
    log: Log = None,
    report: ReportFile = None,
    report_html: ReportHtml = None,
    verbose: Verbose = False,
    yes: Yes = False,
    with_: With = None,
) -> None:
    """Take the cluster down, data and all.

    Leaves the machines as they were found.
    """
    timeouts, reports = Timeouts.parse(timeout_factor or ()), Reports(report, report_html)
    access = _access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with _alone(clusterfile, access, gate, parallel, (), Operation(Kind.DELETE)) as session:
        decided = session.removal(frozenset(with_ or ()))
        if not yes:
            _confirm(session)
        session.note_removal()
        with (
            reported(reports, session.site, session.bundle.index) as told,
            sessions.logged(session, _log_path(log, session, "delete")) as written,
        ):
            sessions.carry_out(
                session, decided, written, view(detail=verbose), _limits(parallel), told, timeouts
            )
    reports.write(told)
    put(sys.stdout, f"{told.as_text()}\n")


@app.command()
def facts(
    *,
    clusterfile: Clusterfile,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    as_json: AsJson = False,
) -> None:
    """Show what the hosts are, and change nothing."""
    access = _access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with sessions.opened(run_file(), clusterfile, access, gate, parallel=parallel, tell=say) as session:
        found = session.facts
    put(sys.stdout, f"{show.facts_json(found) if as_json else show.facts_text(found)}\n")


@app.command("verify-sig", hidden=True)
def verify_sig(*, trust: opt.Trust = None, base: opt.Bases = None) -> None:  # noqa: ARG001  (for the shell head)
    """Verify every byte, and judge the signature as every command does that touches the site."""
    with Bundle.open(run_file()) as bundle:
        verdict = opt.gate(trust, unsigned=False, new_key=False).judge(bundle)
        bundle.check()
    release = verdict.release
    put(sys.stdout, f"{release.name} {release.version}: every byte is as it was sealed\n")
    put(sys.stdout, f"signed by {', '.join(dict.fromkeys((verdict.who, release.key)))}\n")


def _alone(
    clusterfile: Path,
    access: Access,
    gate: Gate,
    parallel: int,
    bases: Iterable[Path] = (),
    meant: Operation | None = None,
) -> contextlib.AbstractContextManager[Session]:
    """A session that no other run shares its hosts with."""
    return sessions.opened(
        run_file(),
        clusterfile,
        access,
        gate,
        parallel=parallel,
        tell=say,
        bases=bases,
        alone=True,
        operation=meant,
    )


def _plan_text(session: Session, plan: Plan, clusterfile: Path, *, verbose: bool) -> str:
    if verbose:
        return show.plan_text(plan)
    verdict = session.verdict
    signer = verdict.who or verdict.release.key if verdict.is_signed else ""
    view = plan_view.View(
        plan, session.site, session.facts, session.bundle.index, signer, tuple(session.lost)
    )
    again = " ".join((called(), "-f", str(clusterfile), *consent_words(session.operation.consents)))
    shown = plan_view.as_text(view, again)
    known = any(not view.is_new(address) for address in session.facts.hosts)
    reasons = decision_view.lines(plan.decision) if plan.decision and known else ()
    return "\n".join([shown, *reasons])


def _limits(parallel: int) -> ScheduleLimits:
    """Two steps a host on average keep the hosts busy without a thread for every one of them."""
    return ScheduleLimits(total=parallel * 2)


def _log_path(asked: Path | None, session: Session, command: str) -> Path:
    return sessions.log_path(asked, f"{session.bundle.index.name}-{command}")


def _confirm(session: Session) -> None:
    if not sys.stdin.isatty():
        raise BundlerError(
            "delete asks before it deletes, and there is no terminal",
            code=ExitCode.USAGE,
            fix="add --yes",
        )
    where = hosts(len(session.site.hosts))
    if not typer.confirm(f"Delete the cluster {session.site.name} on {where}, with all its data?"):
        raise BundlerError("nothing was deleted", code=ExitCode.INTERRUPTED, fix="answer y to delete it")


register_content(app)
register_hosts(app)
register_schema(app)
register_status(app)
register_day_after(app)
register_snapshots(app)
register_restore(app)
register_certs(app)
register_collect(app)
register_readdress(app)
register_checks(app)
register_rehearsal(app)
register_explain(app)
register_rollback(app)
register_prune(app)
