"""KUBEVERSION's ranges mean what Masterminds/semver says they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.versions import is_version, matches, valid_range

# range, versions in it, versions out of it; from the rules in the library's own documentation
TABLE = [
    (">=1.20 <1.30", "v1.20.0 1.29.9", "1.19.9 1.30.0"),
    (">=1.20, <1.30", "1.25.1", "1.30.0"),
    ("1.22 - 1.24", "1.22.0 1.24.17", "1.21.9 1.25.0"),
    ("1.2.3 - 1.4.5", "1.2.3 1.4.5", "1.2.2 1.4.6"),
    ("~1.20", "1.20.0 1.20.15", "1.19.9 1.21.0"),
    ("~1.20.3", "1.20.3 1.20.9", "1.20.2 1.21.0"),
    ("~1", "1.0.0 1.99.0", "2.0.0 0.9.0"),
    ("~> 1.20", "1.20.4", "1.21.0"),
    ("^1.2", "1.2.0 1.99.9", "1.1.9 2.0.0"),
    ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"),
    ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0"),
    ("^0", "0.0.1 0.9.0", "1.0.0"),
    ("~1.20 || ^1.24", "1.20.1 1.30.0", "1.21.0 2.0.0"),
    ("1.x", "1.0.0 1.31.4", "2.0.0"),
    ("1.20.*", "1.20.2", "1.21.0"),
    ("*", "0.0.1 9.9.9", "1.0.0-rc.1"),
    ("1.20", "1.20.0 1.20.9", "1.21.0 1.19.0"),
    ("=1.20.2", "1.20.2 v1.20.2+build.5", "1.20.3"),
    ("!=1.20", "1.19.9 1.21.0", "1.20.4"),
    ("!=1.20.4", "1.20.3", "1.20.4"),
    (">1.20", "1.21.0", "1.20.0 1.20.9"),
    (">1.20.4", "1.20.5", "1.20.4"),
    ("<=1.20", "1.20.9 1.2.0", "1.21.0"),
    ("=<1.20.4", "1.20.4", "1.20.5"),
    ("=>1.20.4", "1.20.4", "1.20.3"),
    (">v1", "2.0.0", "1.99.0"),
    (">=1.20", "1.20.0", "1.20.0-rc.1 1.21.0-rc.1"),
    (">=1.20.0-alpha.2", "1.20.0-alpha.10 1.20.0-beta 1.20.0", "1.20.0-alpha.1 1.20.0-alpha"),
    ("<1.20.0-rc.1", "1.20.0-beta.9 1.19.9", "1.20.0 1.20.0-rc.1 1.20.0-rc.1.1"),
]


@pytest.mark.parametrize(("text", "inside", "outside"), TABLE)
def test_a_range_holds_what_it_should(text: str, inside: str, outside: str) -> None:
    assert valid_range(text)
    assert [version for version in inside.split() if not matches(text, version)] == []
    assert [version for version in outside.split() if matches(text, version)] == []


@pytest.mark.parametrize(("text", "version"), [("newer", "1.20.0"), ("1.20", "1.20"), ("1.20", "v1.20.0;")])
def test_what_is_no_range_or_no_version_is_refused(text: str, version: str) -> None:
    with pytest.raises(BundlerError) as caught:
        matches(text, version)
    assert caught.value.code is ExitCode.INPUT


numbers = st.tuples(*[st.integers(0, 30)] * 3)


@given(numbers, numbers)
def test_every_version_is_below_at_or_above_another(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    version, bound = (".".join(map(str, each)) for each in (one, other))
    assert is_version(version)
    assert [matches(f"{sign}{bound}", version) for sign in ("<", "=", ">")] == [
        one < other,
        one == other,
        one > other,
    ]
