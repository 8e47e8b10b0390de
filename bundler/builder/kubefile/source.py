"""A Kubefile's text, and the faults found in it with their place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum

from bundler.builder.kubefile.rules import RULES
from bundler.core.errors import Location, Problem, Problems

MAX_BYTES = 4 << 20  # heredocs included; more is never written by hand


class Severity(StrEnum):
    """An error stops the build, a warning is reported."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and how bad it is; the severity belongs to the rule."""

    problem: Problem
    severity: Severity


@dataclass(frozen=True, slots=True)
class KubefileText:
    """The lines of a file, without their ends; `file` is the name that messages show."""

    file: str
    lines: tuple[str, ...]

    def problem(self, where: Location, rule: str, message: str, hint: str = "") -> Problem:
        """A fault at a place of this file, with the line itself."""
        text = self.lines[where.line - 1] if 0 < where.line <= len(self.lines) else ""
        return Problem(where, rule, message, hint, text)

    def end(self) -> Location:
        """Where the last line starts; line 1 for an empty file."""
        return Location(self.file, max(1, len(self.lines)), 1)


@dataclass(slots=True)
class Findings:
    """Collects the faults of one file."""

    source: KubefileText
    found: list[Finding] = field(default_factory=list)

    def add(self, where: Location, rule: str, message: str, hint: str = "") -> None:
        """Note a fault; `rule` is one of `rules.RULES`, which says how bad it is."""
        severity = Severity.WARNING if RULES[rule].warning else Severity.ERROR
        self.found.append(Finding(self.source.problem(where, rule, message, hint), severity))


def read_source(text: str | bytes, file: str) -> KubefileText:
    """Split text into lines: UTF-8, a byte order mark and carriage returns dropped.

    Raises Problems (not-utf8, too-large).
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise _refused(
            file, "too-large", f"{len(data)} bytes are too many for a Kubefile", "put data into files"
        )
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _refused(
            file, "not-utf8", f"not UTF-8: {error.reason}", "save the file as UTF-8", line
        ) from error
    if "\0" in decoded:
        raise _refused(file, "not-utf8", "a NUL byte stands in the text", "save the file as UTF-8 text")
    lines = decoded.split("\n")
    if lines[-1] == "":
        lines.pop()
    return KubefileText(file, tuple(line.removesuffix("\r") for line in lines))


def _refused(file: str, rule: str, message: str, hint: str, line: int = 1) -> Problems:
    return Problems((Problem(Location(file, line, 1), rule, message, hint),))


def raise_errors(findings: Iterable[Finding]) -> None:
    """Raise Problems with the errors among the findings, if there are any."""
    errors = tuple(f.problem for f in findings if f.severity is Severity.ERROR)
    if errors:
        raise Problems(errors)


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """`did you mean X?` where a choice is close to the word, else the choices when they are few."""
    if close := get_close_matches(word, choices, n=1, cutoff=0.6):
        return f"did you mean {close[0]}?"
    return f"there is {', '.join(sorted(choices))}" if 0 < len(choices) <= 12 else ""
