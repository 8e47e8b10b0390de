"""`restore`: a site brought back from one file, onto the same machines or fresh ones."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli import options as opt
from bundler.installer.cli.consent import agree_by_name
from bundler.installer.cli.operation_run import running
from bundler.installer.cli.show import plan_in_order
from bundler.installer.cli.site_options import Clusterfile, Yes
from bundler.installer.cli.snapshot_commands import PassPhraseFile, pass_phrase
from bundler.installer.cli.typer_app import run_file
from bundler.installer.cli.work_options import WorkOptions
from bundler.installer.operations.opening import opened
from bundler.installer.operations.restore import Restore
from bundler.installer.operations.speaking import say
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.snapshot.age import Identity, PassPhrase, identities
from bundler.installer.snapshot.container import is_encrypted, read

_MOST = 1 << 16  # bytes of a file of identities

From = Annotated[Path, typer.Option("--from", metavar="FILE", help="The snapshot.")]
IdentityFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your private keys, as age-keygen writes them.")
]
Confirm = Annotated[
    str,
    typer.Option(
        metavar="SITE", help="The site's name, to confirm that its data may be lost. By default, asks for it."
    ),
]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show what would be lost and done, without doing it.")]
TimeoutFactor = Annotated[
    list[str] | None, typer.Option(metavar="[PHASE=]N", help="Multiply the timeouts of all steps by N.")
]


@spread
def restore_command(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    source: From,
    identity: IdentityFile = None,
    passphrase_file: PassPhraseFile = None,
    confirm: Confirm = "",
    yes: Yes = False,
    plan: ShowPlan = False,
    base: opt.Bases = None,
    timeout_factor: TimeoutFactor = None,
    work: WorkOptions,
) -> None:
    """Bring the cluster back from a snapshot, onto the same machines or fresh ones.

    The file is read whole before anything is changed. Says first what is lost.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    options = work.run("restore", timeouts)
    snapshot = read(source, _opener(source, identity, passphrase_file))
    with opened(
        run_file(),
        clusterfile,
        work.access(),
        work.gate(),
        parallel=work.parallel,
        tell=say,
        bases=base or (),
        alone=True,
    ) as session:
        restore = Restore.of(session, snapshot)
        restore.judge()
        for line in restore.losses():
            say(line)
        if plan:
            put(sys.stdout, f"{plan_in_order(restore.plan())}\n\n{plan_in_order(restore.foreseen())}\n")
            return
        if not yes:
            fix = f"add --confirm {session.site.name}, or --yes"
            agree_by_name(session.site.name, command="restore", given=confirm, fix=fix)
        with running(restore.session, options) as run:
            run.report.title = f"{session.site.name}: back from {source.name}"
            run.log()  # a restore looks first whether anything is left to do: that is logged, too
            restore.run(run.carry_out)
        run.finish()


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


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("restore")(restore_command)
