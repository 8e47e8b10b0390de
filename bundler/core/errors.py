"""Errors for people: what happened, where, why, and what to do now.

Everything that a user can cause is a `BundlerError` (one thing went wrong) or
`Problems` (a file has several faults, told all at once). Both are rendered in
one place, by the two command lines; nothing below them prints. An exception of
any other type is a bug in bundler and ends with `ExitCode.BUG`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from bundler.core.folding import folded
from bundler.core.terminal import plain

_LINE = 160  # characters shown of a line
_MESSAGE = 2000  # and of a message, which may hold a word of any length


class ExitCode(IntEnum):
    """The documented exit codes of `bundler` and of every .run (docs/exit-codes.md)."""

    OK = 0
    BUG = 1  # an unexpected error: a bug in bundler
    USAGE = 2  # a wrong option or command
    INPUT = 3  # a Kubefile, Clusterfile or other input file is wrong
    NOT_FOUND = 4  # something named does not exist: an image, a package, a file
    NETWORK = 5  # a server could not be reached or answered with an error
    INTEGRITY = 6  # bytes are not what their digest says
    TRUST = 7  # a signature, host key, certificate or login is missing or wrong
    SPACE = 8  # a disk is full or would be
    BUILD = 9  # a RUN instruction failed
    HOST = 10  # a host could not be reached, or refused the login
    PREFLIGHT = 11  # a host is not fit for the install
    STEP = 12  # a command failed on a host
    NOT_READY = 13  # something did not become ready in time
    UNSUPPORTED = 14  # valid, but not supported yet or not on this machine
    BUSY = 15  # another run is at work on a host
    REFUSED = 16  # it could do harm, or is not possible from here: nothing was changed
    PARTIAL = 17  # done, but for hosts that were excused
    FINDINGS = 18  # the site works, but something needs attention
    DOWN = 19  # the site does not serve
    INTERRUPTED = 130  # Ctrl-C, as a shell reports it


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file that a person wrote; `line` and `column` count from 1, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n)]
        return ":".join(parts)


class BundlerError(Exception):
    """One thing went wrong.

    what: one sentence, what happened.
    where: a `Location`, a host, a URL; anything whose text tells the place.
    why: the cause, as far as it is known; may hold a command's last output.
    fix: what the reader can do now.
    id: stable, such as `BND-QUORUM`; that of the exit code where it is not given. docs/errors.md explains it.
    """

    def __init__(
        self,
        what: str,
        *,
        code: ExitCode,
        where: object = None,
        why: str = "",
        fix: str = "",
        id: str = "",  # noqa: A002  (the field's word, and nothing here asks for an object's identity)
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.id = id or f"BND-{ExitCode(code).name.replace('_', '-')}"
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where is not None else self.what
        why = f"\n  why: {self.why}" if self.why else ""
        fix = f"\n  fix: {self.fix}" if self.fix else ""
        return plain(head + why + fix)

    def revised(
        self,
        *,
        what: str | None = None,
        where: object = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> Self:
        """A copy, of the same class, that says these parts differently; None leaves a part as it is.

        An error that was caught is never edited: another holder would read what is not meant for it.
        """
        made = type(self).__new__(type(self), *self.args)
        vars(made).update(vars(self))
        made.what = self.what if what is None else what
        made.where = self.where if where is None else where
        made.why = self.why if why is None else why
        made.fix = self.fix if fix is None else fix
        return made

    def logged_at(self, path: object) -> Self:
        """A copy whose fix names the log, too."""
        return self.revised(fix=f"{self.fix}; log: {path}" if self.fix else f"log: {path}")


def headed(error: BundlerError) -> str:
    """The error as both programs print it: `error[BND-SPACE] …`; where, why and fix have their own lines."""
    text = str(error)
    return text if text.startswith("error[") else f"error[{error.id}] {text}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault in a file that a person wrote.

    rule: a stable id such as `unknown-instruction`; `text`: the source line
    itself, shown with a caret under `location.column`.
    """

    location: Location
    rule: str
    message: str
    hint: str = ""
    text: str = ""

    def __str__(self) -> str:
        lines = [f"{self.location}: {_tame(self.message)} [{self.rule}]"]
        if self.text:
            text, before = _excerpt(self.text, max(self.location.column, 1) - 1)
            lines.append(f"    {text}")
            if self.location.column:
                # White space as wide as what stands before it; tabs stay tabs so that the caret lines up.
                lines.append("    " + "".join("\t" if char == "\t" else " " for char in before) + "^")
        if self.hint:
            lines.append(f"  fix: {_tame(self.hint)}")
        return "\n".join(lines)


def _excerpt(text: str, index: int) -> tuple[str, str]:
    """What is shown of a line, and what of it stands before `index`; a very long line is cut around it."""
    start = max(0, index - _LINE // 2) if len(text) > _LINE else 0
    head, tail = "…" * (start > 0), "…" * (len(text) > start + _LINE)
    return f"{head}{_tame(text[start : start + _LINE])}{tail}", head + text[start:index]


def _tame(text: str) -> str:
    """One character for another, so that columns stay: a terminal obeys none of them."""
    clipped = text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]}…"
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in clipped)


class Problems(BundlerError):  # noqa: N818  (it is a list of faults; "ProblemsError" would say less)
    """All the faults of an input, sorted by place, raised together."""

    def __init__(self, problems: tuple[Problem, ...], *, code: ExitCode = ExitCode.INPUT) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} found", code=code)

    def __str__(self) -> str:
        return "\n".join([*folded(self.problems), self.what])
