"""One text, one document: what it names goes to the finds, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.builder.discovery.candidates import Mention, mentions_in
from bundler.builder.discovery.documents import Loaded, Unread, load_file, load_rendered
from bundler.builder.discovery.finds import At, Finds, as_it_stands
from bundler.builder.discovery.names import called_within, full_within
from bundler.builder.discovery.notes import notes_on
from bundler.builder.discovery.podspec import Path, dotted, images_in, subject
from bundler.core.errors import Location, Problem
from bundler.core.yamldoc import Document

_BLOCK = re.compile(r"[|>][+-]?[0-9]?[+-]?[ \t]*(?:#.*)?$")  # a text that begins in the next line
# What Helm and kubectl find no fault with.
_TAKEN = frozenset({"yaml-tag", "yaml-value", "yaml-key", "yaml-merge"})
_TEST_HOOKS = frozenset({"test", "test-success", "test-failure"})


def search_rendered(text: str, file: str, app: str, finds: Finds) -> None:
    """What Helm rendered of a template; `file`: the template's path in the tree."""
    _search(load_rendered(text, file), file, app, finds, fatal=True)


def search_file(text: str | bytes, file: str, app: str, finds: Finds) -> None:
    """A file as kubectl reads it; one that is a template of somebody's is only warned about."""
    templated = "{{" in str(text) or "${" in str(text)
    _search(load_file(text, file), file, app, finds, fatal=not templated)


def search_inline(text: str, file: str, app: str, finds: Finds) -> None:
    """A here document of a script, which may be a manifest or anything else."""
    if "kind:" in text and "apiVersion:" in text:
        _search(load_file(text, file), file, app, finds, fatal=False)


def _search(loaded: Loaded, file: str, app: str, finds: Finds, *, fatal: bool) -> None:
    for problem in loaded.problems:
        finds.miss(file, app, [problem], fatal=fatal and problem.rule not in _TAKEN)
    for part in loaded.unread:
        _search_unread(part, file, app, finds)
    finds.miss(file, app, loaded.doubled, fatal=False)
    for document in loaded.documents:
        _search_document(_Seen(document, file, app), finds)


def _search_unread(part: Unread, file: str, app: str, finds: Finds) -> None:
    """What Kubernetes reads and we don't, as tags of YAML's own: names in it are candidates."""
    lines = part.text.splitlines()
    for offset, name in (*full_within(part.text), *called_within(part.text)):
        line = part.text.count("\n", 0, offset)
        place = Location(part.file, part.first + line, lines[line].find(name) + 1)
        finds.candidate(name, At(file, app, "text", place, lines[line]))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A document that is looked through."""

    document: Document
    file: str
    app: str

    def at(self, path: Path, text: str = "", offset: int = 0) -> At:
        """The place of a value; of what stands in its text, where that is known."""
        document = self.document
        where = document.locate(path)
        if text:
            where = _within(document, where, text, offset)
        told = f"{subject(document.data)} {dotted(path)}"
        return At(self.file, self.app, told, where, document.lines(where.line))


def _within(document: Document, where: Location, text: str, offset: int) -> Location:
    """The line of a text's part, for texts that are written line by line."""
    begun = where.line + (_BLOCK.search(document.lines(where.line)) is not None)
    line = begun + text.count("\n", 0, offset)
    part = text[offset : text.find("\n", offset) if "\n" in text[offset:] else None][:60]
    column = document.lines(line).find(part) if part else -1
    return Location(where.file, line, column + 1) if column >= 0 else where


def _search_document(seen: _Seen, finds: Finds) -> None:
    data = seen.document.data
    test = _is_test(data)
    taken: set[Path] = set()
    for path, image in images_in(data):
        taken.add(path)
        at = seen.at(path)
        if isinstance(image, str) and image.strip():
            finds.name(image, at, test=test)
        elif not test:
            _no_name(image, at, finds)
    if test:
        for one in _once(mentions_in(data)):
            finds.name(one.text, seen.at(one.path), fatal=False, test=True)
        return
    ruled = [(path, text) for path, text in finds.rules.found_in(data) if path not in taken]
    for path, text in ruled:
        finds.name(text, seen.at(path), fatal=False)
    taken |= {path for path, _ in ruled}
    for one in _once(mentions_in(data)):
        if one.path not in taken:
            _take(one, seen, finds)
    for path, rule, message, hint in notes_on(data, finds.rules, named=bool(taken)):
        at = seen.at(path)
        finds.miss(at.file, at.app, [Problem(at.location, rule, message, hint, at.line)], fatal=False)


def _no_name(image: object, at: At, finds: Finds) -> None:
    """An image that is left out: Kubernetes takes that, and a chart's values or a controller put it in."""
    empty = (image is None or isinstance(image, str)) and not as_it_stands(at)
    message = (
        "the container names no image: something fills it in on site" if empty else "the image is no text"
    )
    hint = "name what it will be with IMAGE, or give the value that sets it" if empty else "write NAME:TAG"
    rule = "image-placeholder" if empty else "image-name"
    finds.miss(
        at.file, at.app, [Problem(at.location, rule, message, hint, at.line)], path=at.path, fatal=not empty
    )


def _take(one: Mention, seen: _Seen, finds: Finds) -> None:
    at = seen.at(one.path, _text_at(seen.document.data, one.path), one.offset)
    if one.sure:
        finds.name(one.text, at, fatal=False)
    else:
        finds.candidate(one.text, at)


def _once(mentions: Iterator[Mention]) -> Iterator[Mention]:
    """Each name of a place once, and sure if it is so in any way."""
    found: dict[tuple[Path, str], Mention] = {}
    for one in mentions:
        known = found.get((one.path, one.text))
        if known is None or (one.sure and not known.sure):
            found[one.path, one.text] = one
    yield from found.values()


def _text_at(data: object, path: Path) -> str:
    for step in path:
        match data, step:
            case dict(), _ if step in data:
                data = data[step]
            case list(), int() if step < len(data):
                data = data[step]
            case _:
                return ""
    return data if isinstance(data, str) else ""


def _is_test(data: object) -> bool:
    """Whether only `helm test` would make this object."""
    match data:
        case {"metadata": {"annotations": {"helm.sh/hook": str(hooks)}}}:
            return {hook.strip() for hook in hooks.split(",")} <= _TEST_HOOKS
        case _:
            return False
