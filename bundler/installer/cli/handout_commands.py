"""The commands that hand a bundle's contents out, as typer reads them from their signatures."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.archive.bases import opened
from bundler.core.archive.extract import extract, select
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show
from bundler.core.words import counted, sized
from bundler.installer.cli import options as opt
from bundler.installer.handout.export import Kind, export

QUIET: Final = "BUNDLER_QUIET"  # set by the stub for --quiet
UMASK: Final = "BUNDLER_UMASK"  # the caller's; the stub works with 077

Names = Annotated[list[str], typer.Argument(help="A path as --list shows it, a folder, or a 'glob'.")]
Target = Annotated[Path, typer.Option(help="The folder to write to; created if missing.")]
What = Annotated[Kind, typer.Argument(help="What to take out.")]
Folder = Annotated[Path, typer.Argument(help="The folder to write to; created if missing.")]


def register(app: typer.Typer, run_file: Callable[[], Path]) -> None:
    """Add the commands; `run_file` tells where the .run is."""

    @app.command("extract")
    def extract_command(
        names: Names,
        *,
        target: Target = Path(),
        platform: opt.OfPlatform = "",
        base: opt.Bases = None,
    ) -> None:
        """Take files out, verified.

        Each is hashed while it is written.
        """
        mask = caller_umask()
        with opened(run_file(), base or ()) as bundle:
            of = opt.edition(bundle, platform, say)
            files = select(of.index, names)
            extract(of, files, target, umask=mask)
        size = sum(taken.member.size for taken in files)
        say(f"{counted(len(files), 'file')}, {sized(size)}, verified, in {target}")

    @app.command("export")
    def export_command(
        what: What, folder: Folder, *, platform: opt.OfPlatform = "", base: opt.Bases = None
    ) -> None:
        """Take images, charts, packages or SBOM out.

        Images become an OCI layout, packages repositories for apt or dnf; everything is verified.
        """
        mask = caller_umask()
        with opened(run_file(), base or ()) as bundle:
            of = opt.edition(bundle, platform, say)
            count = export(of, what, folder, umask=mask, progress=lambda _count: None)
        say(f"{counted(count, 'file')}, verified, in {folder}")


def caller_umask() -> int:
    """The umask of who called the .run, set for this process too, so that folders follow it."""
    text = os.environ.get(UMASK, "")
    if not text:
        mask = os.umask(0o077)
    elif len(text) <= 5 and all(digit in "01234567" for digit in text):
        mask = int(text, 8) & 0o777
    else:
        raise BundlerError(f"{UMASK} is no umask: {text[:20]!r}", code=ExitCode.USAGE)
    os.umask(mask)
    return mask


def say(text: str) -> None:
    """A line for the user, unless --quiet was given."""
    if not os.environ.get(QUIET):
        show(sys.stderr, f"{text}\n")
