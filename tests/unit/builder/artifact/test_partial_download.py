"""A file whose parts come in any order, over several runs."""

import os
from pathlib import Path

import pytest

from bundler.builder.artifact.model import PART, RunArtifact
from bundler.builder.artifact.partial_download import PartialDownload
from bundler.core.archive.seal import Seal
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Descriptor

FIRST, SECOND, TAIL = os.urandom(300_000) + b"x", os.urandom(100_001) + b"y", b"end" + bytes(10_000)
CONTENT = FIRST + SECOND + FIRST + TAIL


def described(data: bytes) -> Descriptor:
    return Descriptor(PART, Digest.of(data), len(data))


ARTIFACT = RunArtifact.of(
    Seal("demo", "1", "linux/amd64", ()),
    Digest.of(CONTENT),
    tuple(described(data) for data in (FIRST, SECOND, FIRST, TAIL)),
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "demo.run"


def fill(file: PartialDownload, data: bytes) -> int:
    """Bring a part; how many bytes were missing."""
    slot = file.slot(described(data))
    there = slot.size
    slot.append(data[there:])
    slot.settle("test")
    return len(data) - there


def test_a_part_that_stands_twice_comes_once(target: Path) -> None:
    with PartialDownload.beside(target, ARTIFACT) as file:
        for data in (TAIL, FIRST, SECOND):
            assert fill(file, data) == len(data)
        assert not target.exists()
        file.commit(target)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["demo.run"]  # noqa: PTH208  (names alone)


def test_what_a_former_run_wrote_is_found_again(target: Path) -> None:
    with PartialDownload.beside(target, ARTIFACT) as file:
        fill(file, FIRST)
        file.slot(described(SECOND)).append(SECOND[:50_000])
        fill(file, TAIL)
    with PartialDownload.beside(target, ARTIFACT) as file:
        assert file.slot(described(FIRST)).whole
        assert file.slot(described(TAIL)).whole  # its zero bytes were written, too
        slot = file.slot(described(SECOND))
        assert 50_000 - slot.size <= len(SECOND[:50_000]) - len(SECOND[:50_000].rstrip(b"\0"))
        assert slot.resumed
        assert fill(file, SECOND) == len(SECOND) - slot.size


def test_what_was_torn_is_told_by_its_digest(target: Path) -> None:
    with PartialDownload.beside(target, ARTIFACT) as file:
        fill(file, FIRST)
        os.pwrite(file.fd, bytes(8192), 4096)  # as a power cut leaves it
    with PartialDownload.beside(target, ARTIFACT) as file:
        slot = file.slot(described(FIRST))
        assert (slot.whole, slot.resumed) == (False, True)
        with pytest.raises(BundlerError) as caught:
            slot.settle("test")
        assert caught.value.code is ExitCode.INTEGRITY
        slot.fill([FIRST])
        slot.settle("test")


def test_a_file_that_is_not_as_long_is_begun_anew(target: Path) -> None:
    with PartialDownload.beside(target, ARTIFACT) as file:
        path = file.path
    path.write_bytes(os.urandom(1000))
    with PartialDownload.beside(target, ARTIFACT) as file:
        assert file.slot(described(FIRST)).size == 0


def test_two_processes_never_write_one_file(target: Path) -> None:
    with PartialDownload.beside(target, ARTIFACT), pytest.raises(BundlerError, match="another process"):
        PartialDownload.beside(target, ARTIFACT)


def test_no_link_is_followed(target: Path) -> None:
    other = target.parent / "precious"
    other.write_bytes(b"precious")
    with PartialDownload.beside(target, ARTIFACT) as file:
        path = file.path
        file.discard()
    for make in (path.symlink_to, path.hardlink_to):
        make(other)
        with pytest.raises(BundlerError) as caught:
            PartialDownload.beside(target, ARTIFACT)
        assert caught.value.code is ExitCode.USAGE
        path.unlink()
    assert other.read_bytes() == b"precious"


def test_what_is_left_of_another_version_goes(target: Path) -> None:
    left = target.parent / f".demo.run.{'0' * 12}.part"
    others = [target.parent / name for name in (".demo.run.part", ".other.run.0123456789ab.part")]
    for path in (left, *others):
        path.write_bytes(b"left")
    with PartialDownload.beside(target, ARTIFACT):
        assert not left.exists()
        assert all(path.exists() for path in others)
