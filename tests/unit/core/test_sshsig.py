"""The format of keys and signatures; tests/real/test_signing.py holds it against OpenSSH itself."""

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bundler.core import sshwire
from bundler.core.archive import signature as room
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.sshkey import ED25519, SK_ED25519, PublicKey, parse_signers
from bundler.core.sshsig import NAMESPACE, Signature

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = PRIVATE.public_key().public_bytes_raw()
KEY = PublicKey(ED25519, RAW)
TOKEN = PublicKey(SK_ED25519, RAW, "ssh:")


def sign(data: bytes) -> bytes:
    return sshwire.string(ED25519.encode()) + sshwire.string(PRIVATE.sign(data))


def token_sign(data: bytes, *, flags: int = 1) -> bytes:
    """What a FIDO token does, in software."""
    behind = bytes((flags,)) + bytes(4)
    signed = hashlib.sha256(b"ssh:").digest() + behind + hashlib.sha256(data).digest()
    return sshwire.string(SK_ED25519.encode()) + sshwire.string(PRIVATE.sign(signed)) + behind


MADE = Signature.make(KEY, b"message", sign)


@given(st.binary(max_size=5000))
def test_what_was_signed_verifies_and_nothing_else(message: bytes) -> None:
    made = Signature.make(KEY, message, sign)
    assert Signature.dearmor(made.armor()) == made
    made.verify(message)
    with pytest.raises(BundlerError) as caught:
        made.verify(message + b"\n")
    assert caught.value.code is ExitCode.TRUST


@given(st.integers(0, len(MADE.armor()) * 8 - 1))
def test_a_signature_with_a_flipped_bit_is_refused(bit: int) -> None:
    text = bytearray(MADE.armor().ljust(4096, b"\n"))
    text[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BundlerError) as caught:
        _require(room.parse(bytes(text))).verify(b"message")
    assert caught.value.code in {ExitCode.INTEGRITY, ExitCode.TRUST, ExitCode.UNSUPPORTED}


def _require(signature: Signature | None) -> Signature:
    assert signature is not None
    return signature


@given(st.binary(max_size=300))
def test_any_bytes_are_a_signature_or_refused(data: bytes) -> None:
    armor = b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(b"SSHSIG\0\0\0\1" + data)
    with pytest.raises(BundlerError):
        Signature.dearmor(armor + b"\n-----END SSH SIGNATURE-----\n")


def test_the_room_is_empty_or_holds_one_form() -> None:
    assert room.parse(b"\n" * 4096) is None
    assert room.parse(room.fill(MADE)) == MADE
    wide = MADE.armor().replace(b"\n", b"\n\n", 1).ljust(4096, b"\n")
    assert Signature.dearmor(wide) == MADE  # readable, but a second form of the same
    for other in (wide, room.fill(MADE)[:-1] + b" ", b"\0" * 4096, b" " * 4096):
        with pytest.raises(BundlerError) as caught:
            room.parse(other)
        assert caught.value.code is ExitCode.INTEGRITY


def test_a_signature_for_another_purpose_is_refused() -> None:
    made = Signature.make(KEY, b"message", sign, "git")
    with pytest.raises(BundlerError, match="signature is wrong") as caught:
        made.verify(b"message")
    assert NAMESPACE in caught.value.why


def test_a_token_signs_when_it_is_touched() -> None:
    Signature.make(TOKEN, b"message", token_sign).verify(b"message")
    untouched = Signature.make(TOKEN, b"message", lambda data: token_sign(data, flags=0))
    with pytest.raises(BundlerError) as caught:
        untouched.verify(b"message")
    assert "touched" in caught.value.why
    with pytest.raises(BundlerError):
        replace(MADE, key=TOKEN).verify(b"message")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQA= me", ExitCode.UNSUPPORTED),
        ("ssh-ed25519 AAAA me", ExitCode.INPUT),
        ("ssh-ed25519 !!! me", ExitCode.INPUT),
        ("ssh-ed25519", ExitCode.INPUT),
        (f"sk-ssh-ed25519@openssh.com {str(KEY).split()[1]}", ExitCode.INPUT),
        (f"ssh-ed25519 {base64.b64encode(KEY.blob + b'x').decode()}", ExitCode.INPUT),
        (f"ssh-ed25519 {base64.b64encode(PublicKey(ED25519, b'short').blob).decode()}", ExitCode.INPUT),
    ],
)
def test_what_is_no_key_is_refused(line: str, code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        PublicKey.parse(line)
    assert caught.value.code is code


def test_a_trust_file_has_pub_lines_and_allowed_signers() -> None:
    text = f"""# our vendors

{KEY} vendor@example.com 2026
release@example.com namespaces="bundler-*,git",valid-after="20260101Z",valid-before="202701011200Z" {TOKEN} c
ops {KEY}
"""
    plain, limited, ops = parse_signers(text, "keys")
    assert (plain.key, plain.who) == (KEY, "vendor@example.com 2026")
    assert plain.allows("anything", 0)
    assert (limited.key, limited.who) == (TOKEN, "release@example.com")
    start, end = 1767225600, 1798804800  # date -u -d '2026-01-01' +%s; date -u -d '2027-01-01 12:00' +%s
    assert [limited.allows("bundler-run", now) for now in (start - 1, start, end - 1, end)] == [
        False,
        True,
        True,
        False,
    ]
    assert not limited.allows("mail", start)
    assert (ops.key, ops.who) == (KEY, "ops")


def test_all_wrong_lines_of_a_trust_file_are_told() -> None:
    text = f'{KEY}\n* cert-authority {KEY}\nnonsense\na valid-before="soon" {KEY}\n'
    with pytest.raises(Problems) as caught:
        parse_signers(text, "keys")
    assert [problem.location.line for problem in caught.value.problems] == [2, 3, 4]
