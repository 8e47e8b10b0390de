"""Parts on a real FAT32 file system, written and read by mtools, so that the kernel need not know it."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.builder.bundles import split
from bundler.core.archive.parts import part_path
from tests.kits.run_files import make_run

_TOOLS = ("mkfs.vfat", "mcopy", "mdir")
_LACKS = [tool for tool in _TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(_LACKS), reason=f"not installed: {', '.join(_LACKS)}" if _LACKS else "all there"),
]


def _run(*argv: object) -> str:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(
        [*map(str, argv)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """An image of a USB stick with nothing on it."""
    image = tmp_path / "stick.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    _run("mkfs.vfat", "-F", "32", "-n", "PRODUCT", image)
    return image


def test_parts_travel_on_fat_under_their_names(stick: Path, tmp_path: Path) -> None:
    whole = tmp_path / "product.run"
    make_run(whole, files={"root/noise": os.urandom(900_000)})
    parts = _split(whole, tmp_path)
    _run("mcopy", "-i", stick, *parts, "::/")
    listed = _run("mdir", "-b", "-i", stick, "::/").split()
    assert listed == [f"::/{part.name}" for part in parts]
    home = tmp_path / "home"
    home.mkdir()
    _run("mcopy", "-i", stick, "::/*", home)
    product = home / "product.run"
    assert "every byte is as it was sealed" in _run("sh", product, "--check")
    joined = split.join(product, home / "whole.run")
    assert _sum(joined) == _sum(whole)


def test_a_part_that_a_stick_had_no_room_for_is_named(stick: Path, tmp_path: Path) -> None:
    whole = tmp_path / "product.run"
    make_run(whole, files={"root/noise": os.urandom(900_000)})
    parts = _split(whole, tmp_path)
    _run("mcopy", "-i", stick, *parts[:-1], "::/")
    home = tmp_path / "home"
    home.mkdir()
    _run("mcopy", "-i", stick, "::/*", home)
    done = subprocess.run(
        ["sh", home / "product.run", "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, f"missing: {parts[-1].name}" in done.stderr) == (4, True)


def _split(whole: Path, tmp_path: Path) -> list[Path]:
    target = tmp_path / "out" / whole.name
    target.parent.mkdir()
    split.split(whole, 256 << 10, target)
    count = len(list(target.parent.glob(f"{whole.name}.[0-9]*"))) + 1
    parts = [part_path(target, number) for number in range(count)]
    assert count > 3
    return parts


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
