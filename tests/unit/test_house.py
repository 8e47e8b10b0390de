import re
from pathlib import Path

from tests.house import arrows_of, circles_of, floors_of, measure


def test_floors_stand_upon_what_they_import() -> None:
    arrows = {"cli": frozenset({"plan", "core"}), "plan": frozenset({"core"}), "core": frozenset[str]()}
    assert floors_of(arrows) == (("core",), ("plan",), ("cli",))
    assert circles_of(arrows) == ()


def test_rooms_that_reach_each_other_are_a_circle() -> None:
    arrows = {
        "cli": frozenset({"a"}),
        "a": frozenset({"b"}),
        "b": frozenset({"c"}),
        "c": frozenset({"a"}),
    }
    assert circles_of(arrows) == (("a", "b", "c"),)
    assert floors_of(arrows) == ()


def test_this_house_has_no_circles_and_no_loose_modules_but_its_face() -> None:
    arrows, loose = arrows_of()
    assert loose == {"bundler.builder.__main__"}
    assert measure(arrows, loose).circles == ()


TESTS = Path(__file__).parents[1]
# Who else may import from them: slow tests are unit tests, and figures are taken with what the tests have.
APART: dict[str, set[str]] = {"unit": {"bench", "slow"}, "slow": set(), "real": {"bench"}}


_IMPORT = re.compile(r"^\s*(?:from|import) tests\.(\w+)", re.MULTILINE)  # ruff keeps one import a line


def _imported(path: Path) -> set[str]:
    """The folders of tests that a file imports from."""
    return set(_IMPORT.findall(path.read_text(encoding="utf-8")))


def test_quick_tests_and_those_on_real_parts_share_kits_and_nothing_else() -> None:
    wrong = [
        f"{path.relative_to(TESTS)} imports tests.{folder}"
        for path in sorted(TESTS.rglob("*.py"))
        for folder in _imported(path)
        if folder in APART
        and (here := path.relative_to(TESTS).parts[0]) != folder
        and here not in APART[folder]
    ]
    assert wrong == []
