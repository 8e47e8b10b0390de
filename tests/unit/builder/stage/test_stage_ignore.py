import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.stage.ignore import Ignore


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
    ],
)
def test_as_dockerignore_has_it(rules, path, excluded):
    assert Ignore.parse(rules).excludes(path) is excluded


def test_folders_are_skipped_only_when_nothing_comes_back():
    assert Ignore.parse("a\nb").can_prune
    assert not Ignore.parse("a\n!a/b").can_prune


@given(st.text(), st.text(max_size=30))
def test_any_file_can_be_read(rules, path):
    assert Ignore.parse(rules).excludes(path) in {True, False}
