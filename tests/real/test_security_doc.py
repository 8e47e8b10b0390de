"""The commands that docs/security.md prints for security officers, run as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Seal
from tests.kits.run_files import make_run

pytestmark = pytest.mark.real

DOC = Path(__file__).parents[2] / "docs/security.md"
SECTIONS = ("stub", "runtime", "archive", "index", "info", "list")


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    """A signed product.run and the vendor's key, in an otherwise empty folder."""
    assert shutil.which("zstd"), "apt-get install zstd"
    seal = make_run(tmp_path / "product.run", files={"root/bin/kubelet": b"kubelet" * 1000})
    keygen(tmp_path / "vendor", b"", "")
    sign_file(tmp_path / "product.run", find_signer(str(tmp_path / "vendor")))
    return seal


def run(folder: Path, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    (script,) = re.findall(r"^```sh verify\n(.*?)^```$", DOC.read_text(), re.DOTALL | re.MULTILINE)
    return subprocess.run(
        [shell],
        input=script,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_they_pass_what_the_vendor_signed(tmp_path: Path, seal: Seal, shell: str) -> None:
    assert len(seal.sections) >= len(SECTIONS)
    done = run(tmp_path, shell)
    assert done.returncode == 0, done.stderr
    assert 'Good "bundler-run" signature for vendor' in done.stdout + done.stderr
    assert [f"{name}: as it was signed" in done.stdout for name in SECTIONS] == [True] * len(SECTIONS)
    assert re.search(r"^-rwxr-xr-x root/root .* root/bin/kubelet$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("where", ["first", "last", "behind"])
def test_they_find_one_changed_bit(tmp_path: Path, seal: Seal, name: str, where: str) -> None:
    section = seal.section(name)
    offset = {"first": section.offset, "last": section.end - 1, "behind": section.end}[where]
    change(tmp_path / "product.run", offset)
    done = run(tmp_path)
    assert done.returncode != 0
    assert f"{name}: as it was signed" not in done.stdout or where == "behind"
    assert "kubelet" not in done.stdout


@pytest.mark.parametrize("back", [8192, 8000, 4097, 4096, 4000])
def test_they_find_a_changed_seal_or_signature(tmp_path: Path, seal: Seal, back: int) -> None:
    change(tmp_path / "product.run", seal.file_size - back)
    done = run(tmp_path)
    assert done.returncode != 0
    assert "as it was signed" not in done.stdout


def test_they_refuse_another_vendor(tmp_path: Path, seal: Seal) -> None:
    assert seal.file_size
    keygen(tmp_path / "other", b"", "")
    shutil.copy(tmp_path / "other.pub", tmp_path / "vendor.pub")
    assert run(tmp_path).returncode != 0


def change(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
