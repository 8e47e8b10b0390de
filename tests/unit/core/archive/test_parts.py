import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive import Bundle, BundleWriter, Seal
from bundler.core.archive.parts import Parts, parse_size, part_path, part_size
from bundler.core.archive.seal import ALIGN
from bundler.core.archive.sums import sums_path
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.archive.bundles import STUB, meta

SIZED = STUB.replace("exit 0\n", "seal_offset=@SEAL_OFFSET@ file_size=@FILE_SIZE@\nexit 0\n")
NOISE = random.Random(7).randbytes(1_500_000)  # noqa: S311  (content that does not compress)
FILES = {"noise": NOISE, "text": b"words " * 50_000, "small": b"x"}

Write = Callable[..., Seal]


@pytest.fixture
def write(runtime: Path) -> Write:
    """Writes a .run at `target`, in parts of less than `split` bytes."""

    def run(target: Path, split: int | None = None, files: Mapping[str, bytes] = FILES) -> Seal:
        with BundleWriter(target, stub=SIZED, runtime=runtime, split=split) as writer:
            for path, data in files.items():
                writer.add(path, [data], size=len(data), digest=Digest.of(data))
            return writer.finish(meta())

    return run


def parts_of(path: Path) -> list[Path]:
    return [path, *sorted(path.parent.glob(f"{path.name}.[0-9][0-9][0-9]"))]


@pytest.mark.parametrize("limit", [2 * ALIGN, 3 * ALIGN + 1, 10 * ALIGN, 1 << 20, 1 << 30])
def test_parts_are_the_bytes_of_the_one_file(write: Write, tmp_path: Path, limit: int) -> None:
    write(tmp_path / "one.run")
    seal = write(tmp_path / "many.run", limit)
    parts = parts_of(tmp_path / "many.run")
    sizes = [part.stat().st_size for part in parts]
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "one.run").read_bytes()
    assert max(sizes) < limit
    assert len(parts) == -(-seal.file_size // part_size(limit))
    assert len({size % ALIGN for size in sizes[:-1]} | {0}) == 1
    with Bundle.open(tmp_path / "many.run") as bundle:
        bundle.check()
        assert {each.path: bundle.read(each, limit=1 << 21) for each in bundle.index.members} == FILES


def test_the_sums_are_what_sha256sum_reads(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write(path, 4 * ALIGN)
    lines = [f"{hashlib.sha256(part.read_bytes()).hexdigest()}  {part.name}\n" for part in parts_of(path)]
    assert sums_path(path).read_text() == "".join(lines)


def test_what_fits_into_one_part_is_one_file(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "a.run", 1 << 32)
    assert {each.name for each in tmp_path.iterdir()} == {"a.run", "runtime.tar.gz"}


def test_nothing_is_written_twice(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0

    def counting(fd: int, data: memoryview, real: Callable[..., int] = os.write) -> int:
        nonlocal written
        done = real(fd, data)
        written += done
        return done

    monkeypatch.setattr(os, "write", counting)
    seal = write(tmp_path / "a.run", 4 * ALIGN)
    assert written == seal.file_size + sums_path(tmp_path / "a.run").stat().st_size


@pytest.mark.parametrize("limit", [16 * ALIGN, 1 << 30])
def test_no_part_of_an_earlier_file_stays(write: Write, tmp_path: Path, limit: int) -> None:
    write(tmp_path / "one.run")
    write(tmp_path / "a.run", 4 * ALIGN)
    before = len(parts_of(tmp_path / "a.run"))
    write(tmp_path / "a.run", limit)
    parts = parts_of(tmp_path / "a.run")
    assert len(parts) < before
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "one.run").read_bytes()
    assert sums_path(tmp_path / "a.run").exists() == (len(parts) > 1)


def test_a_failure_leaves_no_part(tmp_path: Path, runtime: Path) -> None:
    with (
        pytest.raises(BundlerError),
        BundleWriter(tmp_path / "a.run", stub=SIZED, runtime=runtime, split=4 * ALIGN) as writer,
    ):
        writer.add("noise", [NOISE], size=len(NOISE), digest=Digest.of(b"another"))
    assert {each.name for each in tmp_path.iterdir()} == {"runtime.tar.gz"}


def test_each_missing_part_is_named(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write(path, 8 * ALIGN)
    part_path(path, 1).unlink()
    parts_of(path)[-1].unlink()
    with pytest.raises(BundlerError) as caught:
        Bundle.open(path)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "missing: a.run.001, a.run.00" in str(caught.value)


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("number", [1, -1])
def test_a_part_of_the_wrong_size_is_named(write: Write, tmp_path: Path, number: int, change: int) -> None:
    path = tmp_path / "a.run"
    write(path, 8 * ALIGN)
    part = parts_of(path)[number]
    os.truncate(part, part.stat().st_size + change)
    with pytest.raises(BundlerError, match=part.name) as caught:
        Bundle.open(path)
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("sums", [True, False])
def test_a_damaged_part_is_named(write: Write, tmp_path: Path, number: int, *, sums: bool) -> None:
    path = tmp_path / "a.run"
    write(path, 8 * ALIGN)
    part = part_path(path, number)
    with part.open("r+b") as file:
        file.seek(3 * ALIGN + 100)
        file.write(b"?!")
    if not sums:
        sums_path(path).unlink()
    with Bundle.open(path) as bundle, pytest.raises(BundlerError) as caught:
        bundle.check()
    assert caught.value.code is ExitCode.INTEGRITY
    named = str(caught.value).split("(in ")[1].split(")")[0].split(", ")
    assert part.name in named
    assert not sums or named == [part.name]


def test_a_hostile_size_opens_no_million_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(b"#!/bin/sh\nseal_offset=1 file_size=999999999999999999\n".ljust(ALIGN, b"\n"))
    with pytest.raises(BundlerError) as caught:
        Bundle.open(path)
    assert caught.value.code is ExitCode.INTEGRITY


@given(
    blocks=st.integers(1, 4),
    total=st.integers(ALIGN, 6 * ALIGN),
    reads=st.lists(st.tuples(st.integers(0, 7 * ALIGN), st.integers(0, 7 * ALIGN)), max_size=5),
)
def test_reading_over_parts_is_reading_the_file(
    blocks: int, total: int, reads: list[tuple[int, int]]
) -> None:
    total = total // ALIGN * ALIGN + 8192
    head = f"#!/bin/sh\nseal_offset={total - 8192} file_size={total}\n".encode()
    data = head + NOISE[: total - len(head)]
    each = blocks * ALIGN
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.run")
        for number, start in enumerate(range(0, total, each)):
            part_path(path, number).write_bytes(data[start : start + each])
        with Parts.open(path) as parts:
            assert parts.size == total
            for offset, length in reads:
                assert parts.pread(length, offset) == data[offset : offset + length]
                spans = list(parts.spans(offset, length))
                assert (
                    b"".join(os.pread(each.fd, each.length, each.offset) for each in spans)
                    == (data[offset : offset + length])
                )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 << 30),
        ("4000M", 4_000_000_000),
        ("4GB", 4_000_000_000),
        ("131072", 131072),
        ("1MiB", 1 << 20),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.5G", "4 GiB", "4iB", "GiB", "131071", "4PiB", "1\u0661GiB"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        parse_size(text)
    assert caught.value.code is ExitCode.USAGE


def test_a_part_of_4_gib_fits_on_fat32() -> None:
    assert part_size(parse_size("4GiB")) == (4 << 30) - ALIGN
