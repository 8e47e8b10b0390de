"""Questions on a terminal that may go away meanwhile: then there is no answer, which is never a yes."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bundler.core.errors import BundlerError, ExitCode


def confirm(question: str) -> bool:
    """Yes or no. Raises BundlerError (INTERRUPTED) where the terminal goes away."""
    with _terminal("add --yes"):
        return typer.confirm(question)


def prompt(question: str, *, default: str | None = None, err: bool = False) -> str:
    """A line of text; the same."""
    with _terminal("start it again"):
        return str(typer.prompt(question, default=default, err=err))


def hidden(question: str, *, fix: str) -> str:
    """A line that is not shown. fix: another way to give it. Raises BundlerError (INTERRUPTED) for none."""
    with _terminal(fix):
        return getpass.getpass(question)


@contextmanager
def _terminal(fix: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, typer.Abort) as error:  # the end of input; EIO of a terminal that hung up
        if isinstance(error.__context__, KeyboardInterrupt):  # typer's name for both
            raise
        raise BundlerError(
            "there was no answer",
            why="the input ended, or the terminal went away",
            code=ExitCode.INTERRUPTED,
            fix=fix,
        ) from None
