"""The commands of a .run without Kubernetes: onto any cluster that a kubeconfig reaches, without ssh."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.core.words import counted
from bundler.installer.cli import options as opt
from bundler.installer.cli import show
from bundler.installer.cli.consent import agree
from bundler.installer.cli.progress import view
from bundler.installer.cli.push_commands import Authority, Insecure, PasswordFile, User
from bundler.installer.cli.site_options import AsJson, Log, Yes
from bundler.installer.cli.typer_app import invoke, new_app, run_file
from bundler.installer.operations.app_session import AppSession, Cluster, opened
from bundler.installer.operations.carrying import log_path
from bundler.installer.operations.speaking import say
from bundler.installer.plan.app_cluster import Aim
from bundler.installer.plan.steps import Plan
from bundler.installer.run.events import tee
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.timeouts import Timeouts

OPTION: Final = "--kubeconfig"  # distinguishes these commands from those of a site

app = new_app(help="Install the apps in this file on an existing cluster.")

Kubeconfig = Annotated[Path, typer.Option(OPTION, metavar="FILE", help="How the cluster is reached.")]
Context = Annotated[
    str, typer.Option("--context", help="Of the kubeconfig, which context; else its current one.")
]
Registry = Annotated[
    str,
    typer.Option(
        metavar="HOST[:PORT][/PATH]",
        help="Where the nodes pull images from; by default, the registry that the cluster publishes.",
    ),
]
WithoutImages = Annotated[
    bool, typer.Option("--without-images", help="Push nothing: the nodes find the images by their own names.")
]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable for apps' own commands. May be repeated."),
]
TimeoutFactor = Annotated[
    list[str] | None, typer.Option(metavar="[PHASE=]N", help="Multiply the timeouts of all steps by N.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show all output.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions:
    """How the steps are carried out, and where their log goes."""

    timeout_factor: TimeoutFactor = None
    log: Log = None
    verbose: Verbose = False


@app.command()
@spread
def apply(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    kubeconfig: Kubeconfig,
    context: Context = "",
    registry: Registry = "",
    without_images: WithoutImages = False,
    insecure: Insecure = False,
    authority: Authority = None,
    username: User = "",
    password_file: PasswordFile = None,
    env: Env = None,
    base: opt.Bases = None,
    trust: opt.UpgradeTrustOptions,
    work: WorkOptions,
) -> None:
    """Install the apps, or upgrade them; what is there already is left out."""
    pushing = _pushing(
        insecure=insecure, authority=authority, username=username, password=password_file,
        base=base, trust=trust.trust, unsigned=trust.allow_unsigned, new_key=trust.accept_new_key,
    )  # fmt: skip
    cluster = Cluster(kubeconfig, context, registry, not without_images, pushing, _variables(env))
    with opened(run_file(), cluster, trust.gate(), say, base or ()) as session:
        made = session.plan(Aim.APPLY, downgrade=trust.allow_downgrade)
        _carry_out(session, made, Aim.APPLY, work)


@app.command()
@spread
def plan(
    *,
    kubeconfig: Kubeconfig,
    context: Context = "",
    registry: Registry = "",
    without_images: WithoutImages = False,
    env: Env = None,
    base: opt.Bases = None,
    trust: opt.UpgradeTrustOptions,
    as_json: AsJson = False,
) -> None:
    """Show what `apply` would do, and change nothing."""
    cluster = Cluster(kubeconfig, context, registry, not without_images, (), _variables(env))
    with opened(run_file(), cluster, trust.gate(), say, base or ()) as session:
        made = session.plan(Aim.APPLY, downgrade=trust.allow_downgrade)
    _tell_warnings(made)
    put(sys.stdout, f"{show.plan_json(made) if as_json else show.plan_text(made)}\n")


@app.command()
@spread
def rollback(
    *,
    kubeconfig: Kubeconfig,
    context: Context = "",
    base: opt.Bases = None,
    trust: opt.TrustOptions,
    work: WorkOptions,
) -> None:
    """Take the apps back to what the bundle before this one made of them; their data stay as they are."""
    cluster = Cluster(kubeconfig, context, images=False)
    with opened(run_file(), cluster, trust.gate(), say, base or ()) as session:
        _carry_out(session, session.plan(Aim.ROLLBACK), Aim.ROLLBACK, work)


@app.command()
@spread
def delete(
    *,
    kubeconfig: Kubeconfig,
    context: Context = "",
    base: opt.Bases = None,
    trust: opt.TrustOptions,
    work: WorkOptions,
    yes: Yes = False,
) -> None:
    """Uninstall the apps. Volumes, definitions, namespaces and secrets that were made on site stay."""
    cluster = Cluster(kubeconfig, context, images=False)
    with opened(run_file(), cluster, trust.gate(), say, base or ()) as session:
        made = session.plan(Aim.DELETE)
        if made.steps and not yes:
            agree(
                f"Uninstall {counted(len(made.steps), 'app')} of {session.bundle.index.name}"
                " from the cluster?",
                command="delete",
                before="it deletes",
                undone="nothing was deleted",
                answer="delete it",
            )
        _carry_out(session, made, Aim.DELETE, work)


def run(words: list[str]) -> int:
    """Run the command that the words name; its exit code. Raises BundlerError."""
    return invoke(app, words)


def _carry_out(session: AppSession, made: Plan, aim: Aim, work: WorkOptions) -> None:
    index = session.bundle.index
    _tell_warnings(made)
    if not made.steps:
        put(sys.stdout, f"{made.title}: nothing to do\n")
        return
    timeouts = Timeouts.parse(work.timeout_factor or ())
    path = log_path(work.log, f"{index.name}-{aim.value}")
    with _logged(path) as written, view(detail=work.verbose) as shown:
        session.run(made, tee(written, shown), timeouts)
    done = ", ".join(step.id.partition("/")[2] for step in made.steps)
    put(sys.stdout, f"{made.title}: done ({done})\n")


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[LogFile]:
    log = LogFile.open(path, frozenset)
    try:
        yield log
    except BundlerError as error:
        log.note(event="error", code=int(error.code), error=str(error))
        raise error.logged_at(path) from error
    finally:
        log.close()


def _tell_warnings(made: Plan) -> None:
    for warning in made.warnings:
        say(f"warning: {warning}")


def _pushing(
    *,
    insecure: bool,
    authority: Path | None,
    username: str,
    password: Path | None,
    base: list[Path] | None,
    trust: list[str] | None,
    unsigned: bool,
    new_key: bool,
) -> tuple[str, ...]:
    """The arguments with which push-images is called, so that it judges the file as this command does."""
    words: list[str] = []
    for wanted, option in (
        (insecure, "--insecure-registry"), (unsigned, "--allow-unsigned"), (new_key, "--accept-new-key"),
    ):  # fmt: skip
        words += [option] if wanted else []
    for option, value in (
        ("--ca", authority and authority.absolute()),
        ("--username", username),
        ("--password-file", password and password.absolute()),
    ):
        words += [option, str(value)] if value else []
    for each in base or ():
        words += ["--base", str(each.absolute())]
    for key in trust or ():
        words += ["--trust", str(Path(key).absolute()) if Path(key).is_file() else key]
    return tuple(words)


def _variables(given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BundlerError(
                f"not a variable: {text[:80]}", code=ExitCode.USAGE, fix="write --env NAME=VALUE"
            )
        found[name] = value
    return found
