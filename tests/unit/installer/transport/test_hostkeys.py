"""known_hosts: which lines speak of a host, and what they say of a key."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from bundler.core.sshkey import fingerprint
from bundler.installer.transport.hostkeys import KnownHosts, Verdict, host_name, judge, kinds, parse

KEY = b"key one"
OTHER = b"key two"


def line(hosts: str, key: bytes = KEY, kind: str = "ssh-ed25519", marker: str = "") -> str:
    return f"{marker} {hosts} {kind} {base64.b64encode(key).decode()} comment\n".lstrip()


def hashed(name: str) -> str:
    salt = bytes(range(20))  # fixed, so that a test has the same name in every process
    parts = (salt, hmac.digest(salt, name.encode(), hashlib.sha1))
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in parts)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.UNKNOWN),
        (line("10.0.0.1"), Verdict.KNOWN),
        (line("a,10.0.0.1,b"), Verdict.KNOWN),
        (line("10.0.0.*"), Verdict.KNOWN),
        (line("10.0.0.*,!10.0.0.1"), Verdict.UNKNOWN),
        (line("10.0.0.?"), Verdict.KNOWN),
        (line(hashed("10.0.0.1")), Verdict.KNOWN),
        (line(hashed("10.0.0.2")), Verdict.UNKNOWN),
        (line("|1|broken"), Verdict.UNKNOWN),
        (line("[10.0.0.1]:2222"), Verdict.UNKNOWN),
        (line("10.0.0.1", OTHER), Verdict.CHANGED),
        (line("10.0.0.1", OTHER, "ssh-rsa"), Verdict.CHANGED),
        (line("10.0.0.1", OTHER) + line("10.0.0.1"), Verdict.KNOWN),
        (line("10.0.0.1") + line("10.0.0.1", OTHER), Verdict.KNOWN),
        (line("10.0.0.1") + line("*", KEY, marker="@revoked"), Verdict.REVOKED),
        (line("10.0.0.1") + line("*", OTHER, marker="@revoked"), Verdict.KNOWN),
        (line("*", OTHER, marker="@cert-authority"), Verdict.UNKNOWN),
        ("# " + line("10.0.0.1"), Verdict.UNKNOWN),
        ("10.0.0.1 ssh-ed25519 not*base64\nshort line\n\n", Verdict.UNKNOWN),
    ],
)
def test_judge(text: str, verdict: Verdict) -> None:
    assert judge(parse(text), "10.0.0.1", KEY) is verdict


def test_a_port_belongs_to_the_name() -> None:
    assert host_name("10.0.0.1", 22) == "10.0.0.1"
    assert host_name("10.0.0.1", 2222) == "[10.0.0.1]:2222"
    entries = list(parse(line("[10.0.0.1]:2222")))
    assert judge(entries, "[10.0.0.1]:2222", KEY) is Verdict.KNOWN
    assert judge(entries, "1", KEY) is Verdict.UNKNOWN  # brackets are no pattern


def test_kinds_are_those_of_the_host() -> None:
    text = line("10.0.0.1", kind="ssh-rsa") + line("10.0.0.2") + line("10.0.0.1", kind="ssh-ed25519")
    assert kinds(list(parse(text)), "10.0.0.1") == ("ssh-rsa", "ssh-ed25519")


def test_fingerprint_as_ssh_keygen_prints_it() -> None:
    digest = base64.b64encode(hashlib.sha256(KEY).digest()).decode().rstrip("=")
    assert fingerprint(KEY) == f"SHA256:{digest}"


def test_remembered_keys_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / ".ssh" / "known_hosts"
    file.parent.mkdir()
    file.write_text(line("10.0.0.9").rstrip("\n"))  # the last line is open
    KnownHosts.of_user(tmp_path).remember("10.0.0.1", "ssh-ed25519", KEY)
    entries = KnownHosts.of_user(tmp_path).entries
    assert judge(entries, "10.0.0.1", KEY) is Verdict.KNOWN
    assert judge(entries, "10.0.0.9", KEY) is Verdict.KNOWN


def test_a_new_file_is_private(tmp_path: Path) -> None:
    known = KnownHosts.of_user(tmp_path)
    known.remember("h", "ssh-ed25519", KEY)
    assert known.file.stat().st_mode & 0o777 == 0o600
    assert known.file.parent.stat().st_mode & 0o777 == 0o700
