"""Whether a .run may be used on this site: who signed it, and what was here before. Pure.

A signature covers the seal, and the seal every byte of the file (docs/format.md), so this is asked once, when
the file is opened; `keyring` has the files. Nothing is taken on first sight: the engineer, or the machine's
trust folder, names the keys.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn, Self

from bundler.core.archive.seal import Seal
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import FINGERPRINT
from bundler.core.sshsig import NAMESPACE, Signature
from bundler.core.trustwords import Named
from bundler.installer.trust.product_version import is_older

UNSIGNED: Final = "unsigned"  # stands for a fingerprint in the site's record


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the engineer has said in so many words."""

    unsigned: bool = False
    new_key: bool = False
    downgrade: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that count here.

    named: by the engineer for this run, and in trust folders. revoked: fingerprints that are refused whatever
    else names them. known: the fingerprint that signed this product before, "" for none.
    """

    named: Named = field(default_factory=Named)
    revoked: frozenset[str] = frozenset()
    known: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A product as a site remembers it. key: the fingerprint of its signer, or `unsigned`."""

    name: str
    version: str
    key: str

    def line(self) -> str:
        """`NAME VERSION KEY`: the site's record."""
        return f"{self.name} {self.version} {self.key}"

    @classmethod
    def parse(cls, lines: Iterable[str]) -> tuple[Self, ...]:
        """Read records; lines that are none are passed over."""
        found = (line.split() for line in lines)
        return tuple(cls(*words) for words in found if len(words) == 3 and _is_key(words[2]))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The file may be used. who: the signer's name, for people; "" for an unsigned file."""

    release: Release
    who: str

    @property
    def is_signed(self) -> bool:
        """Whether the file has a signature that counts."""
        return self.release.key != UNSIGNED


def judge(seal: Seal, signature: Signature | None, keys: Keys, allowed: Allowed, *, now: float) -> Verdict:
    """Decide by the signature and the keys; `now` in seconds, UTC epoch.

    Raises BundlerError (TRUST) when the file isn't signed, is signed wrongly, or by a key that is revoked,
    that nobody here trusts, or that is another one than that of this product's earlier bundles.
    """
    if signature is None:
        return _unsigned(seal, keys, allowed)
    signature.verify(seal.to_bytes())
    fingerprint = signature.key.fingerprint
    if fingerprint in keys.revoked:
        _refuse(
            seal,
            f"it is signed by {fingerprint}, which has been revoked here",
            "get a newer bundle from the vendor",
        )
    if keys.known and keys.known != fingerprint and not allowed.new_key:
        _refuse_other(seal, keys.known, fingerprint)
    who = _who(signature, keys, now)
    if who is None:
        _refuse(
            seal,
            f"it is signed by {fingerprint}, which is not trusted here",
            f"compare that with what the vendor says, then add --trust {fingerprint}, or put the vendor's "
            ".pub file into /etc/bundler/trust.d",
        )
    return Verdict(Release(seal.name, seal.version, fingerprint), who)


def check_site(verdict: Verdict, records: Iterable[Release], allowed: Allowed) -> None:
    """Hold the file against what the site's hosts remember.

    Raises BundlerError (TRUST) for an older version, and for another key than this product's bundles had here
    or, where the site has other products only, than any of theirs had; each unless it is allowed. A site that
    once took an unsigned file has no key to hold a signed one against: the first key has to be allowed, too.
    """
    release, before = verdict.release, tuple(records)
    same = [record for record in before if record.name == release.name]
    for record in same:
        if release.key not in {record.key, UNSIGNED} and not allowed.new_key:
            _refuse_other(release, record.key, release.key)
        if is_older(release.version, record.version) and not allowed.downgrade:
            raise BundlerError(
                f"{release.name} {release.version} is older than {record.version}, which this site has",
                code=ExitCode.TRUST,
                id="BND-DOWNGRADE",
                why="an older bundle may bring back bugs that have been fixed",
                fix="use the newer bundle; to go back on purpose, add --allow-downgrade",
            )
    known = {record.key for record in before}
    if before and not same and release.key not in known and not allowed.new_key:
        _refuse_product(release, before)


def noted(release: Release, records: Iterable[Release]) -> tuple[Release, ...]:
    """What the site remembers from now on: a product once signed keeps its key behind an unsigned file."""
    before = {record.name: record for record in records}
    old = before.pop(release.name, None)
    key = old.key if old is not None and release.key == UNSIGNED else release.key
    return (*before.values(), replace(release, key=key))


def _who(signature: Signature, keys: Keys, now: float) -> str | None:
    """Whose key it is; None if it is not trusted."""
    if (who := keys.named.who(signature.key, NAMESPACE, now)) is not None:
        return who
    # A key whose entry has ended is not trusted for having been used before.
    ended = any(signer.key == signature.key for signer in keys.named.signers)
    fingerprint = signature.key.fingerprint
    return fingerprint if fingerprint == keys.known and not ended else None


def _unsigned(seal: Seal, keys: Keys, allowed: Allowed) -> Verdict:
    if not allowed.unsigned:
        before = f"; earlier bundles of {seal.name} were signed by {keys.known}" if keys.known else ""
        _refuse(
            seal,
            f"it is not signed{before}",
            "get a signed one from the vendor; if you know where this file comes from, add --allow-unsigned",
        )
    return Verdict(Release(seal.name, seal.version, UNSIGNED), "")


def _refuse_product(release: Release, before: Iterable[Release]) -> NoReturn:
    has = ", ".join(f"{each.name} {each.version} ({each.key})" for each in before)
    _refuse(
        release,
        f"this site has {has}; {release.name} is another product, of another key ({release.key})",
        f"if this site is to get {release.name} as well, add --accept-new-key",
    )


def _refuse_other(product: Seal | Release, known: str, found: str) -> NoReturn:
    _refuse(
        product,
        f"earlier bundles of {product.name} were {known if known == UNSIGNED else f'signed by {known}'}, "
        f"this one is signed by {found}",
        f"ask the vendor whether the key has changed; if it has, add --trust {found} --accept-new-key",
    )


def _refuse(product: Seal | Release, why: str, fix: str) -> NoReturn:
    raise BundlerError(
        f"{product.name} {product.version} is not trusted",
        why=why,
        code=ExitCode.TRUST,
        id="BND-UNTRUSTED",
        fix=fix,
    )


def _is_key(text: str) -> bool:
    return text == UNSIGNED or FINGERPRINT.fullmatch(text) is not None
