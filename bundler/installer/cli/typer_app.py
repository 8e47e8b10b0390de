"""What all commands of a .run have in common: how they are read, and where the .run is."""

import os
from pathlib import Path

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli.environment import NAME, RUN_FILE


def new_app(*, help: str = "", epilog: str = "") -> typer.Typer:  # noqa: A002  (typer's own name)
    """A typer application with the habits of a .run."""
    return typer.Typer(
        help=help,
        epilog=epilog,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def invoke(app: typer.Typer, words: list[str]) -> int:
    """Run the command that the words name; its exit code. Raises BundlerError."""
    name = Path(os.environ.get(NAME, "product.run")).name
    try:
        status = app(words, standalone_mode=False, prog_name=name)
    except typer.Abort:  # the end of input, where an answer is asked for
        raise KeyboardInterrupt from None
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise BundlerError(
            error.format_message(), code=ExitCode.USAGE, fix=f"./{name} --help tells what there is"
        ) from None
    if status == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C
        raise KeyboardInterrupt
    return int(status or 0)


def run_file() -> Path:
    """Where the .run is. Raises BundlerError (USAGE) where nobody says."""
    named = os.environ.get(RUN_FILE)
    if not named:
        raise BundlerError(
            "there is no bundle",
            why=f"{RUN_FILE} is not set: this program is started by the .run that it is in",
            code=ExitCode.USAGE,
            fix="run ./product.run",
        )
    return Path(named)
