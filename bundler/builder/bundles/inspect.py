"""`bundler inspect`: a .run's index and who signed it, for people or for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bundler.core.archive import Bundle
from bundler.core.archive.text import info, listing
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshsig import NAMESPACE
from bundler.core.terminal import tame
from bundler.core.trustwords import Named


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed a .run.

    key: the fingerprint, "" where nobody did. fits: the signature is the key's, over this file's seal.
    trusted: whether --trust names the key, None where nothing was named; who: what it is called there.
    """

    key: str = ""
    fits: bool = False
    trusted: bool | None = None
    who: str = ""

    def line(self) -> str:
        """For people."""
        if not self.key:
            return "no one: this file is not signed"
        if not self.fits:
            return f"no one: there is a signature by {self.key}, but for another purpose"
        if self.trusted is None:
            return f"{self.key} (an unknown key; to name it: --trust FILE|KEY|SHA256:…)"
        if not self.trusted:
            return f"{self.key}, which --trust does not name"
        return f"{self.key}, trusted" + (f": {tame(self.who)}" if self.who != self.key else "")

    def check(self, where: object) -> None:
        """Raises BundlerError (TRUST) for a wrong signature; with --trust, for all but one by a key of it."""
        if (self.key and not self.fits) or self.trusted is False:
            raise BundlerError(
                "the signature is not as expected",
                where=where,
                why=f"signed by {self.line()}",
                code=ExitCode.TRUST,
                id="BND-SIGNATURE",
                fix="get the file again from its vendor, and compare the key with theirs",
            )


def describe(path: Path, found: SignedBy, *, as_json: bool, platform: str = "") -> str:
    """The text that `./product.run --info` and `--list` show, with the signer; or the index itself.

    platform: which of several, "" for the first.
    Raises BundlerError: NOT_FOUND, INTEGRITY when it is no whole .run, UNSUPPORTED for a newer format.
    """
    with Bundle.open(path) as bundle:
        of = bundle.of(platform or bundle.index.platform)
        if as_json:
            return of.index.to_json().decode()
        told = info(of.index, bundle.seal.section("archive"), of.own("index"), bundle.platforms, bundle.needs)
        return f"{told}signed by: {found.line()}\n\n{listing(of.index, bundle.needs)}"


def signer(path: Path, trusted: Sequence[str], *, now: float) -> SignedBy:
    """Who signed it. trusted: the words of --trust; now: seconds since the epoch.

    Raises BundlerError as `describe` does, and as `Named.parse`; INTEGRITY for a signature that can't be
    read.
    """
    named = Named.parse(trusted)
    with Bundle.open(path) as bundle:
        signature, text = bundle.signature(), bundle.seal.to_bytes()
    if signature is None:
        return SignedBy(trusted=False if trusted else None)
    key = signature.key
    try:
        signature.verify(text)
    except BundlerError:
        return SignedBy(key.fingerprint, trusted=False if trusted else None)
    who = named.who(key, NAMESPACE, now)
    return SignedBy(key.fingerprint, fits=True, trusted=who is not None if trusted else None, who=who or "")


def as_json(found: SignedBy) -> str:
    """For programs: a line."""
    return json.dumps(asdict(found), sort_keys=True)
