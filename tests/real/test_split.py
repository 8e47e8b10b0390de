"""A .run in parts: the stub under real shells, stock tools, and the builder's commands."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.builder.bundles import split
from bundler.builder.signing.keygen import keygen
from bundler.core.archive import Bundle
from bundler.core.archive.parts import part_path
from bundler.core.archive.seal import ALIGN
from bundler.core.errors import ExitCode
from tests.kits.run_files import make_run
from tests.real.test_stub import SHELLS, call, private, shell

__all__ = ["private", "shell"]  # fixtures

pytestmark = pytest.mark.real

QUESTIONS = ["--info", "--list", "--check"]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A .run that is not split, and has more than one block in its archive."""
    path = tmp_path / "whole" / "my product.run"
    path.parent.mkdir()
    make_run(path, files={"root/noise": os.urandom(900_000)})
    return path


@pytest.fixture(params=[ALIGN, 2 * ALIGN, 5 * ALIGN])
def product(whole: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The same in parts; with the smallest ones, the stub is alone in the first."""
    path = tmp_path / "stick" / whole.name
    path.parent.mkdir()
    split.split(whole, request.param + 1, path)
    return path


def test_every_question_gets_the_answer_of_the_whole(shell: list[str], whole: Path, product: Path) -> None:
    for question in (["--info"], ["--list"], ["--list", "--json"], ["--check"], ["--version"]):
        told = call(shell, product, *question)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout == call(shell, whole, *question).stdout
        assert told.stdout


def test_the_installer_is_started_from_parts(
    shell: list[str], product: Path, private: dict[str, str]
) -> None:
    told = call(shell, product, "plan", env=private)
    assert told.returncode == 7, told.stderr
    assert told.stdout.startswith(f"plan\nrun {product}\n")


def test_a_missing_part_is_named(shell: list[str], product: Path, private: dict[str, str]) -> None:
    lost = part_path(product, 2)
    lost.unlink()
    for question in ["--info", "--list", "--check", "--verify-sig", "plan"]:
        told = call(shell, product, question, env=private)
        assert (told.returncode, told.stdout) == (ExitCode.NOT_FOUND, "")
        assert f"missing: {lost.name}\n" in told.stderr


def test_the_only_other_part_missing_is_named(shell: list[str], whole: Path, tmp_path: Path) -> None:
    size = whole.stat().st_size
    first, second = split.split(whole, size // 2 + 2 * ALIGN, tmp_path / "p.run")
    second.unlink()
    told = call(shell, first, "--check")
    assert (told.returncode, f"missing: {second.name}\n" in told.stderr) == (ExitCode.NOT_FOUND, True)


def test_a_part_of_the_wrong_size_is_named(shell: list[str], product: Path) -> None:
    part = part_path(product, 1)
    os.truncate(part, part.stat().st_size - 1)
    for question in QUESTIONS:
        told = call(shell, product, question)
        assert (told.returncode, told.stdout) == (ExitCode.INTEGRITY, "")
        assert f"damaged: {part.name}\n" in told.stderr


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_part_is_named(shell: list[str], product: Path, number: int) -> None:
    part = part_path(product, number)
    data = bytearray(part.read_bytes())
    data[5] ^= 1
    part.write_bytes(data)
    told = call(shell, product, "--check")
    assert told.returncode == ExitCode.INTEGRITY
    assert f" (in {part.name})\n" in told.stderr
    done = subprocess.run(
        ["sha256sum", "-c", f"{product.name}.sha256"],
        cwd=product.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )
    assert [line for line in done.stdout.splitlines() if not line.endswith(": OK")] == [
        f"{part.name}: FAILED"
    ]


def test_cat_joins_to_the_same_file(whole: Path, product: Path) -> None:
    script = 'cat "$1" "$1".??? > "$2"'
    joined = product.parent / "joined.run"
    subprocess.run(["sh", "-c", script, "sh", product, joined], check=True, timeout=30)
    assert hashlib.sha256(joined.read_bytes()).digest() == hashlib.sha256(whole.read_bytes()).digest()


def test_parts_are_signed_and_verified_like_a_file(
    shell: list[str], product: Path, tmp_path: Path, private: dict[str, str]
) -> None:
    assert shutil.which("ssh-keygen"), "apt-get install openssh-client"
    key = tmp_path / "key"
    keygen(key, b"", "me")
    told = subprocess.run(
        [sys.executable, "-m", "bundler.builder", "sign", product, "--key", key],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    with Bundle.open(product) as bundle:
        bundle.check()
        assert bundle.signature() is not None
    started = call(shell, product, "--verify-sig", "--trust", f"{key}.pub", env=private)
    assert started.returncode == 7, (
        started.stderr
    )  # the stand-in's: the shell head leaves it to the installer
    verified = subprocess.run(
        [sys.executable, "-m", "bundler.installer.cli.main", "--verify-sig", "--trust", f"{key}.pub"],
        env=os.environ | {"BUNDLER_RUN_FILE": str(product)}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr
    subprocess.run(["sha256sum", "--quiet", "-c", f"{product.name}.sha256"], cwd=product.parent, check=True)


def test_the_commands(whole: Path) -> None:
    before = hashlib.sha256(whole.read_bytes()).hexdigest()
    command = [sys.executable, "-m", "bundler.builder"]
    commands: tuple[list[str | Path], ...] = (
        ["split", whole, "--size", "256KiB"],
        ["inspect", whole],
        ["join", whole],
    )
    for arguments in commands:
        told = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert told.returncode == 0, told.stderr
        if arguments[0] == "split":
            assert f"{whole}.001: {3 * ALIGN} bytes" in told.stdout
            assert call(SHELLS["ash"], whole, "--check").returncode == 0
    assert hashlib.sha256(whole.read_bytes()).hexdigest() == before
