"""`--verify-sig`: by the shell head with ssh-keygen, and by the installer where there is none."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Seal
from bundler.core.errors import ExitCode
from bundler.core.sshkey import PublicKey
from tests.real.run_kit import make_run

pytestmark = pytest.mark.real

SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash"]}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command = SHELLS[request.param]
    assert shutil.which(command[0]), f"apt-get install {command[0]}"
    return command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / ".config/bundler/trust.d").mkdir(parents=True)
    return path


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return keygen(tmp_path / "vendor", b"", "the vendor")


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "my product.run"
    make_run(path)
    yield path
    assert list(tmp_path.glob(".bundler-sig.*")) == []


def verify(
    shell: list[str], product: Path, *words: str | Path, home: Path, path: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, str(product), "--verify-sig", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": path or os.environ["PATH"], "HOME": str(home), "TMPDIR": str(product.parent)},
    )


def test_a_trusted_key_is_found_wherever_it_is_named(
    shell: list[str], product: Path, key: PublicKey, home: Path, tmp_path: Path
) -> None:
    sign_file(product, find_signer(str(tmp_path / "vendor")))
    untrusted = verify(shell, product, home=home)
    assert untrusted.returncode == ExitCode.TRUST
    assert f"--trust {key.fingerprint}" in untrusted.stderr
    allowed = tmp_path / "allowed"
    allowed.write_text(f'# ours\n\nx@y,release@* namespaces="bundler-run" {key}')
    for word in (tmp_path / "vendor.pub", allowed, str(key), key.fingerprint):
        told = verify(shell, product, "--trust", word, home=home)
        assert told.returncode == 0, told.stderr
        assert key.fingerprint in told.stdout.splitlines()[-1]
    shutil.copy(tmp_path / "vendor.pub", home / ".config/bundler/trust.d/vendor.pub")
    assert verify(shell, product, home=home).returncode == 0
    shutil.copy(tmp_path / "vendor.pub", home / ".config/bundler/trust.d/vendor.revoked")
    revoked = verify(shell, product, "--trust", key.fingerprint, home=home)
    assert (revoked.returncode, "revoked" in revoked.stderr) == (ExitCode.TRUST, True)


def test_another_key_and_another_purpose_are_refused(
    shell: list[str], product: Path, key: PublicKey, home: Path, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other", b"", "")
    sign_file(product, find_signer(str(tmp_path / "other")))
    told = verify(shell, product, "--trust", tmp_path / "vendor.pub", "--trust", key.fingerprint, home=home)
    assert (told.returncode, other.fingerprint in told.stderr) == (ExitCode.TRUST, True)
    (tmp_path / "allowed").write_text(f'git namespaces="git" {other}\n')
    assert verify(shell, product, "--trust", tmp_path / "allowed", home=home).returncode == ExitCode.TRUST


def test_unsigned_wrong_and_misused(
    shell: list[str], product: Path, key: PublicKey, home: Path, tmp_path: Path
) -> None:
    trusted = ("--trust", key.fingerprint)
    unsigned = verify(shell, product, *trusted, home=home)
    assert (unsigned.returncode, "not signed" in unsigned.stderr) == (ExitCode.TRUST, True)
    sign_file(product, find_signer(str(tmp_path / "vendor")))
    signature = product.read_bytes()[-4096:]
    make_run(product, files={"other": b"content"})
    with product.open("r+b") as file:  # the right signature of another file
        file.seek(-4096, os.SEEK_END)
        file.write(signature)
    wrong = verify(shell, product, *trusted, home=home)
    assert (wrong.returncode, "signature is wrong" in wrong.stderr) == (ExitCode.TRUST, True)
    sign_file(product, find_signer(str(tmp_path / "vendor")))
    assert verify(shell, product, *trusted, home=home).returncode == 0
    assert verify(shell, product, "--trust", home=home).returncode == ExitCode.USAGE
    assert verify(shell, product, "apply", home=home).returncode == ExitCode.USAGE
    assert verify(shell, product, "--trust", "/nowhere", home=home).returncode == ExitCode.NOT_FOUND


SECTIONS = ("stub", "runtime", "archive", "index", "info", "list")


@pytest.mark.parametrize("where", [*SECTIONS, "gap", "seal"])
def test_a_changed_byte_anywhere_is_refused(
    product: Path, key: PublicKey, home: Path, tmp_path: Path, where: str
) -> None:
    seal = make_run(product)
    sign_file(product, find_signer(str(tmp_path / "vendor")))
    data = bytearray(product.read_bytes())
    data[_place(seal, where)] ^= 1
    product.write_bytes(data)
    told = verify(["sh"], product, "--trust", key.fingerprint, home=home)
    assert told.returncode in {ExitCode.INTEGRITY, ExitCode.TRUST}, told.stdout
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


def test_without_ssh_keygen_the_installer_is_asked(
    shell: list[str], product: Path, home: Path, tmp_path: Path
) -> None:
    tools = "cat chmod dd df gzip head id ls mkdir mv rm rmdir sha256sum tail tar tr uname wc sh"
    (tmp_path / "bin").mkdir()
    for tool in tools.split():
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    (tmp_path / "bin" / shell[0]).unlink(missing_ok=True)
    command = [str(shutil.which(shell[0])), *shell[1:]]
    told = verify(command, product, "--trust", "x", home=home, path=str(tmp_path / "bin"))
    assert told.returncode == 7, told.stderr  # the stand-in's, which prints its arguments
    assert told.stdout.splitlines()[:3] == ["--verify-sig", "--trust", "x"]
