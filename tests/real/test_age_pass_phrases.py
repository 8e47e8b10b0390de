"""Pass phrases stretched as far as a person's are, beside rage's own: seconds of work each."""

import io

import pyrage

from bundler.installer.snapshot import age

PHRASE = age.PassPhrase(b"correct horse")


def test_a_guess_is_dear_by_default() -> None:
    data = b"".join(age.encrypt([b"abc"], PHRASE))
    assert data.split(b"\n")[1].endswith(b" 18")
    assert pyrage.passphrase.decrypt(data, PHRASE.text.decode()) == b"abc"


def test_what_rage_seals_is_opened() -> None:
    data = pyrage.passphrase.encrypt(b"abc", PHRASE.text.decode())
    assert b"".join(age.decrypt(io.BytesIO(data), PHRASE, "x.age")) == b"abc"
