"""YAML with positions: what is data, where it stands, and what is refused."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.errors import Problems
from bundler.core.yamldoc import YamlLimits, load_all


def rules(text: str | bytes, limits: YamlLimits | None = None) -> list[str]:
    with pytest.raises(Problems) as caught:
        load_all(text, "f.yaml", limits=limits or YamlLimits())
    return [problem.rule for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: [yes, 0x10, 1.5, ~, 'no']", {"a": [True, 16, 1.5, None, "no"]}),
        ("when: 2026-11-23", {"when": "2026-11-23"}),
        ("- =", ["="]),
        ("a: ! 12", {"a": "12"}),
        ("a: !!str 12", {"a": "12"}),
        ("base: &b {x: 1, y: 2}\nd: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "d": {"x": 1, "y": 3}}),
        ("d: {<<: [{x: 1}, {x: 2, z: 3}]}", {"d": {"x": 1, "z": 3}}),
        ("\ufeffa: 1", {"a": 1}),
        ("1: a\nyes: b\nnull: c\n1.0: d", {"1": "a", "yes": "b", "null": "c", "1.0": "d"}),
        ("k: &k yes\n*k : a", {"k": True, "True": "a"}),
    ],
)
def test_values(text: str, data: object) -> None:
    assert [document.data for document in load_all(text, "f.yaml")] == [data]


@pytest.mark.parametrize("text", ["1: a\n'1': b", "yes: a\n'yes': b", "yes: 1\nyes: 2"])
def test_keys_that_are_one_text_are_one_key(text: str) -> None:
    assert rules(text) == ["yaml-duplicate-key"]


def test_several_documents_keep_their_lines() -> None:
    first, empty, last = load_all("a: 1\n---\n---\nb:\n  c: 2\n", "f.yaml")
    assert (first.data, empty.data, last.data) == ({"a": 1}, None, {"b": {"c": 2}})
    assert str(last.locate(["b", "c"])) == "f.yaml:5:6"
    assert last.lines(5) == "  c: 2"
    assert last.lines(99) == ""


SITE = "spec:\n  hosts:\n  - ips: [10.0.0.2, bad]\n    ssh:\n      port: x\n"


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (["spec"], False, "1:1"),
        (["spec", "hosts"], False, "2:3"),
        (["spec", "hosts", 0], False, "3:5"),
        (["spec", "hosts", 0, "ips", 1], False, "3:21"),
        (["spec", "hosts", 0, "ssh", "port"], False, "5:13"),
        (["spec", "hosts", 0, "ssh", "port"], True, "5:7"),
        (["spec", "hosts", 0, "ssh", "user"], False, "4:5"),
        (["spec", "hosts", 7], False, "2:3"),
        ([], False, "1:1"),
    ],
)
def test_locate(path: list[str | int], key: bool, place: str) -> None:  # noqa: FBT001  (a table's column)
    (document,) = load_all(SITE, "s")
    assert str(document.locate(path, key=key)) == f"s:{place}"


def test_an_alias_is_located_where_it_is_used() -> None:
    (document,) = load_all("a: &x 1\nb: *x\n", "f")
    assert str(document.locate(["b"])) == "f:2:4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\nb: 4", ["yaml-duplicate-key", "yaml-duplicate-key"]),
        ("a: [1", ["yaml-syntax"]),
        ("a: 1\n\tb: 2", ["yaml-syntax"]),
        (b"a: \xff\xfe", ["yaml-encoding"]),
        ("a: \ud800", ["yaml-encoding"]),
        ("a: \x01", ["yaml-syntax"]),
        ("a: &a [*a]", ["yaml-alias"]),
        ("a: *nowhere", ["yaml-alias"]),
        ("? [a, b]\n: 1", ["yaml-key"]),
        ("a: !!binary aGk=", ["yaml-tag"]),
        ("a: !!python/object/apply:os.system [id]", ["yaml-tag"]),
        ("a: !!set {x, y}", ["yaml-tag"]),
        ("a: !!int x", ["yaml-value"]),
        ("a: " + "9" * 5000, ["yaml-value"]),
        ("a: {<<: 3}", ["yaml-merge"]),
        ("[" * 300 + "]" * 300, ["yaml-depth"]),
        ("[" * 5000, ["yaml-depth"]),
    ],
)
def test_refused(text: str | bytes, expected: list[str]) -> None:
    assert rules(text) == expected


def test_refused_by_size() -> None:
    assert rules("a: 12345", YamlLimits(size=4)) == ["yaml-size"]
    assert rules("[1, 2, 3, 4, 5]", YamlLimits(values=5)) == ["yaml-size"]


def test_billion_laughs() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert rules("\n".join(lines)) == ["yaml-size"]


def test_aliases_cannot_nest_beyond_the_depth() -> None:
    lines = ["- &a0 [x]", *(f"- &a{n} [*a{n - 1}]" for n in range(1, 200))]
    assert rules("\n".join(lines)) == ["yaml-depth"]


def test_a_fault_shows_its_line() -> None:
    with pytest.raises(Problems) as caught:
        load_all("a: 1\n  b: 2\n", "site.yaml")
    assert "site.yaml:2:4" in str(caught.value)
    assert "      b: 2" in str(caught.value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
@settings(max_examples=150, deadline=None)
def test_reads_what_yaml_writes(value: Any) -> None:
    (document,) = load_all(yaml.safe_dump(value, allow_unicode=True), "f")
    assert document.data == value


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#? \n\t%@`~<=1.,", max_size=60) | st.binary(max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_gives_data_or_problems(text: str | bytes) -> None:
    try:
        documents = load_all(text, "f")
    except Problems:
        return
    for document in documents:
        assert document.locate(["a", 0, "b"]).line >= 1


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("a:\n\tb: 1\n", "2:1", "a tab where YAML takes blanks only", "two blanks for each tab"),
        ("a:\n  b: 1\n\tc: 2\n", "3:1", "a tab where YAML takes blanks only", "two blanks"),
        ("a:\n  b: 1\n c: 2\n", "3:2", "a wrong indent: 1 in front", "write 0 or 2 blanks"),
        ("s:\n  hosts:\n  - ips: [1]\n   roles: [x]\n", "4:4", "a wrong indent: 3 in front", "write"),
        ("a: 1\n b: 2\n", "2:3", "further to the right than the one above", "the same number of blanks"),
        ("a: b: c\n", "1:5", "a second colon in one line", "into quotes"),
        ("a: 'x\nb: 1\n", "3:1", "a quotation mark that is opened", "close it"),
        ("a: [1\nb: 2\n", "2:2", "a list that is opened with [", "put ] at its end"),
        ("a: {b: 1\nc: 2\n", "2:2", "a mapping that is opened with {", "put } at its end"),
        ("a: @x\n", "1:4", "text can't begin with @", "into quotes: '@x'"),
        ("- a\nb: 1\n", "2:1", "a field where - stand", "begin with -"),
        ("a:\n - b\nc\n", "4:1", "neither NAME: VALUE", "a colon"),
    ],
)
def test_slips_of_the_pen_are_told_in_plain_words(text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(Problems) as caught:
        load_all(text, "f")
    (problem,) = caught.value.problems
    assert f"{problem.location.line}:{problem.location.column}" == place
    assert message in problem.message
    assert hint in problem.hint
