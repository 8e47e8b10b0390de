"""The command line of the builder. Thin: options in, one call, and the one place that renders errors."""

import gc
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bundler.builder.cli import options as opt
from bundler.builder.cli.artifact_commands import (
    load_command,
    pull_command,
    push_command,
    save_command,
    tag_command,
)
from bundler.builder.cli.catalogue_commands import app as catalogue_app
from bundler.builder.cli.explain_command import explain_command
from bundler.builder.cli.lock_commands import lock_command, update_command, why_command
from bundler.core.errors import BundlerError, ExitCode, headed
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put

app = typer.Typer(
    name="bundler",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Ship a whole Kubernetes product to machines without internet: "
        "one Kubefile in, one self-extracting .run out."
    ),
    epilog="Exit codes and all options: docs/cli-bundler.md, docs/exit-codes.md.",
)


@app.command("make")
@spread
def make_command(  # noqa: PLR0913  (a command has as many parameters as options)
    what: opt.What = None,
    *,
    file: opt.KubefileFile = None,
    output: opt.Output = None,
    platform: opt.PlatformName = "linux/amd64",
    build_arg: opt.BuildArgs = None,
    universal: opt.Universal = False,
    runtime: opt.Runtimes = None,
    helm_library: opt.HelmLibraries = None,
    supply: opt.SupplyOptions,
    offline: opt.Offline = False,
    locked: opt.Locked = False,
    refresh: opt.Refresh = False,
    sign: opt.Sign = "",
    passphrase_file: opt.PassphraseFile = None,
    split: opt.Split = "",
    base: opt.BaseRun = None,
    with_installer: opt.WithInstaller = False,
    recompress: opt.Recompress = False,
    allow_eol: opt.AllowEol = False,
    level: opt.Level = 8,
    said: opt.OutputOptions,
) -> None:
    """Build a .run from a Kubefile, or from entries of the catalogue."""
    from bundler.builder.cli import invocation as session  # noqa: PLC0415  (half a second of imports that --help does without)
    from bundler.builder.cli.what import source_of  # noqa: PLC0415  (as above)
    from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue  # noqa: PLC0415  (as above)

    source = source_of(what or [], file, output, Catalogue(default_catalogue()), supply.cache)
    for warning in source.warnings if not said.quiet else ():
        typer.echo(f"warning: {warning}", err=True)
    session.build(
        session.BuildOptions(
            kubefile=source.kubefile,
            context=source.context,
            platform=platform,
            build_args=tuple(build_arg or ()),
            supply=supply,
            said=said,
            output=output,
            runtimes=tuple(runtime or ()),
            offline=offline,
            refresh=refresh,
            sign=sign,
            passphrase_file=passphrase_file,
            locked=locked,
            split=split,
            base=base,
            with_installer=with_installer,
            recompress=recompress,
            allow_eol=allow_eol,
            level=level,
            universal=universal,
            helms=tuple(helm_library or ()),
        )
    )


app.add_typer(catalogue_app, name="catalogue")
app.command("explain")(explain_command)
app.command("lock")(lock_command)
app.command("update")(update_command)
app.command("why")(why_command)
app.command("push")(push_command)
app.command("pull")(pull_command)
app.command("save")(save_command)
app.command("load")(load_command)
app.command("tag")(tag_command)


@app.command("lint")
def lint_command(
    directory: opt.Directory = Path(),
    *,
    file: opt.KubefileFile = None,
    platform: opt.OnePlatform = "linux/amd64",
    build_arg: opt.BuildArgs = None,
    ignore_image: opt.IgnoredImages = None,
    form: opt.Format = opt.LintFormat.TEXT,
) -> None:
    """Check a Kubefile and its build context, and report all problems at once; uses no network."""
    from bundler import __version__  # noqa: PLC0415  (lint needs little; keep it quick)
    from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue  # noqa: PLC0415  (as above)
    from bundler.builder.kubefile.lint import lint  # noqa: PLC0415  (as above)
    from bundler.builder.kubefile.render import as_json, as_sarif, as_text  # noqa: PLC0415  (as above)

    path, catalogue = opt.kubefile_of(directory, file), Catalogue(default_catalogue())
    report = lint(path, catalogue)
    if not report.errors:
        from bundler.builder.cli.context_lint import with_context  # noqa: PLC0415  (as above; most of the builder)
        from bundler.core.oci import Platform  # noqa: PLC0415  (as above)

        context = opt.context_of(directory)
        report = with_context(
            report, path, context, Platform.parse(platform), build_arg or (), ignore_image or ()
        )
    match form:
        case opt.LintFormat.TEXT:
            typer.echo(as_text(report), nl=False)
        case opt.LintFormat.JSON:
            typer.echo(as_json(report), nl=False)
        case opt.LintFormat.SARIF:
            typer.echo(as_sarif(report, __version__), nl=False)
    raise typer.Exit(ExitCode.INPUT if report.errors else ExitCode.OK)


@app.command("inspect")
def inspect_command(
    file: opt.RunFile,
    *,
    platform: opt.OfPlatform = "",
    signature: opt.SignatureOnly = False,
    trust: opt.Trust = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show what is in a .run and who signed it, without running it; or what a site has collected."""
    from bundler.builder.bundles import collected, inspect  # noqa: PLC0415  (--help does without their code)

    if collected.is_collected(file):
        put(sys.stdout, collected.describe(file, as_json=as_json))
        return
    signer = inspect.signer(file, trust or (), now=time.time())
    if signature:
        typer.echo(inspect.as_json(signer) if as_json else f"signed by: {signer.line()}")
    else:
        typer.echo(inspect.describe(file, signer, as_json=as_json, platform=platform), nl=False)
    signer.check(file)


@app.command("keygen")
def keygen_command(
    name: opt.KeyName, *, comment: opt.KeyComment = "", passphrase_file: opt.PassphraseFile = None
) -> None:
    """Make a pair of keys to sign with: NAME stays secret, NAME.pub is for the sites."""
    from bundler.builder.signing.keygen import keygen  # noqa: PLC0415  (--help does without the cryptography)
    from bundler.builder.signing.passphrase import chosen  # noqa: PLC0415  (as above)

    key = keygen(name, chosen(passphrase_file), comment or name.name)
    typer.echo(f"{name}: secret, sign with it\n{name}.pub: give it to the sites\n{key.fingerprint}")


@app.command("sign")
def sign_command(
    file: opt.RunFile,
    *,
    key: opt.Key = "",
    signature: opt.SignatureFile = None,
    passphrase_file: opt.PassphraseFile = None,
) -> None:
    """Sign a .run in place, in place of the signature that it had."""
    from bundler.builder.signing import sign  # noqa: PLC0415  (--help does without the cryptography)
    from bundler.builder.signing.signer import find_signer  # noqa: PLC0415  (as above)

    if bool(key) == (signature is not None):
        raise BundlerError(
            "sign needs a key or a signature",
            code=ExitCode.USAGE,
            fix="give --key FILE, --key agent, or --signature FILE",
        )
    if signature is not None:
        made = sign.attach(file, signature)
    else:
        made = sign.sign_file(file, find_signer(key, passphrase_file))
    typer.echo(f"{file}: signed by {made.key.fingerprint}")


@app.command("split")
def split_command(file: opt.RunFile, *, size: opt.Size, output: opt.SplitOutput = None) -> None:
    """Cut a .run into parts, for a stick that takes no large files."""
    from bundler.builder.bundles import split  # noqa: PLC0415  (--help does without the archive's code)
    from bundler.core.archive.parts import parse_size  # noqa: PLC0415  (as above)

    for part in split.split(file, parse_size(size), output):
        typer.echo(f"{part}: {part.stat().st_size} bytes")


@app.command("join")
def join_command(file: opt.FirstPart, *, output: opt.JoinOutput = None) -> None:
    """Make one .run out of its parts again, or go on where a split or a join was interrupted."""
    from bundler.builder.bundles import split  # noqa: PLC0415  (--help does without the archive's code)

    typer.echo(f"{split.join(file, output)}: whole, every byte is as it was sealed")


@app.command("diff")
def diff_command(old: opt.OldRun, new: opt.NewRun, *, as_json: opt.DiffJson = False) -> None:
    """Show what changed from one .run to another; exits with 1 when something did."""
    from bundler.builder.bundles import diff_platforms, diff_render  # noqa: PLC0415  (only needed here)

    difference = diff_platforms.compare(old, new)
    render = diff_render.as_json if as_json else diff_render.as_text
    typer.echo(render(difference), nl=False)
    raise typer.Exit(1 if difference.changes else ExitCode.OK)


@app.command("upgrade-check")
def upgrade_check_command(old: opt.OldRun, new: opt.NewRun, *, as_json: opt.DiffJson = False) -> None:
    """Say what sites that run OLD go through when NEW comes, and what stands against it.

    Ends with 0, with 18 where something has to be looked at, with 16 where sites would refuse NEW.
    """
    from bundler.builder.bundles import upgrade_render  # noqa: PLC0415  (only needed here)
    from bundler.builder.bundles.upgrade_files import checked  # noqa: PLC0415  (as above)
    from bundler.builder.charts.api_versions import removed_in  # noqa: PLC0415  (as above)

    made = checked(old, new, removed_in)
    render = upgrade_render.as_json if as_json else upgrade_render.as_text
    typer.echo(render(*made), nl=False)
    raise typer.Exit(upgrade_render.exit_code(made[2]))


def _version(asked: bool) -> None:  # noqa: FBT001  (typer calls it with the flag's value)
    if asked:
        from bundler import __version__  # noqa: PLC0415  (only needed here)

        typer.echo(f"bundler {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show bundler's version.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """The program `bundler`: ends with one of the documented exit codes, and never with a traceback."""
    _open_streams()
    gc.set_threshold(50_000)  # imports make many objects that stay; going through them took 60 ms of a build
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _terminated)
    try:
        app()
    except BundlerError as error:
        _tell(headed(error))
        sys.exit(error.code)
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:
            _tell("interrupted; downloads are kept, and nothing is half-written")
        raise
    except Exception as error:  # noqa: BLE001  (the last line of defence: no traceback for users)
        from bundler.builder.cache.disk import is_full  # noqa: PLC0415  (hopefully never needed)
        from bundler.builder.cli.crash import keep  # noqa: PLC0415  (hopefully never needed)

        if is_full(error):
            _tell(f"error[BND-SPACE] {error}\n  fix: free some space; the cache's disk is named with --cache")
            sys.exit(ExitCode.SPACE)
        _tell(
            f"error[BND-BUG] this is a bug in bundler: {type(error).__name__}: {error}\n  log: {keep(error)}"
        )
        sys.exit(ExitCode.BUG)
    sys.exit(ExitCode.OK)


def _open_streams() -> None:
    """A stream that is closed, as under cron, takes what is said and keeps it to itself."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (for as long as we run)


def _terminated(number: int, _: object) -> NoReturn:
    """End as with Ctrl-C, so that everything is put in order, but say which signal it was."""
    sys.exit(128 + number)


def _tell(text: str) -> None:
    print(text if text.startswith(("interrupted", "error[")) else f"error: {text}", file=sys.stderr)  # noqa: T201  (it is the CLI)
