"""The archive keeps its limit, is read by stock tools, and is there as a whole or not at all."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.collect.pack import RESERVE, Pack


def test_tar_and_python_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with Pack(path, "site", 1000.0) as pack:
        assert pack.add("index.html", b"<p>")
        assert pack.add("hosts/10.0.0.2/a.txt", b"x" * 1000)
        assert not path.exists()
    listed = subprocess.run(["tar", "-tzf", path], check=True, capture_output=True, text=True).stdout
    assert listed.splitlines() == ["site/index.html", "site/hosts/10.0.0.2/a.txt"]
    with tarfile.open(path, "r:gz") as archive:
        member = archive.getmember("site/hosts/10.0.0.2/a.txt")
        assert (member.mode, member.mtime) == (0o600, 1000)
        stream = archive.extractfile(member)
        assert stream is not None
        assert stream.read() == b"x" * 1000
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_limit_is_kept_and_room_for_the_index_is_left(tmp_path: Path) -> None:
    path, limit = tmp_path / "a.tar.gz", RESERVE + (1 << 20)
    with Pack(path, "site", 0.0, limit) as pack:
        added = [pack.add(f"{number}", os.urandom(300 << 10)) for number in range(10)]
        assert added == [True] * 3 + [False] * 7
        assert pack.add("small", b"x")  # what is small may still fit
        assert pack.add("index", os.urandom(3 << 20), reserved=True)
        assert not pack.add("more", os.urandom(2 << 20), reserved=True)
    assert path.stat().st_size <= limit + 1024


def test_a_failure_leaves_nothing_and_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_text("old")

    def fail() -> None:
        with Pack(path, "site", 0.0) as pack:
            pack.add("x", b"x")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught, Pack(tmp_path / "no" / "a.tar.gz", "site", 0.0):
        pass
    assert (caught.value.code, caught.value.where) == (ExitCode.INPUT, tmp_path / "no" / "a.tar.gz")
