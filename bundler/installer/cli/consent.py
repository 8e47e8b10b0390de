"""What a person agrees to before something can't be taken back: a yes, or the site's name typed."""

import sys

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import asking


def agree(question: str, *, command: str, before: str, undone: str, answer: str) -> None:
    """Ask, and return only on yes.

    before: what the command asks before, such as "it deletes". undone: what has not happened without a yes.
    answer: what a yes does. Raises BundlerError: USAGE without a terminal, INTERRUPTED for a no.
    """
    _need_terminal(command, before, "add --yes")
    if not asking.confirm(question):
        raise BundlerError(undone, code=ExitCode.INTERRUPTED, fix=f"answer y to {answer}")


def agree_by_name(site: str, *, command: str, given: str = "", fix: str = "add --yes") -> None:
    """Have the site's name typed, unless it is given: what is lost now no later run brings back.

    Raises BundlerError: USAGE without a terminal or where another name is given, INTERRUPTED for one that is
    typed.
    """
    if not given:
        _need_terminal(command, "data is lost", fix)
    name = given or asking.prompt(f"Type {site} to go on")
    if name != site:
        raise BundlerError(
            "nothing was changed",
            why=f"{name!r} is not {site}",
            code=ExitCode.USAGE if given else ExitCode.INTERRUPTED,
            fix=f"give the site's name, {site}",
        )


def _need_terminal(command: str, before: str, fix: str) -> None:
    if not sys.stdin.isatty():
        raise BundlerError(
            f"{command} asks before {before}, and there is no terminal", code=ExitCode.USAGE, fix=fix
        )
