import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.stage.ignore import Ignore, component


@pytest.mark.parametrize(
    ("rules", "path", "excluded"),
    [
        ("*.md", "a.md", True),
        ("*.md", "d/a.md", False),
        ("**/*.md", "d/e/a.md", True),
        ("**/*.md", "a.md", True),
        ("docs", "docs/a/b", True),
        ("/docs/", "docs/a", True),
        ("docs/*", "docs/a", True),
        ("docs/*", "docs", False),
        ("a/**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/x/y/c", True),
        ("a?", "ab", True),
        ("a?", "a/", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("# docs\n\n", "# docs", False),
        ("*\n!keep", "keep", False),
        ("*\n!keep", "keep/a", False),
        ("*\n!keep\nkeep/b", "keep/b", True),
        ("!a", "a", False),
        (r"\#a", "#a", True),
        ("[z-a]", "[z-a]", True),
        (".", "a", False),
        ("../a", "a", False),
        ("**", "a/b", True),
        ("**/**/b", "b", True),
        ("a/**", "a", False),
        ("*b*d", "abcd", True),
        ("*b*d", "abcde", False),
        ("*a*ab", "aab", True),
        ("a*a", "a", False),
        ("**/a/*/c", "x/a/a/b/c", True),
    ],
)
def test_as_dockerignore_has_it(rules: str, path: str, *, excluded: bool) -> None:
    assert Ignore.parse(rules).excludes(path) is excluded


def test_folders_are_skipped_only_when_nothing_comes_back() -> None:
    assert Ignore.parse("a\nb").can_prune
    assert not Ignore.parse("a\n!a/b").can_prune


def test_hostile_patterns_take_no_time() -> None:
    rules = Ignore.parse("**/a/" * 30 + "b\n" + "*a" * 100 + "b\n")
    started = time.process_time()
    assert not rules.excludes("a/" * 500 + "c")
    assert not rules.excludes("a" * 250)
    assert time.process_time() - started < 2


SHORT = st.text(alphabet="ab", max_size=6)


@given(st.lists(SHORT, min_size=2, max_size=4), SHORT)
def test_stars_find_a_way_when_there_is_one(pieces: Any, text: Any) -> None:
    expected = re.fullmatch(".*".join(pieces), text) is not None
    assert (component("*".join(pieces)).fullmatch(text) is not None) == expected


@given(st.text(), st.text(max_size=30))
def test_any_file_can_be_read(rules: Any, path: Any) -> None:
    assert Ignore.parse(rules).excludes(path) in {True, False}
