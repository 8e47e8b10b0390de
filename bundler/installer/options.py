"""The options that every command has which uses the .run: whose file is taken."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bundler.installer.admit import Gate
from bundler.installer.keyring import Keyring
from bundler.installer.trust import Allowed

Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|KEY",
        help="Trust the keys in this file (.pub, allowed_signers), or this key or SHA256:… May be repeated.",
    ),
]
AllowUnsigned = Annotated[bool, typer.Option("--allow-unsigned", help="Take a file that nobody signed.")]
AcceptNewKey = Annotated[
    bool,
    typer.Option("--accept-new-key", help="The vendor signs with another key than before, and I know of it."),
]
AllowDowngrade = Annotated[
    bool, typer.Option("--allow-downgrade", help="Go back to an older version than the site has.")
]


Bases = Annotated[
    list[Path] | None,
    typer.Option(
        "--base",
        metavar="OLD.run",
        help="What this .run rests on, where it has only what changed; else it is looked for beside it.",
    ),
]


def gate(trust: Iterable[str] | None, *, unsigned: bool, new_key: bool, downgrade: bool = False) -> Gate:
    """The gate that these options make, with this machine's and this user's trusted keys."""
    return Gate(Keyring.of(os.environ), tuple(trust or ()), Allowed(unsigned, new_key, downgrade))
