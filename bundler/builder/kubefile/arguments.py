"""One logical line cut into instruction word, flags and arguments."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bundler.builder.kubefile.instructions import Assignment
from bundler.builder.kubefile.lexer import Heredoc, LogicalLine, shell_words
from bundler.builder.kubefile.source import Findings, did_you_mean
from bundler.builder.kubefile.words import ExpansionError, Word, expand
from bundler.core.errors import Location
from bundler.core.variables import why_not

_FLAG = re.compile(r"--(?P<name>[a-zA-Z][a-zA-Z0-9-]*)(?:=(?P<value>.*))?", re.DOTALL)
_QUOTING = re.compile(r"""([\\'"])""")  # JSON has done the quoting, `expand` must not do it again
_MODE = re.compile(r"0?[0-7]{3}")


@dataclass(frozen=True, slots=True)
class Statement:
    """An instruction before its meaning is known.

    keyword: in capitals. flags: name → value, "" for one without. rest: the text behind the flags; rest_at:
    where it starts in the logical line.
    """

    line: LogicalLine
    keyword: str
    flags: Mapping[str, Word]
    rest: str
    rest_at: int

    @property
    def location(self) -> Location:
        """Where the instruction starts."""
        return self.line.location

    @property
    def heredocs(self) -> tuple[Heredoc, ...]:
        """The heredocs opened on this line."""
        return self.line.heredocs

    def at(self, offset: int) -> Location:
        """The place of a character of `rest`."""
        return self.line.at(self.rest_at + offset)

    def words(self) -> tuple[Word, ...]:
        """`rest` cut at blanks, quotes respected and kept."""
        return tuple(Word(text, self.at(offset)) for offset, text in shell_words(self.rest))


def statement(line: LogicalLine) -> Statement:
    """Cut a logical line; nothing can go wrong yet."""
    pieces = list(shell_words(line.text))
    keyword = pieces[0][1] if pieces else ""
    at = len(keyword)
    flags: dict[str, Word] = {}
    for offset, text in pieces[1:]:
        match = _FLAG.fullmatch(text)
        if not match:
            at = offset
            break
        flags[match["name"]] = Word(match["value"] or "", line.at(offset))
        at = offset + len(text)
    return Statement(line, keyword.upper(), flags, line.text[at:], at)


def assignment(word: Word) -> Assignment | None:
    """NAME=value cut in two, or None where it is none."""
    name, equals, value = word.text.partition("=")
    if not name or not equals:
        return None
    where = word.location
    place = Location(where.file, where.line, where.column + len(name) + 1)
    return Assignment(Word(name, where), Word(value, place))


class Reader:
    """Reads the arguments of one statement, noting what is wrong."""

    def __init__(self, stated: Statement, findings: Findings) -> None:
        self.stated = stated
        self._findings = findings

    def fault(self, where: Location, rule: str, message: str, hint: str = "") -> None:
        """Note a fault at a place of the file."""
        self._findings.add(where, rule, message, hint)

    def missing(self, what: str, example: str) -> None:
        """Note that an argument is lacking."""
        self.fault(
            self.stated.location,
            "missing-argument",
            f"{self.stated.keyword} needs {what}",
            f"write {example}",
        )

    def check_flags(self, known: Collection[str], refused: Mapping[str, str]) -> None:
        """Every flag must be known; `refused` gives the reason for some that Dockerfiles have."""
        for name, value in self.stated.flags.items():
            if name in known:
                self._check_word(value)
            elif name in refused:
                message = f"--{name} is not supported by {self.stated.keyword}"
                self.fault(value.location, "unsupported-flag", message, refused[name])
            else:
                hint = did_you_mean(f"--{name}", [f"--{flag}" for flag in known])
                self.fault(
                    value.location, "unknown-flag", f"{self.stated.keyword} has no flag --{name}", hint
                )

    def flag(self, name: str) -> Word | None:
        """The flag's value; one without a value is a fault."""
        word = self.stated.flags.get(name)
        if word is not None and not word.text:
            self.fault(word.location, "bad-flag", f"--{name} needs a value", f"write --{name}=…")
            return None
        return word

    def mode(self) -> int | None:
        """--chmod: permission bits in octal."""
        word = self.flag("chmod")
        if word is None:
            return None
        if not _MODE.fullmatch(word.text):
            hint = "write the permission bits in octal: --chmod=0755"
            self.fault(word.location, "bad-flag", f"not permission bits: {word.text}", hint)
            return None
        return int(word.text, 8)

    def words(self) -> tuple[Word, ...]:
        """All words, or those of a list in JSON; quotes are checked, `#` is a misplaced comment."""
        if self.stated.rest.startswith("[") and (listed := self.json_list()) is not None:
            return listed
        words = self.stated.words()
        for word in words:
            self._check_word(word)
        return self._without_comment(words)

    def assignments(self, words: tuple[Word, ...]) -> tuple[Assignment, ...]:
        """All words as NAME=value; those that are none are noted."""
        for word in words:
            if assignment(word) is None:
                hint = "write NAME=value; put a value with blanks into quotes"
                self.fault(word.location, "bad-assignment", f"not NAME=value: {word.text}", hint)
        return tuple(pair for word in words if (pair := assignment(word)) is not None)

    def variables(self, pairs: Sequence[Assignment]) -> tuple[Assignment, ...]:
        """Those whose names can be names of environment variables; others are noted."""
        for pair in pairs:
            if why := why_not(pair.name.text):
                hint = "choose another name; what starts programs belongs into the app's own image or script"
                self.fault(pair.name.location, "bad-assignment", f"{pair.name.text} {why}", hint)
        return tuple(pair for pair in pairs if not why_not(pair.name.text))

    def _without_comment(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        for number, word in enumerate(words):
            if word.text.startswith("#"):
                hint = "put the comment on a line of its own, or the word into quotes"
                self.fault(
                    word.location, "trailing-comment", "a comment can't stand behind an instruction", hint
                )
                return words[:number]
        return words

    def _check_word(self, word: Word) -> None:
        try:
            expand(word.text, lambda _: "x")
        except ExpansionError as error:
            where = word.location
            place = Location(where.file, where.line, where.column + error.offset)
            self.fault(place, error.rule, str(error), "write \\$ or '$' for a plain dollar sign")

    def json_strings(self, offset: int = 0) -> tuple[str, ...] | None:
        """`rest`, from `offset` on, as a JSON list of strings, or None where it is none."""
        try:
            value = json.loads(self.stated.rest[offset:])
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return None
        return tuple(value)

    def json_list(self) -> tuple[Word, ...] | None:
        """`rest` as a JSON list of words, or None where it is none."""
        listed = self.json_strings()
        if listed is None:
            return None
        return tuple(Word(_QUOTING.sub(r"\\\1", item), self._place_in_list(item)) for item in listed)

    def _place_in_list(self, item: str) -> Location:
        offset = self.stated.rest.find(json.dumps(item, ensure_ascii=False))
        return self.stated.at(offset + 1 if offset >= 0 else 0)

    def bad_json(self, offset: int, example: str) -> None:
        """Say where the list stops being JSON."""
        try:
            json.loads(self.stated.rest[offset:])
        except RecursionError:
            where, message = self.stated.at(offset), "too deeply nested"
        except json.JSONDecodeError as error:
            where, message = self.stated.at(offset + error.pos), f"not a JSON list: {error.msg}"
        except ValueError:  # Python reads no numbers of thousands of digits
            where, message = self.stated.at(offset), "not a list of strings"
        else:
            where, message = self.stated.at(offset), "not a list of strings"
        self.fault(where, "bad-json", message, f"write {example}")
