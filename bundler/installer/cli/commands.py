"""The commands of a .run, as typer reads them from their signatures."""

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import decision_view, show
from bundler.installer.cli import options as opt
from bundler.installer.cli.content_commands import register as register_content
from bundler.installer.cli.host_commands import register as register_hosts
from bundler.installer.cli.progress import view
from bundler.installer.cli.site_options import (
    AcceptNew,
    AskPassword,
    Clusterfile,
    Gone,
    Keep,
    Parallel,
    Prune,
    Replaced,
    Without,
    operation,
)
from bundler.installer.cli.site_options import access as _access
from bundler.installer.cli.typer_app import new_app, run_file
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session, say
from bundler.installer.operations.site_run import carry_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from bundler.installer.run.events import tee
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import Limits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport.connect import Access
from bundler.installer.trust.gate import Gate

HELP: Final = """Bring up the Kubernetes product in this file on your machines, over ssh.

    ./product.run --clusterfile site.yaml

The same command again goes on where the last one stopped. Nothing asks the internet for anything.
"""
EPILOG: Final = "Without a command, `apply` is meant. Also: --info, --list and --check look into the file."

app = new_app(help=HELP, epilog=EPILOG)

TimeoutFactor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[PHASE=]N", help="Give every step N times its time, or those of a phase. May be repeated."
    ),
]
Log = Annotated[Path | None, typer.Option(help="Where the log goes; else ./NAME-COMMAND.log.")]
ReportFile = Annotated[Path | None, typer.Option(help="Write what was done, with times, as JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line that the hosts say.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
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
    timeout_factor: TimeoutFactor = None,
    log: Log = None,
    report: ReportFile = None,
    verbose: Verbose = False,
) -> None:
    """Install, or go on with an install.

    Makes the site what the Clusterfile says; what is done already is left out.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    access = _access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key, downgrade=allow_downgrade)
    meant = operation(prune=prune, keep=keep, gone=gone, replaced=replaced, without=without)
    with _alone(clusterfile, access, gate, parallel, base or (), meant) as session:
        told = Report(session.site)
        with contextlib.ExitStack() as logs:

            def carry_out(plan: Plan) -> None:
                if not told.log:
                    written.append(
                        logs.enter_context(sessions.logged(session, _log_path(log, session, "apply")))
                    )
                    told.log = str(written[0].path)
                sink = tee(written[0], told)
                sessions.carry_on_with(session, plan, sink, view(detail=verbose), _limits(parallel), timeouts)

            written: list[LogFile] = []
            ended = carry_on(session, carry_out)
        _tell_findings(ended.decision)
        if not ended.stages:
            session.record()
            say(f"{session.title}: nothing to do")
            _refuse_partial(session, ended.partial)
            return
        told.nodes = session.nodes()
    _write_report(report, told.as_json())
    sys.stdout.write(f"{told.as_text()}\n")
    _refuse_partial(session, ended.partial)


def _tell_findings(decision: object) -> None:
    if isinstance(decision, Decided):
        for line in decision_view.lines(decision):
            say(line)


def _refuse_partial(session: Session, hosts: tuple[str, ...]) -> None:
    """The last word on hosts that were left out. Raises BundlerError (PARTIAL)."""
    if hosts:
        raise BundlerError(
            f"{session.title}: done, but for {', '.join(hosts)}",
            where=session.site.name,
            why="they do not answer, and were left out by request",
            fix="once they answer, run the same command again: it takes them in",
            code=ExitCode.PARTIAL,
        )


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
    as_json: AsJson = False,
) -> None:
    """Show what apply would do, and do nothing."""
    access = _access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key, downgrade=allow_downgrade)
    with sessions.opened(
        run_file(), clusterfile, access, gate, parallel=parallel, tell=say, bases=base or (),
        operation=operation(prune=prune, keep=keep, gone=gone, replaced=replaced, without=without),
    ) as session:  # fmt: skip
        decided = session.plan()
    sys.stdout.write(f"{show.plan_json(decided) if as_json else show.plan_text(decided)}\n")


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
    verbose: Verbose = False,
    yes: Yes = False,
) -> None:
    """Take the cluster down, data and all.

    Leaves the machines as they were found.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    access = _access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with _alone(clusterfile, access, gate, parallel, (), Operation(Kind.DELETE)) as session:
        decided = session.removal()
        if not yes:
            _confirm(session)
        session.note_removal()
        with sessions.logged(session, _log_path(log, session, "delete")) as written:
            told = sessions.carry_out(
                session, decided, written, view(detail=verbose), _limits(parallel), timeouts
            )
    _write_report(report, told.as_json())
    sys.stdout.write(f"{told.as_text()}\n")


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
    sys.stdout.write(f"{show.facts_json(found) if as_json else show.facts_text(found)}\n")


@app.command("verify-sig", hidden=True)
def verify_sig(*, trust: opt.Trust = None) -> None:
    """Verify every byte and the signature; what --verify-sig does where there is no ssh-keygen."""
    with Bundle.open(run_file()) as bundle:
        bundle.check()
        verdict = opt.gate(trust, unsigned=False, new_key=False).judge(bundle)
    release = verdict.release
    sys.stdout.write(f"{release.name} {release.version}: every byte is as it was sealed\n")
    sys.stdout.write(f"signed by {', '.join(dict.fromkeys((verdict.who, release.key)))}\n")


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


def _limits(parallel: int) -> Limits:
    """Two steps a host on average keep the hosts busy without a thread for every one of them."""
    return Limits(total=parallel * 2)


def _log_path(asked: Path | None, session: Session, command: str) -> Path:
    return sessions.log_path(asked, f"{session.bundle.index.name}-{command}")


def _confirm(session: Session) -> None:
    if not sys.stdin.isatty():
        raise BundlerError(
            "delete asks before it deletes, and there is no terminal",
            code=ExitCode.USAGE,
            fix="add --yes",
        )
    hosts = len(session.site.hosts)
    if not typer.confirm(f"Delete the cluster {session.site.name} on {hosts} hosts, with all its data?"):
        raise BundlerError("nothing was deleted", code=ExitCode.INTERRUPTED, fix="answer y to delete it")


def _write_report(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BundlerError(
            "the report can't be written", where=path, why=str(error.strerror), code=ExitCode.INPUT
        ) from None


register_content(app)
register_hosts(app)
