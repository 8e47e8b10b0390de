"""Of the site's tests, what runs when."""

from pathlib import Path

import pytest

from tests.site.rotation import Choice, Rotating, chosen, is_named, told

FAULTS = tuple(Rotating("fault", name) for name in ("cut", "full", "off"))
ENTRIES = tuple(Rotating("entry", name) for name in ("flannel", "upstream"))
ALL = (*FAULTS, *ENTRIES)


def names(choice: str, turn: int) -> set[str]:
    return {each.name for each in chosen(ALL, choice, turn)}


@pytest.mark.parametrize(
    ("turn", "running"),
    [(0, {"cut", "flannel"}), (1, {"full", "upstream"}), (2, {"off", "flannel"}), (3, {"cut", "upstream"})],
)
def test_one_of_each_kind_by_turns(turn: int, running: set[str]) -> None:
    assert names(Choice.ONE, turn) == running


def test_the_order_in_which_they_were_found_does_not_matter() -> None:
    assert chosen(ALL, "one", 4) == chosen(ALL[::-1], "one", 4) == chosen(ALL * 2, "one", 4)


def test_each_has_its_turn() -> None:
    assert set.union(*(names("one", turn) for turn in range(100, 103))) == {each.name for each in ALL}


def test_all_none_or_by_name() -> None:
    assert chosen(ALL, "all", 7) == frozenset(ALL)
    assert chosen(ALL, "none", 7) == frozenset()
    assert chosen(ALL, "full", 7) == {Rotating("fault", "full")}
    assert chosen((), "one", 7) == frozenset()


def test_a_name_that_none_has_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'of': cut, flannel, full, off, upstream"):
        chosen(ALL * 2, "of", 7)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("tests/site",), False),
        (("tests/site/test_x.py",), True),
        (("tests/unit", "tests/site/test_x.py::test_y"), True),
        (("tests/site/test_x2.py",), False),
        ((), False),
    ],
)
def test_whose_file_is_named_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], *, named: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_named(tmp_path.resolve() / "tests/site/test_x.py", arguments) is named


def test_what_runs_is_told_by_kind() -> None:
    assert told(ALL, chosen(ALL, "one", 0)) == [
        "rotating entry: flannel, of flannel, upstream",
        "rotating fault: cut, of cut, full, off",
    ]
    assert told(FAULTS, ()) == ["rotating fault: none, of cut, full, off"]
