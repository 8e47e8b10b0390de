"""Physical lines → logical lines: continuation, comments, heredocs; every character keeps its place."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.builder.kubefile.source import Findings
from bundler.core.errors import Location

HEREDOC_TAKERS = frozenset({"RUN", "COPY", "ADD"})

_CONTINUED = re.compile(r"\\[ \t]*$")
_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_HEREDOC = re.compile(r"""\d*<<(?P<dash>-?)(?P<quote>["']?)(?P<name>[A-Za-z_][A-Za-z0-9_.]*)(?P=quote)""")


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`<<NAME` and the lines up to NAME.

    body: the lines, each ended by a newline; with `<<-` leading tabs are gone. quoted: `<<"NAME"`, variables
    stay as they are. tail: the text as it stood, closing line included, for a shell to read.
    """

    name: str
    body: str
    quoted: bool
    location: Location
    tail: str


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One instruction with its continuations joined.

    marks: (offset in `text`, line, column) where each physical line starts.
    """

    file: str
    text: str
    marks: tuple[tuple[int, int, int], ...]
    heredocs: tuple[Heredoc, ...] = ()

    def at(self, offset: int) -> Location:
        """The place in the file of a character of `text`."""
        index = bisect_right([mark[0] for mark in self.marks], offset) - 1
        start, line, column = self.marks[max(index, 0)]
        return Location(self.file, line, column + offset - start)

    @property
    def location(self) -> Location:
        """Where the instruction starts."""
        return self.at(0)


def logical_lines(findings: Findings) -> tuple[LogicalLine, ...]:
    """All instructions of a source. What is wrong is noted in `findings`, reading goes on."""
    return tuple(_Lexer(findings).lines())


class _Lexer:
    """Walks the lines of one source once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._source = findings.source
        self._next = 0

    def lines(self) -> Iterator[LogicalLine]:
        self._directives()
        while self._next < len(self._source.lines):
            if _is_blank(self._source.lines[self._next]):
                self._next += 1
                continue
            yield self._with_heredocs(self._joined())

    def _directives(self) -> None:
        """`# name=value` lines at the very top: `syntax` has no meaning, `escape` would change reading."""
        for number, line in enumerate(self._source.lines, 1):
            if not line.startswith("#") or "=" not in line:
                return
            match = _DIRECTIVE.match(line)
            if match and match[1] != "\\":
                where = Location(self._source.file, number, 1)
                self._findings.add(
                    where, "escape-directive", "another escape character is not supported", "use \\"
                )

    def _joined(self) -> LogicalLine:
        """The line at hand and those that continue it; comments in between are dropped."""
        text = ""
        marks: list[tuple[int, int, int]] = []
        start = self._next
        while self._next < len(self._source.lines):
            line = self._source.lines[self._next]
            number = self._next + 1
            self._next += 1
            if marks and _is_blank(line):
                self._note_empty(line, number)
                continue
            indent = 0 if marks else len(line) - len(line.lstrip())
            marks.append((len(text), number, indent + 1))
            part = line[indent:]
            text += _CONTINUED.sub("", part)
            if not _CONTINUED.search(part):
                break
        else:
            where = Location(self._source.file, start + 1, 1)
            self._findings.add(
                where, "dangling-continuation", "the file ends in the middle of this instruction"
            )
        return LogicalLine(self._source.file, text.rstrip(), tuple(marks))

    def _note_empty(self, line: str, number: int) -> None:
        if not line.strip():
            where = Location(self._source.file, number, 1)
            hint = "remove the line, or the backslash before it"
            self._findings.add(where, "empty-continuation", "empty line in a continued instruction", hint)

    def _with_heredocs(self, line: LogicalLine) -> LogicalLine:
        keyword = line.text.partition(" ")[0].upper()
        if keyword not in HEREDOC_TAKERS:
            return line
        heredocs = tuple(
            self._heredoc(match, line.at(offset))
            for offset, word in shell_words(line.text)
            if (match := _HEREDOC.fullmatch(word))
        )
        return LogicalLine(line.file, line.text, line.marks, heredocs)

    def _heredoc(self, match: re.Match[str], where: Location) -> Heredoc:
        name = match["name"]
        start = self._next
        while self._next < len(self._source.lines):
            raw = self._source.lines[self._next]
            self._next += 1
            if (raw.lstrip("\t") if match["dash"] else raw) == name:
                lines = self._source.lines[start : self._next - 1]
                return _heredoc(match, where, lines, raw)
        hint = f"put {name} alone on the line after the last one"
        self._findings.add(where, "unclosed-heredoc", f"no line {name} ends this heredoc", hint)
        return _heredoc(match, where, self._source.lines[start:], name)


def _heredoc(match: re.Match[str], where: Location, lines: tuple[str, ...], end: str) -> Heredoc:
    kept = tuple(line.lstrip("\t") for line in lines) if match["dash"] else lines
    return Heredoc(
        name=match["name"],
        body="".join(f"{line}\n" for line in kept),
        quoted=bool(match["quote"]),
        location=where,
        tail="".join(f"{line}\n" for line in (*lines, end)),
    )


def _is_blank(line: str) -> bool:
    """Empty, or a comment: both are skipped, inside a continued instruction too."""
    bare = line.lstrip()
    return not bare or bare.startswith("#")


def shell_words(text: str) -> Iterator[tuple[int, str]]:
    """(offset, word) for each blank-separated word; quotes and escapes count, and stay in the word."""
    start = -1
    quote = ""
    escaped = False
    for offset, char in enumerate(text):
        if start < 0 and not char.isspace():
            start = offset
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char.isspace() and start >= 0:
            yield start, text[start:offset]
            start = -1
    if start >= 0:
        yield start, text[start:]
