"""Hostile recipes: each is refused in a few clear lines with its exit code; nothing gets out."""

from pathlib import Path

import pytest

from bundler.core.archive import Bundle
from bundler.core.archive.extract import extract, select
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.archive.hostile_kit import Base, Case, is_clear
from tests.kits.archive.hostile_recipes import MADE, corpus, lengthy, make_derived

CORPUS = (*corpus(), Case("has-a-frame", lengthy))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    runtime = tmp_path_factory.mktemp("good") / "runtime.tar.gz"
    runtime.write_bytes(b"\x1f\x8b" + bytes(range(200)))
    return make_derived(runtime.with_name("good.run"), runtime)


def consume(path: Path, folder: Path) -> None:
    with Bundle.open(path) as bundle:
        bundle.check()
        extract(bundle, select(bundle.index, ["root"]), folder)


def found(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_the_good_file_is_taken(base: Base, tmp_path: Path) -> None:
    path = tmp_path / "good.run"
    for name, data in {"as it was": base.data, "put together": base.parts.build()}.items():
        path.write_bytes(data)
        consume(path, tmp_path / name)
        assert found(tmp_path / name) == MADE


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_hostile_recipes_are_refused(base: Base, tmp_path: Path, case: Case) -> None:
    path, folder = tmp_path / "x.run", tmp_path / "out"
    data = case.make(base)
    assert data != base.data
    path.write_bytes(data)
    folder.mkdir()
    with pytest.raises(BundlerError) as caught:
        consume(path, folder)
    assert caught.value.code in {ExitCode.INTEGRITY, ExitCode.NOT_FOUND}
    assert is_clear(str(caught.value)), str(caught.value)
    assert found(folder) == {}
    assert {each.name for each in tmp_path.iterdir()} == {"x.run", "out"}
