"""The options that every command has which uses the .run: whose file is taken."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.archive.reader import Bundle
from bundler.installer.trust.gate import Gate
from bundler.installer.trust.keyring import Keyring
from bundler.installer.trust.trust import Allowed

Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|KEY",
        help="Trust the keys in this file (.pub, allowed_signers), or this key or SHA256:… May be repeated.",
    ),
]
AllowUnsigned = Annotated[bool, typer.Option("--allow-unsigned", help="Accept an unsigned file.")]
AcceptNewKey = Annotated[
    bool,
    typer.Option("--accept-new-key", help="Accept that the vendor signs with a new key."),
]
AllowDowngrade = Annotated[
    bool, typer.Option("--allow-downgrade", help="Allow an older version than the site has.")
]

Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore", metavar="ID", help="Ignore this check's findings, except strict ones. May be repeated."
    ),
]
OfPlatform = Annotated[
    str,
    typer.Option(
        "--platform",
        metavar="OS/ARCH",
        help="Which platform of a file for several; by default, this machine's.",
    ),
]
PLATFORM = "BUNDLER_PLATFORM"  # the stub tells us in it which platform's installer this is


def edition(bundle: Bundle, wanted: str, tell: Callable[[str], None]) -> Bundle:
    """The platform that is wanted, else this machine's. Raises BundlerError (NOT_FOUND)."""
    of = bundle.of(wanted or os.environ.get(PLATFORM, "") or bundle.index.platform)
    if len(bundle.platforms) > 1 and not wanted:
        others = ", ".join(each for each in bundle.platforms if each != of.index.platform)
        tell(f"note: this is what is for {of.index.platform}; --platform takes {others}")
    return of


Bases = Annotated[
    list[Path] | None,
    typer.Option(
        "--base",
        metavar="OLD.run",
        help="The .run that a delta is based on; by default, looked for next to it.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """Whose file is taken."""

    trust: Trust = None
    allow_unsigned: AllowUnsigned = False
    accept_new_key: AcceptNewKey = False

    def gate(self) -> Gate:
        """The gate that these options make, with this machine's and this user's trusted keys."""
        return gate(self.trust, unsigned=self.allow_unsigned, new_key=self.accept_new_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeTrustOptions(TrustOptions):
    """Whose file is taken, and whether it may be older than what the site has."""

    allow_downgrade: AllowDowngrade = False

    def gate(self) -> Gate:
        """The same, which lets an older version in where that is asked for."""
        return gate(
            self.trust,
            unsigned=self.allow_unsigned,
            new_key=self.accept_new_key,
            downgrade=self.allow_downgrade,
        )


def gate(
    trust: Iterable[str] | None, *, unsigned: bool = False, new_key: bool = False, downgrade: bool = False
) -> Gate:
    """A gate with this machine's and this user's trusted keys."""
    return Gate(Keyring.of(os.environ), tuple(trust or ()), Allowed(unsigned, new_key, downgrade))
