import base64

import pytest

from bundler.builder.packages.rpm.trust import keyring_of
from bundler.core.errors import BundlerError, ExitCode

KEY = bytes(range(200))
BODY = base64.encodebytes(KEY).decode()
START, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "-----END PGP PUBLIC KEY BLOCK-----\n"
BLOCK = f"{START}\n{BODY}=abcd\n{END}"
HEADED = f"{START}Version: 1\nComment: x\n\n{BODY}{END}"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (BLOCK, KEY),
        (HEADED, KEY),
        (BLOCK.replace("\n", "\r\n"), KEY),
        (f"{BLOCK}\n{HEADED}", KEY + KEY),
    ],
)
def test_armour_is_taken_off(text: str, keys: bytes) -> None:
    assert keyring_of([("a", text.encode())]) == keys


def test_keys_without_armour_stay_and_several_files_are_one_ring() -> None:
    assert keyring_of([("a", b"\x99binary"), ("b", BLOCK.encode())]) == b"\x99binary" + KEY


@pytest.mark.parametrize("text", ["-----BEGIN PGP MESSAGE-----\n\nabc\n-----END", "-----BEGIN x"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BundlerError, match="no public key") as caught:
        keyring_of([("a", text.encode())])
    assert caught.value.code is ExitCode.INPUT
