"""Where a key's passphrase comes from: a file, the environment or the terminal; never the command line."""

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

VARIABLE: Final = "BUNDLER_PASSPHRASE"


def given(file: Path | None) -> bytes | None:
    """The passphrase from a file's first line, or from the environment; None where neither has one.

    Raises BundlerError (INPUT) when the file can't be read.
    """
    if file is None:
        found = os.environ.get(VARIABLE)
        return found.encode() if found is not None else None
    try:
        with file.open("rb") as stream:
            return stream.readline().rstrip(b"\r\n")
    except OSError as error:
        raise BundlerError(
            "the passphrase can't be read", where=file, why=error.strerror or str(error), code=ExitCode.INPUT
        ) from error


def asked(prompt: str) -> bytes:
    """The passphrase from the terminal. Raises BundlerError (USAGE) where there is none."""
    if not sys.stdin.isatty():
        raise BundlerError(
            "a passphrase is needed, and there is no terminal to ask at",
            code=ExitCode.USAGE,
            fix=f"give --passphrase-file FILE, or {VARIABLE} in the environment",
        )
    return getpass.getpass(prompt).encode()


def chosen(file: Path | None) -> bytes:
    """A passphrase for a new key, typed twice where it is typed. Raises BundlerError (USAGE, INPUT)."""
    found = given(file)
    if found is not None:
        return found
    first = asked("Passphrase for the new key (empty for none): ")
    if first != asked("Repeat it: "):
        raise BundlerError("the passphrases differ", code=ExitCode.USAGE, fix="start again")
    return first
