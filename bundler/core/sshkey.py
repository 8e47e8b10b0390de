"""Public keys as OpenSSH writes them, and files that say which keys are trusted.

A trust file has a key on each line, either as in a `.pub` file or as in allowed_signers (ssh-keygen(1),
ALLOWED SIGNERS) with the options `namespaces`, `valid-after` and `valid-before`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final, Self

from bundler.core import sshwire
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

ED25519: Final = "ssh-ed25519"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"  # the private half is in a FIDO token
KINDS: Final = (ED25519, SK_ED25519)
FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")

_OTHER_KINDS = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9-]+(@openssh\.com)?")
_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|$)', re.IGNORECASE)
_TIME = re.compile(r"(\d{8})(\d{4})?(\d{2})?(Z?)")
_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key. raw: its 32 bytes; application: what a FIDO token's key is for, else empty."""

    kind: str
    raw: bytes
    application: str = ""

    @classmethod
    def from_blob(cls, blob: bytes) -> Self:
        """Read the wire form (RFC 8709; PROTOCOL.u2f of OpenSSH).

        Raises BundlerError: UNSUPPORTED for keys other than Ed25519, INPUT for what is no key.
        """
        try:
            return cls._read(sshwire.Reader(blob))
        except ValueError as error:
            raise BundlerError("not a public key", why=str(error), code=ExitCode.INPUT) from None

    @classmethod
    def _read(cls, reader: sshwire.Reader) -> Self:
        kind = reader.text()
        if kind not in KINDS:
            raise BundlerError(
                f"keys of the kind {kind[:40]!r} are not taken here",
                code=ExitCode.UNSUPPORTED,
                fix="use an Ed25519 key: `bundler keygen NAME` or `ssh-keygen -t ed25519` makes one",
            )
        raw = reader.string()
        application = reader.text() if kind == SK_ED25519 else ""
        reader.end()
        if len(raw) != _KEY_SIZE:
            raise ValueError(f"it has {len(raw)} bytes instead of {_KEY_SIZE}")
        return cls(kind, raw, application)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ssh-ed25519 AAAA… [comment]`. Raises like `from_blob`."""
        kind, _, rest = text.strip().partition(" ")
        try:
            key = cls.from_blob(base64.b64decode(rest.split(" ", 1)[0], validate=True))
        except binascii.Error:
            raise BundlerError(f"not a public key: {text[:60]!r}", code=ExitCode.INPUT) from None
        if key.kind != kind:
            raise BundlerError(f"the key says {key.kind}, its line says {kind[:40]!r}", code=ExitCode.INPUT)
        return key

    @property
    def blob(self) -> bytes:
        """The wire form."""
        application = sshwire.string(self.application.encode()) if self.kind == SK_ED25519 else b""
        return sshwire.string(self.kind.encode()) + sshwire.string(self.raw) + application

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as `ssh-keygen -l` prints it."""
        return fingerprint(self.blob)

    def __str__(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of any kind of key in its wire form."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """A key that somebody trusts. who: its principals or comment, for people; times in seconds, UTC epoch."""

    key: PublicKey
    who: str
    namespaces: tuple[str, ...] = ()
    valid_after: float = float("-inf")
    valid_before: float = float("inf")

    def allows(self, namespace: str, now: float) -> bool:
        """Whether the key may sign for this namespace now; without any namespaces it may for all."""
        return self._is_for(namespace) and self.valid_after <= now < self.valid_before

    def _is_for(self, namespace: str) -> bool:
        """A pattern list as in ssh_config(5): what matches a pattern behind `!` is out."""
        if any(fnmatchcase(namespace, each[1:]) for each in self.namespaces if each.startswith("!")):
            return False
        return not self.namespaces or any(fnmatchcase(namespace, each) for each in self.namespaces)


def parse_signers(text: str, file: str) -> tuple[AllowedSigner, ...]:
    """All keys of a trust file. Raises Problems that name every line that can't be used."""
    found: list[AllowedSigner] = []
    problems: list[Problem] = []
    for number, line in _lines(text):
        try:
            found.append(_signer(line))
        except BundlerError as error:
            place = Location(file, number)
            problems.append(Problem(place, "trusted-key", error.what, error.fix, line[:200]))
    if problems:
        raise Problems(tuple(problems))
    return tuple(found)


def parse_revoked(text: str, file: str) -> frozenset[str]:
    """The fingerprints of all keys that a list refuses, of whatever kind they are.

    A line is a fingerprint `SHA256:…`, a key, or a key with principals and options in front. Those don't
    count: what is revoked is revoked for everything. Raises Problems (TRUST) that name each line
    that can't be read.
    """
    found: set[str] = set()
    problems: list[Problem] = []
    for number, line in _lines(text):
        if (refused := _refused(line)) is not None and not _has_two(line):
            found.add(refused)
            continue
        fix = "one a line: write a key as in a .pub file, or its fingerprint SHA256:…"
        problems.append(
            Problem(Location(file, number), "revoked-key", "not a key, or more than one", fix, line[:200])
        )
    if problems:
        raise Problems(tuple(problems), code=ExitCode.TRUST)
    return frozenset(found)


def _has_two(line: str) -> bool:
    """Whether a second key or fingerprint stands in a line: it would be passed over."""
    words = line.partition(" #")[0].split()
    prints = sum(FINGERPRINT.fullmatch(word.rstrip("=")) is not None for word in words)
    keys = sum(
        _OTHER_KINDS.fullmatch(kind) is not None and after.startswith("AAAA")
        for kind, after in pairwise(words)
    )
    return prints + keys > 1


def _refused(line: str) -> str | None:
    """The fingerprint of the key on a line; None where there is none."""
    words = line.split()
    if match := FINGERPRINT.fullmatch(words[0].rstrip("=")):
        return match[0]
    for kind, encoded in pairwise(words):
        if not _OTHER_KINDS.fullmatch(kind):
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
            named = sshwire.Reader(blob).text()
        except ValueError:  # that of base64, too
            return None
        return fingerprint(blob) if named == kind else None
    return None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _signer(line: str) -> AllowedSigner:
    first, _, rest = line.partition(" ")
    if _OTHER_KINDS.fullmatch(first):
        return AllowedSigner(PublicKey.parse(line), rest.partition(" ")[2].strip())
    options, _, key = rest.strip().partition(" ")
    if _OTHER_KINDS.fullmatch(options):
        return AllowedSigner(PublicKey.parse(rest), first)
    values = _options(options)
    return AllowedSigner(
        PublicKey.parse(key),
        first,
        namespaces=tuple(filter(None, values.get("namespaces", "").split(","))),
        valid_after=_time(values["valid-after"]) if "valid-after" in values else float("-inf"),
        valid_before=_time(values["valid-before"]) if "valid-before" in values else float("inf"),
    )


def _options(text: str) -> dict[str, str]:
    """`namespaces="a,b",valid-before="20270101Z"`; an unknown one might restrict the key: an error."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None or match[1].lower() not in {"namespaces", "valid-after", "valid-before"}:
            raise BundlerError(
                f"not a key, or an option that is not known here: {text[at : at + 60]!r}",
                code=ExitCode.INPUT,
                fix="write a line of a .pub file, or one as in allowed_signers of ssh-keygen(1)",
            )
        found[match[1].lower()] = match[2] or ""
        at = match.end()
    return found


def _time(text: str) -> float:
    """`YYYYMMDD[HHMM[SS]]`, in this machine's zone, or in UTC with a `Z` behind it."""
    match = _TIME.fullmatch(text)
    digits = match[1] + (match[2] or "0000") + (match[3] or "00") if match else ""
    try:
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007  (its zone comes in the next line)
        return (moment.replace(tzinfo=UTC) if text.endswith("Z") else moment.astimezone()).timestamp()
    except ValueError:
        raise BundlerError(
            f"not a time: {text[:40]!r}", code=ExitCode.INPUT, fix="YYYYMMDD[HHMM[SS]]Z"
        ) from None
