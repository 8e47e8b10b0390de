from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.kubefile.words import ExpansionError, expand, expand_body, variables

VALUES = {"X": "x", "EMPTY": "", "A_1": "one two"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("$X", "x"),
        ("${X}y", "xy"),
        ("$Xy", ""),
        ("$A_1.", "one two."),
        ("a$", "a$"),
        ("$1", "$1"),
        ('"$X"', "x"),
        ("'$X'", "$X"),
        (r"\$X", "$X"),
        (r"'\'", "\\"),
        (r'"\$X \" \\ \n"', r'$X " \ \n'),
        (r"a\ b", "a b"),
        ("a\\", "a\\"),
        ("''", ""),
        ("${NONE}", ""),
        ("${NONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${X:-d}", "x"),
        ("${X:+a}", "a"),
        ("${EMPTY:+a}", ""),
        ("${EMPTY+a}", "a"),
        ("${NONE+a}", ""),
        ("${NONE:-${X}}", "x"),
        ("${NONE:-'a}b'}", "a}b"),
        ("${X:?must be}", "x"),
    ],
)
def test_expansion(text: str, value: str) -> None:
    assert expand(text, VALUES.get) == value


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("ab'c", 2, "never closed"),
        ('a"b', 1, "never closed"),
        ("a${X", 1, "never closed"),
        ("a${}", 1, "a name must follow"),
        ("${X/a/b}", 0, "not supported"),
        ("${X##a}", 0, "not supported"),
        ("${NONE:?say it}", 0, "NONE is not set: say it"),
        ("${EMPTY:?}", 0, "EMPTY is not set"),
    ],
)
def test_what_cannot_be_expanded_tells_where(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpansionError, match=message) as caught:
        expand(text, VALUES.get)
    assert caught.value.offset == offset


def test_deep_nesting_ends_in_an_error() -> None:
    with pytest.raises(ExpansionError, match="nested"):
        expand("${a:-" * 50 + "}" * 50, VALUES.get)


def test_a_heredoc_body_keeps_its_quotes() -> None:
    assert expand_body('say "$X" it\'s \\$X \\n\n', VALUES.get) == 'say "x" it\'s $X \\n\n'


def test_variables_are_those_without_a_default() -> None:
    assert variables("$A ${B} ${C:-d} ${D+e} '$E' \\$F") == {"A", "B"}


@given(st.text())
def test_quoting_with_single_quotes_keeps_any_text(text: Any) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert expand(quoted, VALUES.get) == text


@given(st.text(alphabet="aX_1 ${}:-+?\"'\\/"))
def test_expansion_ends_in_a_value_or_an_error(text: Any) -> None:
    try:
        offset = len(expand(text, VALUES.get)) * 0
    except ExpansionError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)
