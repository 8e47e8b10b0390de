"""Words of an instruction: quotes, escapes and `$VARIABLES`, as a Dockerfile has them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bundler.core.errors import Location

Lookup = Callable[[str], str | None]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_DEPTH = 16  # ${a:-${b:-…}}


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place. The parser leaves `text` as written; `expand` makes it the value."""

    text: str
    location: Location


class ExpansionError(ValueError):
    """A word can't be expanded; `offset` counts characters from the word's start."""

    def __init__(self, message: str, offset: int, rule: str = "bad-expansion") -> None:
        super().__init__(message)
        self.offset = offset
        self.rule = rule


def expand(text: str, lookup: Lookup) -> str:
    """Take the quotes off and put the values of variables in; one that `lookup` doesn't know is empty.

    Raises ExpansionError for an unclosed quote or brace, an operator that is not known, and `${X:?why}`.
    """
    return _Expander(text, lookup).whole()


def expand_body(text: str, lookup: Lookup) -> str:
    r"""The body of a heredoc: variables are put in, quotes stay; `\$` and `\\` as in a shell.

    Raises ExpansionError.
    """
    return _Expander(text, lookup, quotes=False).whole()


def variables(text: str) -> frozenset[str]:
    """The names that the word needs a value of: those without a default of their own."""
    needed: set[str] = set()

    def note(name: str) -> str | None:
        needed.add(name)
        return None

    with_defaults = _Expander(text, note, needs_only=True)
    try:
        with_defaults.whole()
    except ExpansionError:
        return frozenset()
    return frozenset(needed)


class _Expander:
    """Reads one word from left to right."""

    def __init__(self, text: str, lookup: Lookup, *, needs_only: bool = False, quotes: bool = True) -> None:
        self._text = text
        self._lookup = lookup
        self._needs_only = needs_only
        self._quotes = quotes
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            out.append(self._piece())
        return "".join(out)

    def _piece(self) -> str:
        match self._text[self._at]:
            case "'" if self._quotes:
                return self._single()
            case '"' if self._quotes:
                return self._double()
            case "\\":
                return self._escape(only="" if self._quotes else "$\\")
            case "$":
                return self._dollar()
            case char:
                self._at += 1
                return char

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ExpansionError("this quote is never closed", self._at, "unclosed-quote")
        value = self._text[self._at + 1 : end]
        self._at = end + 1
        return value

    def _double(self) -> str:
        start = self._at
        self._at += 1
        out: list[str] = []
        while self._at < len(self._text):
            match self._text[self._at]:
                case '"':
                    self._at += 1
                    return "".join(out)
                case "\\":
                    out.append(self._escape(only='"$\\'))
                case "$":
                    out.append(self._dollar())
                case char:
                    out.append(char)
                    self._at += 1
        raise ExpansionError("this quote is never closed", start, "unclosed-quote")

    def _escape(self, *, only: str) -> str:
        """A backslash; inside double quotes it escapes only some characters and stands for itself else."""
        following = self._text[self._at + 1 : self._at + 2]
        self._at += 1 + len(following)
        if not following:
            return "\\"
        return following if not only or following in only else "\\" + following

    def _dollar(self) -> str:
        start = self._at
        self._at += 1
        if self._text[self._at : self._at + 1] == "{":
            self._at += 1
            return self._braced(start)
        if not (match := _NAME.match(self._text, self._at)):
            return "$"
        self._at = match.end()
        return self._lookup(match[0]) or ""

    def _braced(self, start: int) -> str:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpansionError("too deeply nested", start)
        match = _NAME.match(self._text, self._at)
        if not match:
            raise ExpansionError("a name must follow ${", start)
        self._at = match.end()
        operator = self._operator(start)
        alternative = self._until_brace(start)
        self._depth -= 1
        return self._choose(match[0], operator, alternative, start)

    def _operator(self, start: int) -> str:
        for operator in (":-", ":+", ":?", "-", "+", "?"):
            if self._text.startswith(operator, self._at):
                self._at += len(operator)
                return operator
        if self._text[self._at : self._at + 1] in {"}", ""}:
            return ""
        raise ExpansionError(f"{self._text[self._at]!r} is not supported in a variable", start)

    def _until_brace(self, start: int) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            if self._text[self._at] == "}":
                self._at += 1
                return "".join(out)
            out.append(self._piece())
        raise ExpansionError("this ${ is never closed", start)

    def _choose(self, name: str, operator: str, alternative: str, start: int) -> str:
        if self._needs_only and operator:
            return ""  # a default, or a question whether it is set: nothing is needed
        value = self._lookup(name)
        present = bool(value) if operator.startswith(":") else value is not None
        match operator[-1:]:
            case "-":
                return value if present and value is not None else alternative
            case "+":
                return alternative if present else ""
            case "?" if not present:
                raise ExpansionError(
                    f"{name} is not set" + (f": {alternative}" if alternative else ""), start
                )
            case _:
                return value or ""
