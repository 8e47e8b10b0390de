"""What the YAML parser complains of, in the words of somebody who writes files by hand, with what to do."""

from collections.abc import Sequence
from typing import Final

_WORDS: Final = {
    "quoted scalar": (
        "a quotation mark that is opened and never closed",
        "close it, or write the text without",
    ),
    "flow sequence": (
        "a list that is opened with [ and never closed",
        "put ] at its end, and , between its parts",
    ),
    "flow mapping": (
        "a mapping that is opened with { and never closed",
        "put } at its end, and , between its parts",
    ),
    "could not find expected ':'": (
        "a line that is neither NAME: VALUE nor - VALUE",
        "write a colon and a blank behind the name",
    ),
}
_PARENT: Final = "write it with the same number of blanks in front as the fields beside it"


def explain(said: str, lines: Sequence[str], line: int, column: int) -> tuple[str, str]:
    """Message and hint for a syntax error. line, column: where the parser stopped, from 0."""
    text = lines[line] if line < len(lines) else ""
    if _has_tab(text, column, said):
        return "a tab where YAML takes blanks only", "write two blanks for each tab: sed -i 's/\\t/  /g' FILE"
    if "mapping values are not allowed" in said:
        return _second_colon(text, lines, line)
    if "did not find expected key" in said or "did not find expected '-'" in said:
        return _indent(text, lines, line)
    if "cannot start any token" in said:
        sign = text[column : column + 1]
        return f"text can't begin with {sign}", f"put it into quotes: '{text[column:].strip()[:40]}'"
    return next((words for key, words in _WORDS.items() if key in said), (f"not YAML: {said}", ""))


def _has_tab(text: str, column: int, said: str) -> bool:
    indent = text[: len(text) - len(text.lstrip())]
    return "\t" in indent or text[column : column + 1] == "\t" or "tab character" in said


def _second_colon(text: str, lines: Sequence[str], line: int) -> tuple[str, str]:
    above = _above(lines, line)
    if text.count(": ") <= 1 and above is not None and _depth(text) > _depth(above):
        return (
            "this line stands further to the right than the one above, which has a value already",
            _PARENT,
        )
    return "a second colon in one line", "put text with a colon and a blank in it into quotes: NAME: 'a: b'"


def _indent(text: str, lines: Sequence[str], line: int) -> tuple[str, str]:
    depths = sorted(
        {_depth(each) for each in lines[:line] if each.strip() and not each.lstrip().startswith("#")}
    )
    near = [depth for depth in depths if depth <= _depth(text) + 2][-2:]
    fits = " or ".join(str(depth) for depth in near)
    if _depth(text) in depths:
        return "a - where fields stand, or a field where - stand", "let all lines of a list begin with -"
    return (
        f"a wrong indent: {_depth(text)} in front, which fits neither the line above nor any field around it",
        f"write {fits} blanks in front, as the fields beside it have" if fits else _PARENT,
    )


def _above(lines: Sequence[str], line: int) -> str | None:
    return next((each for each in reversed(lines[:line]) if each.strip()), None)


def _depth(text: str) -> int:
    """Blanks in front; behind a `-` of a list, where its fields stand."""
    return len(text) - len(text.lstrip())
