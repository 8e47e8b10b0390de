"""A snapshot on its way: from a control plane into a folder or onto a host, and nothing half of it."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations import snapshot as taking
from bundler.installer.snapshot import container
from bundler.installer.snapshot.age import PassPhrase, decrypt
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport, private_transport
from tests.unit.installer.snapshot import kit

PHRASE = PassPhrase(b"correct horse", work=10)
FILES = {"manifest.json": kit.manifest(), "files.tar": kit.FILES, "etcd.db": kit.DATABASE}


class Host(MemoryTransport):
    """Has a snapshot ready; bytes come as they are."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__("10.0.0.2")
        self.files = files

    def run(self, script: Any, **options: Any) -> Any:  # the protocol has the options
        content = self.files[script.rpartition("/")[2]]
        if (take := options.get("on_bytes")) is not None:
            for start in range(0, len(content), 50_000):
                take(content[start : start + 50_000])
        return Outcome(0, "", "")


def test_what_arrives_here_is_whole_and_ours_alone(tmp_path: Path) -> None:
    manifest, chunks = taking.brought(Host(FILES), PHRASE)
    name = taking.file_name("trial", manifest)
    assert name == "trial-20270608T091240Z.snapshot"
    size = taking.keep_here(chunks, tmp_path / "new", name)
    (path,) = (tmp_path / "new").iterdir()
    assert path.name == name
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"".join(container.read(path, PHRASE).part("etcd.db")) == kit.DATABASE


def test_a_control_plane_that_sends_something_else_leaves_no_file(tmp_path: Path) -> None:
    _, chunks = taking.brought(Host({**FILES, "etcd.db": kit.DATABASE[:-1]}), PHRASE)
    with pytest.raises(BundlerError) as caught:
        taking.keep_here(chunks, tmp_path, "x.snapshot")
    assert caught.value.code is ExitCode.INTEGRITY
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from bundler.installer.operations.snapshot import keep_here
def chunks():
    yield b"half of it"
    os.kill(os.getpid(), 9)
keep_here(chunks(), Path(sys.argv[1]), "x.snapshot")
"""


def test_kill_9_leaves_nothing_of_it(tmp_path: Path) -> None:
    """A part under its own name stayed for good: each snapshot has another name."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    taking.keep_here(iter([b"whole"]), tmp_path, "x.snapshot")
    assert [path.name for path in tmp_path.iterdir()] == ["x.snapshot"]
    assert (tmp_path / "x.snapshot").read_bytes() == b"whole"


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundlerError) as caught:
        taking.keep_here(iter([b"x"]), tmp_path / "file", "x")
    assert caught.value.code is ExitCode.INPUT


def test_it_is_kept_on_a_host_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with_blank = tmp_path / "back up"
    size = taking.keep_there(iter([b"ab", b"c"]), private_transport("h"), str(with_blank), "x.snapshot", 3)
    assert size == 3
    assert (with_blank / "x.snapshot").read_bytes() == b"abc"
    assert (with_blank / "x.snapshot").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in with_blank.iterdir()] == ["x.snapshot"]


def test_a_host_that_gets_less_than_was_sent_is_an_error() -> None:
    host = MemoryTransport("h", lambda _script, _stdin: Outcome(0, "2\n", ""))
    with pytest.raises(BundlerError, match="can't be kept there") as caught:
        taking.keep_there(iter([b"abc"]), host, "/b", "x", 3)
    assert "2 of 3 bytes" in str(caught.value)


def test_nothing_readable_leaves_this_machine_but_the_header() -> None:
    _, chunks = taking.brought(Host(FILES), PHRASE)
    data = b"".join(chunks)
    assert data.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert b"ca.key" not in data
    assert b"".join(decrypt(io.BytesIO(data), PHRASE, "x")).startswith(b"\x28\xb5\x2f\xfd")  # zstd
