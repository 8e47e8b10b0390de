"""What all commands of a .run have in common: how they are read, and where the .run is."""

import os
from difflib import get_close_matches
from pathlib import Path

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import is_gone
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


def called() -> str:
    """The .run as a person calls it, for commands that can be pasted."""
    return f"./{Path(os.environ.get(NAME, 'product.run')).name}"


def invoke(app: typer.Typer, words: list[str]) -> int:
    """Run the command that the words name; its exit code. Raises BundlerError."""
    name = called().removeprefix("./")
    try:
        status = app(words, standalone_mode=False, prog_name=name)
    except typer.Abort:  # the end of input, where an answer is asked for
        raise KeyboardInterrupt from None
    except typer.Exit as end:
        return end.exit_code
    except SystemExit as end:
        if isinstance(end.__context__, OSError) and is_gone(end.__context__):  # typer's way to leave then
            raise end.__context__ from None
        raise
    except typer.TyperException as error:
        raise BundlerError(
            error.format_message(), code=ExitCode.USAGE, fix=_usage(app, words, f"./{name}")
        ) from None
    if status == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C
        raise KeyboardInterrupt
    return int(status or 0)


def _usage(app: typer.Typer, words: list[str], name: str) -> str:
    """The command that was meant, if one is like it; else where all are listed."""
    known = [
        each.name or (each.callback.__name__ if each.callback else "") for each in app.registered_commands
    ]
    first = words[0] if words else ""
    if first not in known and (close := get_close_matches(first, known, n=1, cutoff=0.6)):
        return f"did you mean {name} {' '.join((close[0], *words[1:]))}"
    return f"{name} --help lists them"


def run_file() -> Path:
    """Where the .run is. Raises BundlerError (USAGE) where it is unknown."""
    named = os.environ.get(RUN_FILE)
    if not named:
        raise BundlerError(
            "there is no bundle",
            why=f"{RUN_FILE} is not set: this program is started by the .run that it is in",
            code=ExitCode.USAGE,
            fix="run ./product.run",
        )
    return Path(named)
