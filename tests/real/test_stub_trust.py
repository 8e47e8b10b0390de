"""`--verify-sig` by the real frozen installer: its answer is that of `plan`, whatever the trust folders hold.

And `--check`, which the shell head answers: the room for the signature has one valid form.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze
from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Seal
from bundler.core.errors import ExitCode
from bundler.core.oci import AMD64
from bundler.core.sshkey import PublicKey
from tests.kits.run_files import make_run

pytestmark = pytest.mark.real

SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash"]}
OK, TRUST, INPUT = ExitCode.OK, ExitCode.TRUST, ExitCode.INPUT


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command = SHELLS[request.param]
    assert shutil.which(command[0]), f"apt-get install {command[0]}"
    return command


@pytest.fixture(scope="module")
def frozen() -> Path:
    """Kept in the cache: 20 s the first time, and after each change of the installer."""
    return freeze(AMD64, default_root())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / ".config/bundler/trust.d").mkdir(parents=True)
    return path


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return keygen(tmp_path / "vendor", b"", "the vendor")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the installer is unpacked, once for all tests."""
    folder = tmp_path_factory.mktemp("place")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o700)
    return folder


@pytest.fixture
def product(tmp_path: Path, frozen: Path) -> Path:
    path = tmp_path / "my product.run"
    make_run(path, frozen=frozen)
    return path


Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(product: Path, home: Path, place: Path) -> Call:
    def start(
        *words: str | Path, shell: list[str] | None = None, path: str = ""
    ) -> subprocess.CompletedProcess[str]:
        env = {"PATH": path or os.environ["PATH"], "HOME": str(home), "TMPDIR": str(place)}
        argv = [*(shell or ["sh"]), str(product), *map(str, words)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=env)

    return start


def sign(product: Path, name: str = "vendor") -> None:
    sign_file(product, find_signer(str(product.parent / name)))


def test_a_trusted_key_is_found_wherever_it_is_named(
    shell: list[str], call: Call, product: Path, key: PublicKey, home: Path, tmp_path: Path
) -> None:
    sign(product)
    untrusted = call("--verify-sig", shell=shell)
    assert untrusted.returncode == TRUST
    assert f"--trust {key.fingerprint}" in untrusted.stderr
    allowed = tmp_path / "allowed"
    allowed.write_text(f'# ours\n\nx@y,release@* namespaces="bundler-run" {key}')
    for word in (tmp_path / "vendor.pub", allowed, str(key), key.fingerprint):
        told = call("--verify-sig", "--trust", word, shell=shell)
        assert told.returncode == 0, told.stderr
        assert key.fingerprint in told.stdout.splitlines()[-1]
    shutil.copy(tmp_path / "vendor.pub", home / ".config/bundler/trust.d/vendor.pub")
    assert call("--verify-sig", shell=shell).returncode == 0


RSA = "ssh-rsa " + base64.b64encode(b"\0\0\0\x07ssh-rsa\0\0\0\x01\x03\0\0\0\x04abcd").decode()

# What lies in the trust folder beside vendor.pub, and how the file is judged then.
HELD = {
    "nothing else": ({}, OK),
    "its key": ({"x.revoked": "{key}\n"}, TRUST),
    "its fingerprint": ({"x.revoked": "# stolen\n{fingerprint}\n"}, TRUST),
    "its fingerprint with a word": ({"x.revoked": "{fingerprint} stolen in May\n"}, TRUST),
    "a line with options": ({"x.revoked": 'vendor namespaces="git" {key}\n'}, TRUST),
    "options nobody knows": ({"x.revoked": "vendor cert-authority,no-pty {key} x\n"}, TRUST),
    "an end long ago": ({"x.revoked": 'vendor valid-before="20200101Z" {key}\n'}, TRUST),
    "a hidden file": ({".revoked": "{key}\n"}, TRUST),
    "another kind of key": ({"x.revoked": RSA + " old\n"}, OK),
    "no key": ({"x.revoked": "oops\n"}, TRUST),
    "half a key": ({"x.revoked": "ssh-ed25519 AAAA\n"}, TRUST),
    "a KRL of ssh-keygen": ({"x.revoked": "SSHKRL\n\0\0\0\0\1"}, TRUST),
    "a list that is too long": ({"x.revoked": "# x\n" * (1 << 18) + "{key}\n"}, TRUST),
    "another product's key": ({"../known-products": "other SHA256:" + "A" * 43 + "\n"}, OK),
    "this product's other key": ({"../known-products": "demo SHA256:" + "A" * 43 + "\n"}, TRUST),
    "a trusted key of another kind": ({"x.pub": RSA + "\n"}, INPUT),
}


@pytest.mark.parametrize("case", HELD)
def test_verify_sig_judges_as_plan_does(
    call: Call, product: Path, key: PublicKey, home: Path, tmp_path: Path, case: str
) -> None:
    sign(product)
    folder = home / ".config/bundler/trust.d"
    shutil.copy(tmp_path / "vendor.pub", folder / "vendor.pub")
    files, expected = HELD[case]
    for name, text in files.items():
        (folder / name).write_text(text.format(key=key, fingerprint=key.fingerprint))
    agree(call, expected)


@pytest.mark.parametrize("spoil", ["dangling", "folder", "file", "above", "owner", "dangling folder"])
def test_trust_folders_that_vouch_for_nothing_do_so_for_both(
    call: Call, product: Path, key: PublicKey, home: Path, tmp_path: Path, spoil: str
) -> None:
    assert key.fingerprint
    sign(product)
    folder = home / ".config/bundler/trust.d"
    shutil.copy(tmp_path / "vendor.pub", folder / "vendor.pub")
    match spoil:
        case "dangling":
            (folder / "x.revoked").symlink_to("gone")
        case "folder":
            folder.chmod(0o777)
        case "above":
            folder.parent.chmod(0o777)
        case "file":
            (folder / "vendor.pub").chmod(0o666)
        case "owner":
            os.chown(folder / "vendor.pub", 12345, 12345)
        case _:
            shutil.rmtree(folder)
            folder.symlink_to("gone")
    agree(call, TRUST, *(["--trust", key.fingerprint] if spoil == "dangling folder" else []))


def agree(call: Call, expected: ExitCode, *words: str) -> None:
    """Where --verify-sig says "signed by", `plan` gets past the gate to the Clusterfile, which is missing."""
    verified = call("--verify-sig", *words)
    planned = call("plan", "-f", "/nowhere", *words)
    past = ExitCode.NOT_FOUND if expected is OK else expected
    assert (verified.returncode, planned.returncode) == (expected, past), verified.stderr + planned.stderr
    assert ("signed by" in verified.stdout) == (expected is OK)


def test_a_key_that_signed_before_is_known_to_both(
    call: Call, product: Path, key: PublicKey, home: Path
) -> None:
    sign(product)
    (home / ".config/bundler/known-products").write_text(f"demo {key.fingerprint}\n")
    agree(call, OK)


def test_another_key_and_another_purpose_are_refused(
    call: Call, product: Path, key: PublicKey, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other", b"", "")
    sign(product, "other")
    told = call("--verify-sig", "--trust", tmp_path / "vendor.pub", "--trust", key.fingerprint)
    assert (told.returncode, other.fingerprint in told.stderr) == (TRUST, True)
    for namespaces in ("git", "!bundler-run,*"):
        (tmp_path / "allowed").write_text(f'git namespaces="{namespaces}" {other}\n')
        assert call("--verify-sig", "--trust", tmp_path / "allowed").returncode == TRUST


def test_unsigned_wrong_and_misused(call: Call, product: Path, key: PublicKey, frozen: Path) -> None:
    trusted = ("--trust", key.fingerprint)
    unsigned = call("--verify-sig", *trusted)
    assert (unsigned.returncode, "not signed" in unsigned.stderr) == (TRUST, True)
    sign(product)
    signature = product.read_bytes()[-4096:]
    make_run(product, frozen=frozen, files={"other": b"content"})
    with product.open("r+b") as file:  # the right signature of another file
        file.seek(-4096, os.SEEK_END)
        file.write(signature)
    wrong = call("--verify-sig", *trusted)
    assert (wrong.returncode, "signature is wrong" in wrong.stderr) == (TRUST, True)
    sign(product)
    assert call("--verify-sig", *trusted).returncode == 0
    assert call("--verify-sig", "--trust").returncode == ExitCode.USAGE
    assert call("--verify-sig", "apply").returncode == ExitCode.USAGE
    assert call("--verify-sig", "--trust", "/nowhere").returncode == ExitCode.NOT_FOUND


def test_a_signature_by_another_kind_of_key_is_refused_by_both(
    call: Call, product: Path, tmp_path: Path
) -> None:
    """ssh-keygen would take it, and its key."""
    for kind in ("rsa", "ecdsa"):
        key = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True, timeout=60)
        with product.open("r+b") as file:
            file.seek(-8192, os.SEEK_END)
            seal = file.read(4096)
            argv = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "bundler-run"]
            armor = subprocess.run(argv, input=seal, capture_output=True, check=True, timeout=60).stdout
            file.seek(-4096, os.SEEK_END)
            file.write(armor.ljust(4096, b"\n"))
        agree(call, ExitCode.UNSUPPORTED)


def _reflowed(room: bytes) -> bytes:
    """The armor with lines of 64 characters, as other programs write it."""
    lines = room.strip().split(b"\n")
    text = b"".join(lines[1:-1])
    body = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([lines[0], *body, lines[-1]]).ljust(4096, b"\n")


PADDING: dict[str, Callable[[bytes], bytes]] = {
    "a byte behind": lambda room: room[:-1] + b"x",
    "zeros behind": lambda room: room.rstrip(b"\n").ljust(4096, b"\0"),
    "a newline in front": lambda room: b"\n" + room[:-1],
    "a blank line": lambda room: room.replace(b"\n", b"\n\n", 1)[:4096],
    "another width": _reflowed,
    "a blank": lambda room: room.replace(b"-----END", b" -----END")[:4096],
    "two of them": lambda room: (room.rstrip(b"\n") + b"\n" + room.rstrip(b"\n")).ljust(4096, b"\n"),
    "a comment": lambda room: (b"a comment\n" + room)[:4096],
}


@pytest.mark.parametrize("case", PADDING)
def test_the_room_for_the_signature_has_one_form(
    shell: list[str], call: Call, product: Path, key: PublicKey, case: str
) -> None:
    sign(product)
    assert call("--check", shell=shell).returncode == 0
    data = product.read_bytes()
    room = PADDING[case](data[-4096:])
    assert len(room) == 4096
    product.write_bytes(data[:-4096] + room)
    checked = call("--check", shell=shell)
    assert (checked.returncode, "damaged: signature" in checked.stderr) == (ExitCode.INTEGRITY, True)
    if shell == ["dash"]:
        agree(call, ExitCode.INTEGRITY, "--trust", key.fingerprint)


def test_licences_names_what_is_frozen_in(call: Call) -> None:
    told = call("--licences")
    assert told.returncode == 0, told.stderr
    for part in ("libc6 ", "libssl3 ", "paramiko ", "source: apt-get source glibc=", "openssl ", "LESSER"):
        assert part in told.stdout


SECTIONS = ("stub", "runtime", "archive", "index", "info", "list")


@pytest.mark.parametrize("where", [*SECTIONS, "gap", "seal"])
def test_a_changed_byte_anywhere_is_refused(
    call: Call, product: Path, key: PublicKey, frozen: Path, where: str
) -> None:
    seal = make_run(product, frozen=frozen)
    sign(product)
    data = bytearray(product.read_bytes())
    data[_place(seal, where)] ^= 1
    product.write_bytes(data)
    told = call("--verify-sig", "--trust", key.fingerprint)
    assert told.returncode in {ExitCode.INTEGRITY, TRUST}, told.stdout
    assert "signed by" not in told.stdout


def _place(seal: Seal, where: str) -> int:
    match where:
        case "stub":
            return 30  # in the comment of its second line, so that it still runs
        case "gap":
            return seal.section("stub").end + 1
        case "seal":
            return seal.offset + 20  # in the product's name
        case _:
            return seal.section(where).offset + 1
