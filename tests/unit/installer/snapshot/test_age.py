"""The age format: what another implementation reads and writes, what was altered, how much is held."""

import io
import os
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO

import pyrage
import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.snapshot import age, bech32

SIZES = (0, 1, age.CHUNK - 1, age.CHUNK, age.CHUNK + 1, 3 * age.CHUNK)
PHRASE = age.PassPhrase(b"correct horse", work=10)  # a guess is cheap, so that tests are quick


@pytest.fixture(scope="module")
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def to(key: pyrage.x25519.Identity) -> list[age.Recipient]:
    return [age.Recipient.parse(str(key.to_public()))]


def by(key: pyrage.x25519.Identity) -> list[age.Identity]:
    return [age.Identity.parse(str(key))]


def sealed(data: bytes, who: list[age.Recipient] | age.PassPhrase) -> bytes:
    pieces = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    return b"".join(age.encrypt(pieces, who))


def opened(data: bytes, who: list[age.Identity] | age.PassPhrase) -> bytes:
    return b"".join(age.decrypt(io.BytesIO(data), who, "x.age"))


@pytest.mark.parametrize("size", SIZES)
def test_rage_reads_what_we_write(size: int, key: pyrage.x25519.Identity) -> None:
    data = os.urandom(size)
    assert pyrage.decrypt(sealed(data, to(key)), [key]) == data


@pytest.mark.parametrize("size", SIZES)
def test_we_read_what_rage_writes(size: int, key: pyrage.x25519.Identity) -> None:
    data = os.urandom(size)
    assert opened(pyrage.encrypt(data, [key.to_public()]), by(key)) == data


def test_rage_opens_what_a_pass_phrase_seals() -> None:
    assert pyrage.passphrase.decrypt(sealed(b"abc", PHRASE), PHRASE.text.decode()) == b"abc"


def test_each_of_several_recipients_can_read(key: pyrage.x25519.Identity) -> None:
    other = pyrage.x25519.Identity.generate()
    data = sealed(b"abc", [*to(other), *to(key)])
    assert opened(data, by(key)) == opened(data, by(other)) == pyrage.decrypt(data, [key]) == b"abc"


def test_keys_are_written_as_rage_writes_them(key: pyrage.x25519.Identity) -> None:
    (ours,) = age.identities(f"# created: today\n\n{key}\n")
    assert str(ours.recipient) == str(key.to_public())
    assert str(key).removeprefix("AGE-SECRET-KEY-1") not in repr(ours)


@pytest.mark.parametrize("size", [0, 1000, 3 * age.CHUNK])
def test_no_byte_can_be_changed(size: int, key: pyrage.x25519.Identity) -> None:
    data = sealed(os.urandom(size), to(key))
    places = {0, 30, 100, 150, len(data) - 1, len(data) - 20, *range(190, len(data), max(1, len(data) // 20))}
    for place in sorted(places):
        bad = bytearray(data)
        bad[place] ^= 1
        with pytest.raises(BundlerError) as caught:
            opened(bytes(bad), by(key))
        assert caught.value.code in {ExitCode.INTEGRITY, ExitCode.TRUST, ExitCode.INPUT}, place


def test_a_file_that_was_cut_or_made_longer_is_refused(key: pyrage.x25519.Identity) -> None:
    data = sealed(os.urandom(3 * age.CHUNK), to(key))
    end = 2 * (age.CHUNK + 16)  # what is left then ends with a whole chunk
    for bad in (
        data[:-1],
        data[: len(data) - age.CHUNK - 16],
        data[:-end],
        data[:210],
        data[:190],
        data + b"x",
    ):
        with pytest.raises(BundlerError) as caught:
            opened(bad, by(key))
        assert caught.value.code is ExitCode.INTEGRITY, len(bad)


def test_another_key_another_phrase_and_the_wrong_kind(key: pyrage.x25519.Identity) -> None:
    stranger = [age.Identity.parse(str(pyrage.x25519.Identity.generate()))]
    with pytest.raises(BundlerError, match="can't be opened"):
        opened(sealed(b"abc", to(key)), stranger)
    with pytest.raises(BundlerError, match="can't be opened"):
        opened(sealed(b"abc", PHRASE), age.PassPhrase(b"wrong"))
    with pytest.raises(BundlerError, match="encrypted with a pass phrase"):
        opened(sealed(b"abc", PHRASE), by(key))
    with pytest.raises(BundlerError, match="encrypted to a key"):
        opened(sealed(b"abc", to(key)), PHRASE)
    with pytest.raises(BundlerError, match="no snapshot") as caught:
        opened(b"PK\x03\x04", PHRASE)
    assert caught.value.code is ExitCode.INPUT


def test_work_that_nobody_would_wait_for_is_not_begun() -> None:
    data = sealed(b"abc", PHRASE).replace(b" 10\n", b" 40\n", 1)
    with pytest.raises(BundlerError, match="can't be opened"):
        opened(data, PHRASE)


@pytest.mark.parametrize("text", ["", "age1", "age1qqqq", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1QQQQ"])
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        age.Recipient.parse(text)
    assert caught.value.code is ExitCode.INPUT


def test_a_mistyped_recipient_is_noticed(key: pyrage.x25519.Identity) -> None:
    text = str(key.to_public())
    wrong = text[:10] + ("q" if text[10] != "q" else "p") + text[11:]
    with pytest.raises(BundlerError, match="no key") as caught:
        age.Recipient.parse(wrong)
    assert "mistyped" in str(caught.value)


def test_bech32_vectors() -> None:
    # From BIP 173: valid strings, and what is wrong with the others.
    assert bech32.decode("A12UEL5L") == ("a", b"")
    assert bech32.encode("a", b"") == "a12uel5l"
    for bad in ("A1G7SGD8", "10a06t8", "1qzzfhee", "pzry9x0s0muk", "li1dgmt3", "a12uEL5L"):
        with pytest.raises(ValueError, match=r"."):
            bech32.decode(bad)


class Zeros(io.RawIOBase):
    """So many bytes that nobody could hold."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # the base class takes any buffer
        if not self._held:
            self._held = next(self._pieces, b"")
        size = min(len(into), len(self._held))
        into[:size], self._held = self._held[:size], self._held[size:]
        return size


def test_no_more_than_a_few_chunks_are_held(key: pyrage.x25519.Identity) -> None:
    total = 16 << 20
    source = (bytes(100_000) for _ in range(total // 100_000))
    tracemalloc.start()
    stream: BinaryIO = io.BufferedReader(Zeros(age.encrypt(source, to(key))), 1 << 17)
    read = sum(map(len, age.decrypt(stream, by(key), "x")))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == total // 100_000 * 100_000
    assert most < 4 << 20
