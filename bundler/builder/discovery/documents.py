"""Texts cut into documents as those tools do it that read them on site. Pure.

kubectl ends a document of a file at a line `---`, behind which only a comment may stand. Helm ends one
of a rendered template at any `---` that begins a line, whatever stands behind it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.core.errors import Location, Problem, Problems
from bundler.core.yamldoc import Document, load_all

RENDERED = " (rendered)"  # behind the name of a template: the line is one of what Helm wrote
_HELM = re.compile(r"(?:^|\s*\n)---\s*")  # Helm's own expression
_KUBECTL = re.compile(r"^---(?P<rest>.*)$", re.MULTILINE)
_HINT = "the last one counts, for kubectl as for Helm; remove the other"


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a text that could not be read; first: the number of its first line."""

    text: str
    file: str
    first: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a text holds. doubled: keys that stand twice. problems: why parts of it can't be read."""

    documents: tuple[Document, ...] = ()
    doubled: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    unread: tuple[Unread, ...] = ()


def load_rendered(text: str, file: str) -> Loaded:
    """What Helm rendered of one template; `file`: the template. Each document is read for itself."""
    return _load(_rendered_parts(text), file + RENDERED)


def load_file(text: str | bytes, file: str) -> Loaded:
    """A file that kubectl applies."""
    try:
        plain = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        return _load(iter(((1, text),)), file)  # tells which byte it is
    if fault := _glued(plain, file):
        return Loaded(problems=(fault,))
    return _load(iter(((1, _KUBECTL.sub(_separator, plain)),)), file)


def _load(parts: Iterator[tuple[int, str | bytes]], file: str) -> Loaded:
    documents: list[Document] = []
    doubled: list[Problem] = []
    problems: list[Problem] = []
    unread: list[Unread] = []
    for first, part in parts:
        try:
            documents += load_all(part, file, first=first, doubled=doubled.append)
        except Problems as error:
            problems += error.problems
            text = part if isinstance(part, str) else part.decode(errors="replace")
            unread.append(Unread(text, file, first))
    told = (Problem(one.location, one.rule, one.message, _HINT, one.text) for one in doubled)
    return Loaded(tuple(documents), tuple(told), tuple(problems), tuple(unread))


def _rendered_parts(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each document."""
    line, start = 1, 0
    for mark in _HELM.finditer(text):
        yield line, text[start : mark.start()]
        line += text.count("\n", start, mark.end())
        start = mark.end()
    yield line, text[start:]


def _separator(found: re.Match[str]) -> str:
    """`---# text`, which YAML would take for text, as YAML has it; lines stay lines."""
    rest = found["rest"]
    return f"--- {rest}" if rest.startswith("#") else found[0]


def _glued(text: str, file: str) -> Problem | None:
    for found in _KUBECTL.finditer(text):
        rest = found["rest"].strip()
        if rest and not rest.startswith("#") and re.match(r"[A-Za-z\"'{]", rest):
            place = Location(file, text.count("\n", 0, found.start()) + 1, 1)
            message = "kubectl refuses what stands behind `---` in one line with it"
            return Problem(place, "yaml-separator", message, "begin a new line behind `---`", found[0][:200])
    return None
