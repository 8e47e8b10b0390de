"""What kill -9 leaves beside a target goes when that is written next; what is in use stays."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bundler.builder.artifact.layout import _held
from bundler.core.archive import unfinished
from bundler.core.archive.newfile import NewFile

# As on NFS and FAT, where a file can't be made without a name; it says so when it has one, and stays.
WRITER = """
import os, sys, time
os.O_TMPFILE = os.O_DIRECTORY
from pathlib import Path
from bundler.core.archive.newfile import NewFile
with NewFile(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("now", flush=True)
    time.sleep(60)
"""


@contextmanager
def writing(target: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        yield process
        process.kill()


def hidden(target: Path) -> list[Path]:
    return [path for path in target.parent.iterdir() if path.name.startswith(f".{target.name}.")]


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    target = tmp_path / "shop [1].run"
    with writing(target) as process:
        process.kill()
    assert len(hidden(target)) == 1
    with NewFile(target) as file:
        file.write(b"whole")
        assert hidden(target) == []
        file.commit(0o644)
    assert target.read_bytes() == b"whole"


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    target = tmp_path / "shop.run"
    with writing(target):
        with NewFile(target) as file:
            file.write(b"whole")
            file.commit(0o644)
        assert len(hidden(target)) == 1


def test_only_names_of_this_target_are_swept(tmp_path: Path) -> None:
    target = tmp_path / "shop.run"
    digits = "0" * 16
    others = [f".shop.run.{'0' * 12}.part", f".other.run.{digits}.part", f"shop.run.{digits}.part"]
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / f".shop.run.{digits}.part").symlink_to(tmp_path / others[0])
    unfinished.sweep(target)
    assert {path.name for path in tmp_path.iterdir()} == {*others, f".shop.run.{digits}.part"}


@pytest.mark.parametrize("in_use", [True, False])
def test_a_folder_that_save_left_goes_and_one_in_use_stays(tmp_path: Path, in_use: bool) -> None:  # noqa: FBT001  (a case)
    target = tmp_path / "layout"
    folder = unfinished.hidden_name(target)
    with _held(folder):
        (folder / "blobs").mkdir()
        if in_use:
            unfinished.sweep(target)
            assert folder.exists()
    unfinished.sweep(target)
    assert not folder.exists()
