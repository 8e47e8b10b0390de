from pathlib import Path
from typing import Any

import pytest

from bundler.builder.catalogue.compose import advice, kubefile_text
from bundler.builder.cli.what import source_of
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.core.errors import BundlerError, ExitCode

ENTRY = """kind: {kind}
title: T
version: 1.37.2
licence: L
home: H
needs: {needs}
gives: {gives}
ready: R
backup: B
tested: contract
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Any:
    root = tmp_path / "catalog"
    for name, kind, needs, gives in (
        ("kubernetes", "base", "[]", "[]"),
        ("other", "base", "[]", "[kubernetes]"),
        ("mysql", "block", "[kubernetes, storage]", "[mysql]"),
        ("redis", "block", "[kubernetes, storage]", "[redis]"),
    ):
        (root / name).mkdir(parents=True)
        (root / name / "Kubefile").write_text("FROM scratch\n")
        (root / name / "entry.yaml").write_text(ENTRY.format(kind=kind, needs=needs, gives=gives))
    return Catalogue(root)


def test_names_make_a_kubefile(catalogue: Any) -> None:
    assert kubefile_text(["kubernetes", "mysql", "redis"], "data", catalogue) == (
        "FROM kubernetes\n"
        "LABEL org.opencontainers.image.title=data org.opencontainers.image.version=1.37.2\n"
        "INCLUDE mysql redis\n"
    )


def test_blocks_alone_make_an_app_bundle(catalogue: Any) -> None:
    assert kubefile_text(["mysql"], "m", catalogue).startswith("FROM scratch\n")


def test_two_clusters_are_refused(catalogue: Any) -> None:
    with pytest.raises(BundlerError, match="kubernetes and other can't be in one bundle") as caught:
        kubefile_text(["kubernetes", "other"], "x", catalogue)
    assert caught.value.code is ExitCode.USAGE


def test_an_unknown_name_gets_a_hint(catalogue: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        kubefile_text(["kubernetes", "mysq"], "x", catalogue)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "mysql" in caught.value.fix


def test_what_is_lacking_is_said_once(catalogue: Any) -> None:
    assert advice(["kubernetes", "mysql", "redis"], catalogue) == (
        "mysql and redis need storage and no block provides it",
    )


def test_an_app_bundle_finds_its_cluster_on_site(catalogue: Any) -> None:
    assert advice(["mysql"], catalogue) == ("mysql needs storage and no block provides it",)


def test_a_folder_goes_before_an_entry_of_its_name(
    catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert source_of(["mysql"], None, None, catalogue, tmp_path).kubefile == catalogue.root / "mysql/Kubefile"
    (tmp_path / "mysql").mkdir()
    assert str(source_of(["mysql"], None, None, catalogue, tmp_path).kubefile) == "mysql/Kubefile"


def test_several_names_lie_in_the_cache_under_the_name_of_the_output(catalogue: Any, tmp_path: Path) -> None:
    source = source_of(["kubernetes", "mysql"], None, tmp_path / "data.run", catalogue, tmp_path / "cache")
    assert source.kubefile == tmp_path / "cache/composed/kubernetes-mysql/Kubefile"
    assert "title=data " in source.kubefile.read_text()
