from pathlib import Path
from typing import Any

import pytest

from bundler.builder.catalogue.entry import Entry, Kind, entries, read_entry, unmet
from bundler.builder.catalogue.listing import markdown, matching, shown, table
from bundler.builder.catalogue.page import page
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.core.errors import Problems

TEXT = """kind: {kind}
title: {title}
version: {version}
licence: Apache-2.0
home: https://{name}.example
size: {size}
needs: {needs}
gives: {gives}
ready: it answers
backup: none
tested: {tested}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Any:
    def entry(
        name: Any,
        kind: str = "block",
        needs: str = "[kubernetes]",
        gives: str = "[]",
        size: int = 0,
        tested: str = "contract",
    ) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Kubefile").write_text("FROM scratch\n")
        text = TEXT.format(
            name=name,
            kind=kind,
            title=name.title(),
            version=8.4,
            needs=needs,
            gives=gives,
            size=size,
            tested=tested,
        )
        (folder / "entry.yaml").write_text(text)

    entry("cluster", kind="base", needs="[]", gives="[kubernetes]", size=1391, tested="machines")
    entry("database", needs="[kubernetes, storage]", gives='["mysql:3306"]', size=178)
    entry("cache", gives='["redis:6379"]')
    return Catalogue(tmp_path)


def test_numbers_are_versions_too(catalogue: Any) -> None:
    found = {entry.name: entry for entry in entries(catalogue)}
    assert found["database"].version == "8.4"
    assert found["cluster"].kind is Kind.BASE


def test_a_folder_without_entry_is_none(tmp_path: Path) -> None:
    assert read_entry(tmp_path) is None


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("size: 0", "siez: 0", 6, "unknown field siez"),
        ("title: Cache\n", "", 1, "title is missing"),
        ("tested: contract", "tested: sometimes", 11, "machines"),
        ("size: 0", "size: -1", 6, "greater than or equal to 0"),
        ("kind: block", "kind: bolck", 1, "'base', 'block' or 'example'"),
    ],
)
def test_faults_have_their_place(catalogue: Any, before: str, after: str, line: int, message: str) -> None:
    path = catalogue.root / "cache" / "entry.yaml"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(Problems) as caught:
        read_entry(path.parent)
    (problem,) = caught.value.problems
    assert (problem.location.line, problem.location.file) == (line, str(path))
    assert message in problem.message


def test_the_table_says_what_needs_what(catalogue: Any) -> None:
    assert table(entries(catalogue)) == (
        "NAME      VERSION  SIZE       NEEDS                GIVES       TESTED\n"
        "cache     8.4      -          kubernetes           redis:6379  by contract\n"
        "cluster   8.4      1,391 MiB  -                    kubernetes  on machines\n"
        "database  8.4      178 MiB    kubernetes, storage  mysql:3306  by contract\n"
        "3 entries, 1 tested on machines. More: bundler catalogue show NAME\n"
    )


def read(catalogue: Any, name: str) -> Entry:
    found = read_entry(catalogue.root / name)
    assert found is not None
    return found


def test_search_wants_every_word(catalogue: Any) -> None:
    assert [entry.name for entry in matching(entries(catalogue), ["MYSQL"])] == ["database"]
    assert matching(entries(catalogue), ["mysql", "redis"]) == ()


def test_show_says_how_to_take_it(catalogue: Any) -> None:
    cluster, cache = (read(catalogue, name) for name in ("cluster", "cache"))
    assert "FROM cluster" in shown(cluster, "")
    assert shown(cache, "# Cache\n").endswith("\n\n# Cache\n")
    assert "INCLUDE cache" in shown(cache, "")


def test_seconds_are_told_where_they_were_measured(catalogue: Any) -> None:
    path = catalogue.root / "cache" / "entry.yaml"
    path.write_text(path.read_text().replace("size: 0", "size: 8\nseconds: 12"))
    cluster, cache = (read(catalogue, name) for name in ("cluster", "cache"))
    assert "ready after 12 s\n" in shown(cache, "")
    assert "ready after" not in shown(cluster, "")
    assert " | 12 s | by contract |\n" in markdown([cache])
    assert " | - | on machines |\n" in markdown([cluster])


def test_what_no_block_gives_is_named_with_who_needs_it(catalogue: Any) -> None:
    chosen = [read(catalogue, name) for name in ("cluster", "database", "cache")]
    assert unmet(chosen) == (("storage", ("database",)),)


def test_the_page_escapes_what_entries_say(catalogue: Any) -> None:
    path = catalogue.root / "cache" / "entry.yaml"
    path.write_text(path.read_text().replace("it answers", "a <b> & c"))
    assert "a &lt;b&gt; &amp; c" in page(entries(catalogue))


def test_every_entry_of_ours_can_be_read_but_for_parts_of_others() -> None:
    catalogue = Catalogue(default_catalogue())
    others = set(catalogue.names()) - {entry.name for entry in entries(catalogue)}
    assert [name for name in others if not name.startswith("network-")] == []
