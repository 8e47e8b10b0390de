"""Whose .run is taken: tables for the decision, real files for the keyring."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bundler.core import sshwire
from bundler.core.archive.seal import REQUIRED, Seal, Section
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.sshkey import ED25519, AllowedSigner, PublicKey, parse_revoked
from bundler.core.sshsig import Signature
from bundler.core.trustwords import Named
from bundler.installer.trust.keyring import Keyring
from bundler.installer.trust.product_version import is_older
from bundler.installer.trust.trust import UNSIGNED, Allowed, Keys, Release, check_site, judge, noted

SEAL = Seal(
    "shop",
    "2.0",
    "linux/amd64",
    tuple(Section(name, at << 16, 1, Digest.of(b"x")) for at, name in enumerate(REQUIRED)),
)


def keypair(seed: int) -> tuple[Ed25519PrivateKey, PublicKey]:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return private, PublicKey(ED25519, private.public_key().public_bytes_raw())


def signed(seed: int, seal: Seal = SEAL) -> Signature:
    private, public = keypair(seed)
    head = sshwire.string(ED25519.encode())
    return Signature.make(public, seal.to_bytes(), lambda data: head + sshwire.string(private.sign(data)))


OURS, OTHER = keypair(1)[1], keypair(2)[1]
TRUSTED = Keys(Named(signers=(AllowedSigner(OURS, "vendor"),)))
NO = Allowed()


@pytest.mark.parametrize(
    ("signature", "keys", "allowed", "who"),
    [
        (signed(1), TRUSTED, NO, "vendor"),
        (signed(1), Keys(Named(frozenset({OURS.fingerprint}))), NO, OURS.fingerprint),
        (signed(1), Keys(known=OURS.fingerprint), NO, OURS.fingerprint),
        (signed(1), replace(TRUSTED, known=OURS.fingerprint), NO, "vendor"),
        (signed(1), replace(TRUSTED, known=OTHER.fingerprint), Allowed(new_key=True), "vendor"),
        (None, TRUSTED, Allowed(unsigned=True), ""),
        (None, replace(TRUSTED, known=OURS.fingerprint), Allowed(unsigned=True), ""),
    ],
)
def test_what_is_taken(signature: Signature | None, keys: Keys, allowed: Allowed, who: str) -> None:
    verdict = judge(SEAL, signature, keys, allowed, now=0)
    assert verdict.who == who
    assert verdict.release == Release("shop", "2.0", OURS.fingerprint if signature else UNSIGNED)


ALL = Allowed(unsigned=True, new_key=True, downgrade=True)


@pytest.mark.parametrize(
    ("signature", "keys", "allowed", "said"),
    [
        (None, TRUSTED, NO, "--allow-unsigned"),
        (None, replace(TRUSTED, known=OURS.fingerprint), NO, OURS.fingerprint),
        (signed(1), Keys(), ALL, f"--trust {OURS.fingerprint}"),
        (signed(2), TRUSTED, ALL, "is not trusted here"),
        (signed(1), replace(TRUSTED, known=OTHER.fingerprint), NO, "--accept-new-key"),
        (signed(2), Keys(known=OURS.fingerprint), ALL, "is not trusted here"),
        (signed(1), replace(TRUSTED, revoked=frozenset({OURS.fingerprint})), ALL, "revoked"),
        (signed(1, replace(SEAL, version="2.1")), TRUSTED, ALL, "signature is wrong"),
        (
            signed(1),
            Keys(Named(signers=(AllowedSigner(OURS, "v", valid_before=50),))),
            ALL,
            "is not trusted here",
        ),
        (signed(1), Keys(Named(signers=(AllowedSigner(OURS, "v", ("git",)),))), ALL, "is not trusted here"),
        (
            signed(1),
            Keys(Named(signers=(AllowedSigner(OURS, "v", valid_before=50),)), known=OURS.fingerprint),
            ALL,
            "is not trusted here",
        ),
    ],
)
def test_what_is_refused(signature: Signature | None, keys: Keys, allowed: Allowed, said: str) -> None:
    with pytest.raises(BundlerError) as caught:
        judge(SEAL, signature, keys, allowed, now=100)
    assert caught.value.code is ExitCode.TRUST
    assert said in str(caught.value)


FIRST = Release("shop", "2.0", OURS.fingerprint)


@pytest.mark.parametrize(
    ("record", "new", "allowed", "said"),
    [
        (FIRST, FIRST, NO, ""),
        (FIRST, replace(FIRST, version="2.1"), NO, ""),
        (FIRST, replace(FIRST, version="1.9"), NO, "--allow-downgrade"),
        (FIRST, replace(FIRST, version="1.9"), Allowed(downgrade=True), ""),
        (FIRST, replace(FIRST, version="2.0-rc.1"), NO, "--allow-downgrade"),
        (FIRST, replace(FIRST, name="other", version="1.9"), NO, ""),  # the same vendor's
        (FIRST, replace(FIRST, name="other", key=OTHER.fingerprint), NO, "has shop 2.0"),
        (FIRST, replace(FIRST, name="other", key=OTHER.fingerprint), Allowed(new_key=True), ""),
        (FIRST, replace(FIRST, key=OTHER.fingerprint), NO, "--accept-new-key"),
        (FIRST, replace(FIRST, key=OTHER.fingerprint), Allowed(new_key=True), ""),
        (FIRST, replace(FIRST, key=UNSIGNED), NO, ""),  # --allow-unsigned has been said before
        (replace(FIRST, key=UNSIGNED), FIRST, NO, "were unsigned"),
        (replace(FIRST, key=UNSIGNED), FIRST, Allowed(new_key=True), ""),
        (replace(FIRST, key=UNSIGNED), replace(FIRST, key=UNSIGNED, version="1"), NO, "--allow-downgrade"),
    ],
)
def test_what_the_site_remembers(record: Release, new: Release, allowed: Allowed, said: str) -> None:
    verdict = replace(judge(SEAL, signed(1), TRUSTED, NO, now=0), release=new)
    if not said:
        check_site(verdict, [record], allowed)
        return
    with pytest.raises(BundlerError) as caught:
        check_site(verdict, [record], allowed)
    assert caught.value.code is ExitCode.TRUST
    assert said in str(caught.value)


def test_an_unsigned_file_does_not_wipe_out_the_products_key() -> None:
    """Once let through, it would let anybody's key in after it."""
    other = replace(FIRST, name="other", key=OTHER.fingerprint)
    unsigned = replace(FIRST, version="2.1", key=UNSIGNED)
    assert noted(unsigned, [FIRST, other]) == (other, replace(FIRST, version="2.1"))
    assert noted(unsigned, []) == (unsigned,)
    assert noted(replace(FIRST, key=OTHER.fingerprint), [FIRST]) == (replace(FIRST, key=OTHER.fingerprint),)


def test_records_are_read_as_they_are_written() -> None:
    lines = [FIRST.line(), "", "cut", "a b c", f"x 1 {UNSIGNED}"]
    assert Release.parse(lines) == (FIRST, Release("x", "1", UNSIGNED))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9", "1.10"),
        ("1.0", "1.0.1"),
        ("2.0-rc.1", "2.0"),
        ("2.0-rc.2", "2.0-rc.10"),
        ("1.0~beta", "1.0"),
        ("1.0.rc1", "1.0"),
        ("v1.2", "1.3"),
        ("1.9.9+build7", "2"),
        ("2026.1", "2026.2"),
    ],
)
def test_versions_have_an_order(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), ("1.0+a", "1.0+b"), ("v1", "1.0.0")])
def test_versions_that_are_the_same(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


versions = st.from_regex(r"[0-9a-z][0-9a-z.~+-]{0,9}", fullmatch=True)


@given(versions, versions, versions)
def test_the_order_of_versions_is_one(one: str, two: str, three: str) -> None:
    assert not (is_older(one, two) and is_older(two, one))
    if is_older(one, two) and is_older(two, three):
        assert is_older(one, three)


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    folder = tmp_path / "trust.d"
    folder.mkdir(mode=0o755)
    return Keyring((tmp_path / "absent", folder), tmp_path / "new" / "known-products")


def put(path: Path, text: str, mode: int = 0o644) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_keys_come_from_folders_files_and_words(ring: Keyring, tmp_path: Path) -> None:
    put(ring.folders[1] / "vendor.pub", f"{OURS} vendor\n")
    put(ring.folders[1] / "old.revoked", f"{OTHER}\n")
    put(ring.folders[1] / "README", "not a key")
    file = put(tmp_path / "x", f"release@example.com {OTHER}\n", 0o666)  # a stick without owners
    keys = ring.keys("shop", [OTHER.fingerprint, str(file), str(OURS)])
    assert keys.named.fingerprints == {OTHER.fingerprint}
    assert [(each.key, each.who) for each in keys.named.signers] == [
        (OTHER, "release@example.com"),
        (OURS, ""),
        (OURS, "vendor"),
    ]
    assert keys.revoked == {OTHER.fingerprint}
    assert keys.known == ""


def test_the_last_key_of_a_product_is_remembered(ring: Keyring) -> None:
    for product, key in (("shop", OURS), ("shop2", OTHER), ("shop", OTHER), ("shop", OTHER)):
        assert ring.remember(product, key.fingerprint) == ""
    assert [ring.keys(name, []).known for name in ("shop", "shop2", "sho")] == [
        OTHER.fingerprint,
        OTHER.fingerprint,
        "",
    ]
    assert ring.known is not None
    assert len(ring.known.read_text().splitlines()) == 3
    assert ring.known.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_remembered_is_told(tmp_path: Path) -> None:
    assert "/dev/null/known" in Keyring((), Path("/dev/null/known")).remember("shop", OURS.fingerprint)
    assert Keyring((), None).remember("shop", OURS.fingerprint)
    link = tmp_path / "known"
    link.symlink_to(tmp_path / "elsewhere")
    assert Keyring((), link).remember("shop", OURS.fingerprint)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("what", ["folder", "file", "known"])
def test_what_others_may_write_vouches_for_nothing(ring: Keyring, what: str) -> None:
    file = put(ring.folders[1] / "vendor.pub", f"{OURS}\n")
    ring.remember("shop", OURS.fingerprint)
    assert ring.known is not None
    {"folder": ring.folders[1], "file": file, "known": ring.known}[what].chmod(0o777)
    with pytest.raises(BundlerError, match="users other than you") as caught:
        ring.keys("shop", [])
    assert caught.value.code is ExitCode.TRUST


@pytest.mark.parametrize(("word", "code"), [("/nowhere", 4), ("ssh-rsa AAAA", 3), ("SHA256:short", 4)])
def test_trust_that_names_nothing(ring: Keyring, word: str, code: int) -> None:
    with pytest.raises(BundlerError) as caught:
        ring.keys("shop", [word])
    assert caught.value.code == code


def test_a_wrong_line_in_a_trust_folder_is_named(ring: Keyring) -> None:
    put(ring.folders[1] / "vendor.pub", "oops\n")
    with pytest.raises(Problems, match="1 problem") as caught:
        ring.keys("shop", [])
    assert str(caught.value).startswith(f"{ring.folders[1] / 'vendor.pub'}:1:")


def test_the_users_folder_follows_the_environment() -> None:
    user = Path("/home/me/.config/bundler")
    assert Keyring.of({"HOME": "/home/me"}) == Keyring(
        (Path("/etc/bundler/trust.d"), user / "trust.d"), user / "known-products"
    )
    assert Keyring.of({"HOME": "/x", "XDG_CONFIG_HOME": "/home/me/.config"}).known == user / "known-products"
    assert Keyring.of({}) == Keyring((Path("/etc/bundler/trust.d"),), None)


def test_root_reads_only_what_is_its_own(ring: Keyring) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    file = put(ring.folders[1] / "vendor.pub", f"{OURS}\n")
    os.chown(file, 12345, 12345)
    with pytest.raises(BundlerError) as caught:
        ring.keys("shop", [])
    assert caught.value.code is ExitCode.TRUST


@pytest.mark.parametrize(
    "line",
    [
        f"{OURS.fingerprint} {OTHER.fingerprint}",
        f"{OURS} {OTHER}",
        f"{OURS.fingerprint} {OTHER}",
        f"me@here,you@there {OURS} {OTHER.fingerprint}",
    ],
)
def test_a_second_key_in_a_line_of_revoked_ones_is_not_passed_over(line: str) -> None:
    with pytest.raises(Problems) as caught:
        parse_revoked(f"# lost in May\n{line}\n", "lost.revoked")
    assert caught.value.code is ExitCode.TRUST
    assert [(one.location.line, one.rule) for one in caught.value.problems] == [(2, "revoked-key")]


def test_what_is_said_of_a_revoked_key_is_no_second_one() -> None:
    text = f"{OURS.fingerprint} # replaced by {OTHER.fingerprint}\n{OTHER} ops laptop, ssh-ed25519\n"
    assert parse_revoked(text, "lost.revoked") == {OURS.fingerprint, OTHER.fingerprint}
