"""`restore`: a site brought back from one file, onto the same machines or fresh ones."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli.progress import view
from bundler.installer.cli.show import plan_in_order
from bundler.installer.cli.site_options import AcceptNew, AskPassword, Clusterfile, Parallel, access
from bundler.installer.cli.snapshot_commands import Log, PassPhraseFile, Verbose, pass_phrase
from bundler.installer.cli.typer_app import run_file
from bundler.installer.operations import session as sessions
from bundler.installer.operations.restore import Restore
from bundler.installer.operations.session import Session, say
from bundler.installer.plan.steps import Plan
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.snapshot.age import Identity, PassPhrase, identities
from bundler.installer.snapshot.container import is_encrypted, read

_MOST = 1 << 16  # bytes of a file of identities

From = Annotated[Path, typer.Option("--from", metavar="FILE", help="The snapshot.")]
IdentityFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your private keys, as age-keygen writes them.")
]
Confirm = Annotated[
    str, typer.Option(metavar="SITE", help="The site's name: its data may go. Else you are asked to type it.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask whether it is meant.")]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show what would be lost and done, and do nothing.")]
TimeoutFactor = Annotated[
    list[str] | None, typer.Option(metavar="[PHASE=]N", help="Give every step N times its time.")
]


def restore_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    source: From,
    identity: IdentityFile = None,
    passphrase_file: PassPhraseFile = None,
    confirm: Confirm = "",
    yes: Yes = False,
    plan: ShowPlan = False,
    accept_new: AcceptNew = False,
    ask_password: AskPassword = False,
    base: opt.Bases = None,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    accept_new_key: opt.AcceptNewKey = False,
    parallel: Parallel = 32,
    timeout_factor: TimeoutFactor = None,
    log: Log = None,
    verbose: Verbose = False,
) -> None:
    """Bring the cluster back from a snapshot, onto the same machines or fresh ones.

    The file is read whole before anything is changed. Says first what is lost.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    snapshot = read(source, _opener(source, identity, passphrase_file))
    found = access(accept_new=accept_new, ask_password=ask_password)
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=accept_new_key)
    with sessions.opened(
        run_file(), clusterfile, found, gate, parallel=parallel, tell=say, bases=base or (), alone=True
    ) as session:
        restore = Restore(session, snapshot)
        restore.judge()
        for line in restore.losses():
            say(line)
        if plan:
            put(sys.stdout, f"{plan_in_order(restore.plan())}\n\n{plan_in_order(restore.foreseen())}\n")
            return
        if not yes:
            _ask(session.site.name, confirm)
        report = Report(session.site)
        path = sessions.log_path(log, f"{session.bundle.index.name}-restore")
        with sessions.logged(session, path) as written:
            _carried_out(session, restore, written, report, timeouts, parallel=parallel, verbose=verbose)
        report.nodes = session.nodes()
        put(sys.stdout, f"{report.as_text()}\n")


def _carried_out(
    session: Session,
    restore: Restore,
    log: LogFile,
    report: Report,
    timeouts: Timeouts,
    *,
    parallel: int,
    verbose: bool,
) -> None:
    def carry_out(stage: Plan) -> None:
        shown = view(detail=verbose)
        sessions.carry_out(session, stage, log, shown, ScheduleLimits(total=parallel * 2), report, timeouts)

    restore.run(carry_out)


def _opener(source: Path, identity: Path | None, file: Path | None) -> list[Identity] | PassPhrase | None:
    """What opens the file; nothing for one that a control plane keeps for itself."""
    if not is_encrypted(source):
        return None
    if identity is None:
        return pass_phrase(file)
    try:
        with identity.open(encoding="utf-8") as stream:
            found = identities(stream.read(_MOST))
    except (OSError, UnicodeDecodeError) as error:
        raise BundlerError(
            "the keys can't be read", where=identity, why=str(error), code=ExitCode.INPUT
        ) from None
    if not found:
        raise BundlerError("the file has no key", where=identity, code=ExitCode.INPUT)
    return list(found)


def _ask(name: str, confirmed: str) -> None:
    """The site's name, given or typed: what is lost now no later run brings back."""
    if not confirmed:
        if not sys.stdin.isatty():
            raise BundlerError(
                "restore asks before data is lost, and there is no terminal",
                code=ExitCode.USAGE,
                fix=f"add --confirm {name}, or --yes",
            )
        confirmed = typer.prompt(f"Type {name} to go on")
    if confirmed != name:
        raise BundlerError(
            "nothing was changed",
            why=f"{confirmed!r} is not {name}",
            code=ExitCode.USAGE,
            fix="give the site's name",
        )


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("restore")(restore_command)
