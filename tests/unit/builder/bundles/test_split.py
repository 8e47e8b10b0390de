import hashlib
import os
from pathlib import Path

import pytest

from bundler.builder.bundles import split
from bundler.core.archive import Bundle
from bundler.core.archive.newfile import NewFile
from bundler.core.archive.parts import part_path
from bundler.core.archive.seal import ALIGN
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.run_files import make_run

LIMIT = 4 * ALIGN + 1  # parts of 256 KiB


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "product.run"
    path.parent.mkdir()
    make_run(path, files={"noise": os.urandom(1_000_000)})
    (path.parent / "runtime.tar.gz").unlink()
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


def used(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.iterdir())


def test_split_and_join_give_the_same_bytes(product: Path) -> None:
    before, mode = sha256(product), product.stat().st_mode
    parts = split.split(product, LIMIT)
    assert len(parts) >= 5
    assert names(product) == {*(part.name for part in parts), "product.run.sha256"}
    with Bundle.open(product) as bundle:
        bundle.check()
    split.join(product)
    assert (sha256(product), product.stat().st_mode, names(product)) == (before, mode, {"product.run"})


def test_the_disk_never_holds_a_second_copy(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size, peaks, seen = product.stat().st_size, [], []
    real = os.ftruncate

    def cut(fd: int, length: int) -> None:
        peaks.append(used(product))  # the part is complete, and not yet gone from the file
        real(fd, length)

    monkeypatch.setattr(os, "ftruncate", cut)
    split.split(product, LIMIT, tell=lambda _part: seen.append(used(product)))
    assert len(seen) >= 4
    assert set(seen) == {size}
    assert size < max(peaks) <= size + 4 * ALIGN


def test_to_another_folder_the_file_stays(product: Path, tmp_path: Path) -> None:
    before = sha256(product)
    stick = tmp_path / "stick" / "p.run"
    stick.parent.mkdir()
    parts = split.split(product, LIMIT, stick)
    assert {part.parent for part in parts} == {stick.parent}
    joined = split.join(stick, tmp_path / "joined.run")
    assert sha256(product) == sha256(joined) == before
    assert stick.stat().st_size == 4 * ALIGN


def test_what_is_split_is_not_split_again(product: Path) -> None:
    split.split(product, LIMIT)
    with pytest.raises(BundlerError, match="split already"):
        split.split(product, LIMIT)


def test_no_file_is_run_over(product: Path) -> None:
    part_path(product, 2).write_text("mine")
    with pytest.raises(BundlerError, match=r"product\.run\.002"):
        split.split(product, LIMIT)
    assert part_path(product, 2).read_text() == "mine"


class _StopError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 3])
def test_join_goes_on_where_split_was_interrupted(product: Path, after: int) -> None:
    before, left = sha256(product), [after]

    def stop(_part: Path) -> None:
        left[0] -= 1
        if not left[0]:
            raise _StopError

    with pytest.raises(_StopError):
        split.split(product, LIMIT, tell=stop)
    split.join(product)
    assert (sha256(product), names(product)) == (before, {"product.run"})


@pytest.mark.parametrize("after", [1, 3, 5])
def test_broken_off_in_another_folder_it_leaves_nothing(
    product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    left, real = [after], NewFile.commit

    def commit(self: NewFile, mode: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        real(self, mode)

    monkeypatch.setattr(NewFile, "commit", commit)
    stick = tmp_path / "stick" / "p.run"
    stick.parent.mkdir()
    with pytest.raises(KeyboardInterrupt):
        split.split(product, LIMIT, stick)
    assert names(stick) == set()


@pytest.mark.parametrize("torn", [0, 1, ALIGN, 4 * ALIGN])
def test_join_goes_on_where_join_was_interrupted(product: Path, torn: int) -> None:
    before = sha256(product)
    split.split(product, LIMIT)
    first, second = part_path(product, 1), part_path(product, 2)
    with product.open("ab") as file:  # one part was moved, of the next some bytes
        file.write(first.read_bytes() + second.read_bytes()[:torn])
    first.unlink()
    split.join(product)
    assert (sha256(product), names(product)) == (before, {"product.run"})


def test_join_names_what_is_missing_and_changes_nothing(product: Path) -> None:
    parts = split.split(product, LIMIT)
    parts[2].unlink()
    before = {part: sha256(part) for part in parts if part.exists()}
    with pytest.raises(BundlerError, match=r"product\.run\.002") as caught:
        split.join(product)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert {part: sha256(part) for part in parts if part.exists()} == before


def test_join_names_what_is_damaged_and_changes_nothing(product: Path) -> None:
    parts = split.split(product, LIMIT)
    with parts[2].open("r+b") as file:
        file.write(b"?!")
    with pytest.raises(BundlerError, match=r"\(in product\.run\.002\)") as caught:
        split.join(product)
    assert caught.value.code is ExitCode.INTEGRITY
    assert all(part.exists() for part in parts)


def test_a_whole_file_is_left_as_it_is(product: Path) -> None:
    before = sha256(product)
    part_path(product, 1).write_text("something else")
    split.join(product)
    assert sha256(product) == before
