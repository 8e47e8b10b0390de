"""The part of Go's templates that Sealer's `.tmpl` files use: variables, `if`, `range`, `default`, `quote`.

Data are variables of one level: words, and lists where Sealer writes `a;b`. What is none of this is refused
with its line, so that no half-rendered file reaches a host. A variable that nobody set is refused, too: Go
would print `<no value>`. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bundler.core.errors import Location, Problem

Value = str | bool | Sequence[str]
_ACTION: Final = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_TOKEN: Final = re.compile(
    r'\s+|("(?:[^"\\]|\\.)*"|`[^`]*`|\||\(|\)|\.[A-Za-z_][A-Za-z0-9_]*|\.|-?[A-Za-z0-9_]+|\S)'
)
_WORDS: Final = frozenset({"eq", "ne", "not", "and", "or"})
_FILTERS: Final = frozenset({"quote", "default", "upper", "lower", "trim"})
_DEEPEST: Final = 50


class TemplateError(ValueError):
    """A template that can't be rendered. line: from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class _Block:
    """What stands between two actions. kind: `if`, `range` or "" for the whole."""

    kind: str = ""
    words: tuple[str, ...] = ()
    line: int = 1
    parts: list["str | _Block | tuple[int, tuple[str, ...]]"] = field(default_factory=list)
    otherwise: "_Block | None" = None


def render(text: str, variables: Mapping[str, Value]) -> str:
    """The text with its actions carried out. Raises TemplateError."""
    return "".join(_out(_parse(text), variables, None))


def problem(error: TemplateError, file: str) -> Problem:
    """The fault with its place."""
    return Problem(Location(file, error.line), "wrong-template", str(error))


def _parse(text: str) -> _Block:
    whole = _Block()
    stack = [whole]
    position = 0
    trim = False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip() if trim else before
        stack[-1].parts.append(before.rstrip() if match[1] else before)
        line = text.count("\n", 0, match.start()) + 1
        _take(match[2], line, stack)
        position, trim = match.end(), bool(match[3])
    rest = text[position:]
    stack[-1].parts.append(rest.lstrip() if trim else rest)
    if len(stack) > 1:
        raise TemplateError(stack[-1].line, f"{{{{ {stack[-1].kind or 'else'} }}}} has no end")
    return whole


def _take(action: str, line: int, stack: list[_Block]) -> None:
    if action.startswith("/*"):
        return
    words = _words(action, line)
    match words[0] if words else "":
        case "":
            raise TemplateError(line, "an action is empty")
        case "if" | "range":
            block = _Block(words[0], words[1:], line)
            stack[-1].parts.append(block)
            stack.append(block)
        case "else":
            _otherwise(words[1:], line, stack)
        case "end":
            while len(stack) > 1 and stack[-1].kind == "else":
                stack.pop()
            if len(stack) == 1:
                raise TemplateError(line, "end without if or range")
            stack.pop()
        case _:
            stack[-1].parts.append((line, words))
    if len(stack) > _DEEPEST:
        raise TemplateError(line, f"more than {_DEEPEST} levels")


def _otherwise(words: tuple[str, ...], line: int, stack: list[_Block]) -> None:
    """`else` hangs on the block before it; with a condition, it holds another `if`."""
    above = stack[-1]
    if (
        above.kind not in {"if", "range", "else"}
        or above.otherwise is not None
        or not (above.kind != "else" or above.words)
    ):
        raise TemplateError(line, "else without if or range")
    if words and words[0] != "if":
        raise TemplateError(line, f"else {words[0]} is not understood")
    block = _Block("else", words[1:], line)
    above.otherwise = block
    stack.append(block)


def _words(action: str, line: int) -> tuple[str, ...]:
    found = tuple(match[1] for match in _TOKEN.finditer(action) if match[1])
    for word in found:
        if word.startswith("$") or word in {":", "=", ","}:
            raise TemplateError(
                line, f"`{action}` is not understood: only variables, if, range, and {_known()}"
            )
    return found


def _known() -> str:
    return ", ".join(sorted(_FILTERS))


def _out(block: _Block, variables: Mapping[str, Value], dot: Value | None) -> Iterator[str]:
    for part in block.parts:
        match part:
            case str():
                yield part
            case _Block(kind="range"):
                yield from _range(part, variables, dot)
            case _Block():
                yield from _if(part, variables, dot)
            case (line, words):
                yield _text(_pipeline(words, line, variables, dot), line)


def _range(block: _Block, variables: Mapping[str, Value], dot: Value | None) -> Iterator[str]:
    found = _pipeline(block.words, block.line, variables, dot)
    items = ([each for each in found.split(";") if each] if isinstance(found, str) else
             () if isinstance(found, bool) else found)  # fmt: skip
    for item in items:
        yield from _out(block, variables, item)
    if not items and block.otherwise:
        yield from _out(block.otherwise, variables, dot)


def _if(block: _Block, variables: Mapping[str, Value], dot: Value | None) -> Iterator[str]:
    held: _Block | None = block
    while held is not None:
        if not held.words or _true(_pipeline(held.words, held.line, variables, dot, unset="")):
            yield from _out(held, variables, dot)
            return
        held = held.otherwise


def _true(value: Value) -> bool:
    """As Go has it: every word but none is true."""
    return bool(value)


def _pipeline(
    words: Sequence[str],
    line: int,
    variables: Mapping[str, Value],
    dot: Value | None,
    unset: str | None = None,
) -> Value:
    """unset: in place of an unset variable; None refuses it, unless `default` follows."""
    stages = _split(words)
    if any(stage and stage[0] == "default" for stage in stages[1:]) or (
        stages[0] and stages[0][0] == "default"
    ):
        unset = ""
    value = _call(stages[0], line, variables, dot, unset)
    for stage in stages[1:]:
        value = _filter(stage, value, line, variables, dot)
    return value


def _split(words: Sequence[str]) -> list[list[str]]:
    stages: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "|" and not depth:
            stages.append([])
        else:
            stages[-1].append(word)
    return stages


def _call(  # noqa: PLR0911  (a case for each function)
    words: Sequence[str], line: int, variables: Mapping[str, Value], dot: Value | None, unset: str | None
) -> Value:
    operands = _operands(words, line, variables, dot, unset)
    head = words[0] if words else ""
    if head in _FILTERS and len(operands) > 1:
        return _apply(head, operands[1:-1], operands[-1], line)
    match head, operands[1:]:
        case "eq", [first, *others] if others:
            return any(_plain(first) == _plain(each) for each in others)
        case "ne", [first, second]:
            return _plain(first) != _plain(second)
        case "not", [one]:
            return not _true(one)
        case "and", [*many] if many:
            return next((each for each in many if not _true(each)), many[-1])
        case "or", [*many] if many:
            return next((each for each in many if _true(each)), many[-1])
        case _ if len(operands) == 1 and head not in _WORDS | _FILTERS:
            return operands[0]
        case _:
            raise TemplateError(line, f"`{' '.join(words)}` is not understood")


def _operands(
    words: Sequence[str], line: int, variables: Mapping[str, Value], dot: Value | None, unset: str | None
) -> list[Value]:
    found: list[Value] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "(":
            inner, left = _inside(left, line)
            found.append(_pipeline(inner, line, variables, dot, unset))
        else:
            found.append(_value(word, line, variables, dot, unset))
    return found


def _inside(words: list[str], line: int) -> tuple[list[str], list[str]]:
    depth = 1
    for number, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if not depth:
            return words[:number], words[number + 1 :]
    raise TemplateError(line, "a bracket is not closed")


def _value(
    word: str, line: int, variables: Mapping[str, Value], dot: Value | None, unset: str | None
) -> Value:
    if word == ".":
        if dot is None:
            raise TemplateError(line, "`.` means something inside range only")
        return dot
    if word.startswith("."):
        found = variables.get(word[1:], unset)
        if found is None:
            raise TemplateError(line, f"the variable {word[1:]} is set nowhere")
        return found
    if word[0] in '"`':
        return word[1:-1] if word[0] == "`" else str(json.loads(word))
    if word in {"true", "false"}:
        return word == "true"
    if word in _WORDS | _FILTERS or word.lstrip("-").isdigit():
        return word
    raise TemplateError(
        line, f"{word!r} is not understood: variables are written .NAME; known are {_known()}"
    )


def _filter(
    words: Sequence[str], value: Value, line: int, variables: Mapping[str, Value], dot: Value | None
) -> Value:
    if not words or words[0] not in _FILTERS:
        raise TemplateError(line, f"{' '.join(words)!r} is no function here: {_known()}")
    return _apply(words[0], _operands(words[1:], line, variables, dot, ""), value, line)


def _apply(name: str, arguments: Sequence[Value], value: Value, line: int) -> Value:
    match name, arguments:
        case "quote", []:
            return json.dumps(_text(value, line), ensure_ascii=False)
        case "default", [fallback]:
            return value if _true(value) else fallback
        case "upper", []:
            return _text(value, line).upper()
        case "lower", []:
            return _text(value, line).lower()
        case "trim", []:
            return _text(value, line).strip()
        case _:
            raise TemplateError(line, f"{name} takes {1 if name == 'default' else 'no'} argument")


def _text(value: Value, line: int) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            raise TemplateError(line, "a list is written out with range")


def _plain(value: Value) -> object:
    return ("true" if value else "false") if isinstance(value, bool) else value
