"""Which host keys are trusted: known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Deciding is pure; `KnownHosts` reads the files and remembers a key that was accepted out loud.
"""

import base64
import binascii
import fcntl
import hmac
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

_SSH_PORT: Final = 22


class Verdict(StrEnum):
    """What known_hosts says of a key that a host has shown."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of known_hosts. hosts: patterns, maybe hashed; kind: `ssh-ed25519`; key: the key's bytes."""

    marker: str
    hosts: tuple[str, ...]
    kind: str
    key: bytes

    def names(self, name: str) -> bool:
        """Whether the line is about this host; one that matches a negated pattern never is."""
        matched = False
        for pattern in self.hosts:
            if pattern.startswith("!"):
                if fnmatchcase(name, pattern[1:]):
                    return False
            elif _matches(pattern, name):
                matched = True
        return matched


def host_name(address: str, port: int) -> str:
    """How known_hosts names a host: with its port when that isn't 22."""
    return address if port == _SSH_PORT else f"[{address}]:{port}"


def parse(text: str) -> Iterator[KnownHost]:
    """The entries of a known_hosts file; lines that are none are passed over, as ssh does."""
    for line in text.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            continue
        try:
            key = base64.b64decode(words[2], validate=True)
        except binascii.Error:
            continue
        yield KnownHost(marker, tuple(words[0].split(",")), words[1], key)


def judge(entries: Iterable[KnownHost], name: str, key: bytes) -> Verdict:
    """What the entries say of a key. A host that is known by other keys only has changed."""
    verdict = Verdict.UNKNOWN
    for entry in entries:
        if not entry.names(name) or entry.marker == "@cert-authority":
            continue
        if entry.marker == "@revoked":
            if hmac.compare_digest(entry.key, key):
                return Verdict.REVOKED
        elif hmac.compare_digest(entry.key, key):
            verdict = Verdict.KNOWN
        elif verdict is Verdict.UNKNOWN:
            verdict = Verdict.CHANGED
    return verdict


def kinds(entries: Iterable[KnownHost], name: str) -> tuple[str, ...]:
    """The kinds of key by which a host is known: those to ask it for."""
    return tuple(dict.fromkeys(entry.kind for entry in entries if not entry.marker and entry.names(name)))


class KnownHosts:
    """The user's and the machine's known_hosts files; accepted keys are added to the first."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._entries = [entry for file in self._files for entry in _read(file)]

    @classmethod
    def of_user(cls, home: Path) -> "KnownHosts":
        """The files that ssh itself reads."""
        ssh = home / ".ssh"
        return cls((ssh / "known_hosts", ssh / "known_hosts2", Path("/etc/ssh/ssh_known_hosts")))

    @property
    def file(self) -> Path:
        """Where accepted keys are remembered."""
        return self._files[0]

    @property
    def entries(self) -> tuple[KnownHost, ...]:
        """All entries, of all files."""
        with self._lock:
            return tuple(self._entries)

    def remember(self, name: str, kind: str, key: bytes) -> None:
        """Add a key for a host. Raises OSError when the file can't be written."""
        line = f"{name} {kind} {base64.b64encode(key).decode()}\n"
        with self._lock:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                stream.write(_line_break(stream.fileno()) + line.encode())
            self._entries.append(KnownHost("", (name,), kind, key))


def _line_break(descriptor: int) -> bytes:
    """What must come first when the file's last line was left open."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _read(file: Path) -> tuple[KnownHost, ...]:
    try:
        return tuple(parse(file.read_text(errors="replace")))
    except OSError:  # a missing or unreadable file trusts no key
        return ()


def _matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("|1|"):
        # In known_hosts, square brackets are part of the name; fnmatch would take them for a set.
        return fnmatchcase(name, pattern.replace("[", "[[]"))
    try:
        salt, hashed = (base64.b64decode(part, validate=True) for part in pattern[3:].split("|"))
    except ValueError:
        return False
    # HMAC-SHA1 is what the format prescribes; it hides names, it protects no key.
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), hashed)
