"""Where operators keep images that are in no pod spec: read from a rule file, applied to objects.

`templates/image-rules.yaml` knows common operators; `image-rules.yaml` in the build context adds to it. Both
have the same form, which docs/images.md tells.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Any, Self

from bundler.builder.discovery.podspec import Path, containers_in, objects_in
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.core.reference import Reference
from bundler.core.yamldoc import Document, load_all

FILE = "image-rules.yaml"
_KEYS = frozenset({"resources", "env", "arguments", "ignore", "notes"})
_STEP = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\[\])?")
_PLACE = re.compile(r"\{([^{}]+)\}")
_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """Objects, and where their images are.

    kind and api_version may hold `*`. images: paths (`spec.tasks[].image`) or texts with paths in braces
    (`quay.io/acme/db:{spec.version}`); of several in one entry, the first that is there.
    """

    kind: str
    api_version: str
    images: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class NoteRule:
    """Objects that bring images which are named nowhere, and what is said of them."""

    kind: str
    api_version: str
    note: str


@dataclass(frozen=True, slots=True)
class ImageRules:
    """All rules. env and arguments: names, with `*`; ignore: patterns of images that are not wanted."""

    resources: tuple[ResourceRule, ...] = ()
    env: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    notes: tuple[NoteRule, ...] = ()

    def __add__(self, other: "ImageRules") -> "ImageRules":
        return ImageRules(
            (*self.resources, *other.resources),
            (*self.env, *other.env),
            (*self.arguments, *other.arguments),
            (*self.ignore, *other.ignore),
            (*self.notes, *other.notes),
        )

    @classmethod
    def read(cls, path: FilePath) -> Self:
        """Read a rule file. Raises BundlerError (NOT_FOUND) and Problems with all its faults."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise BundlerError(
                "can't read the image rules", where=path, why=str(error), code=ExitCode.NOT_FOUND
            ) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str | bytes, file: str) -> Self:
        """Read rules; `file` is for messages. Raises Problems, all faults at once."""
        documents = load_all(text, file)
        if not documents or documents[0].data is None:
            return cls()
        reader = _Reader(documents[0])
        data = documents[0].data if isinstance(documents[0].data, dict) else {}
        if len(documents) > 1 or data is not documents[0].data or not data.keys() <= _KEYS:
            reader.fault((), f"it has the keys {', '.join(sorted(_KEYS))}, and one document")
        made = cls(
            tuple(reader.resource(number, one) for number, one in enumerate(reader.items(data, "resources"))),
            reader.names(data, "env"),
            reader.names(data, "arguments"),
            reader.names(data, "ignore"),
            tuple(reader.note(number, one) for number, one in enumerate(reader.items(data, "notes"))),
        )
        if reader.problems:
            raise Problems(tuple(reader.problems))
        return made

    def ignores(self, reference: Reference) -> bool:
        """Whether a pattern names this image, in full or as Docker shortens it."""
        full = str(reference)
        short = full.removeprefix("docker.io/")
        names = (full, short, short.removeprefix("library/"))
        return any(fnmatchcase(name, pattern) for pattern in self.ignore for name in names)

    def found_in(self, data: object) -> Iterator[tuple[Path, str]]:
        """What the rules find in plain data: texts that name images, each with its path."""
        for where, value in objects_in(data):
            for rule in self.resources:
                if fnmatchcase(value["kind"], rule.kind) and fnmatchcase(
                    value["apiVersion"], rule.api_version
                ):
                    for path, text in _by(rule, value):
                        yield (*where, *path), text
        for where, container in containers_in(data):
            yield from self._env(where, container)
            yield from self._arguments(where, container)

    def _env(self, where: Path, container: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        for at, name, text in environment(container):
            if any(fnmatchcase(name, pattern) for pattern in self.env):
                for part in filter(None, _BETWEEN.split(text)):
                    yield (*where, *at), part.rpartition("=")[2]

    def _arguments(self, where: Path, container: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        for at, flag, text in arguments(container):
            if any(fnmatchcase(flag, pattern) for pattern in self.arguments):
                yield (*where, *at), text


def environment(container: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Path, name and value of the variables that are written out."""
    listed = container.get("env")
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        match one:
            case {"name": str(name), "value": str(value)}:
                yield ("env", number, "value"), name, value


def arguments(container: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Path, flag and value of `--flag=value`, and of `--flag` with its value as the next argument.

    `$(NAME)` is what the container's variables say, as the kubelet has it.
    """
    variables = {name: text for _, name, text in environment(container)}
    for path, flag, text in _arguments(container):
        yield path, flag, _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def _arguments(container: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    for key in ("command", "args"):
        listed = container.get(key)
        before = ""
        for number, one in enumerate(listed if isinstance(listed, list) else ()):
            text = one if isinstance(one, str) else ""
            flag, equals, value = text.partition("=")
            if text.startswith("-") and equals:
                yield (key, number), flag.lstrip("-"), value
            elif before and not text.startswith("-"):
                yield (key, number), before, text
            before = text.lstrip("-") if text.startswith("-") and not equals else ""


def _by(rule: ResourceRule, value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for choices in rule.images:
        for choice in choices:
            found = [(path, text) for path, text in _texts(choice, value) if text]
            if found:
                yield from found
                break


def _texts(choice: str, value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    places = _PLACE.findall(choice)
    if not places:
        yield from ((path, text) for path, text in _select(value, choice.split(".")) if isinstance(text, str))
        return
    filled = {place: next(_select(value, place.split(".")), None) for place in places}
    if all(one is not None and isinstance(one[1], str | int | float) for one in filled.values()):
        path = next(one[0] for one in filled.values() if one is not None)
        yield path, _PLACE.sub(lambda place: str(one[1]) if (one := filled[place[1]]) else "", choice)


def _select(value: object, steps: list[str], path: Path = ()) -> Iterator[tuple[Path, object]]:
    """What lies at a path; `*` is every key of a mapping, `[]` every item of a list."""
    if not steps:
        yield path, value
        return
    name, many = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    if not isinstance(value, dict):
        return
    for key in value if name == "*" else (name,) if name in value else ():
        found = value[key]
        if not many:
            yield from _select(found, steps[1:], (*path, key))
            continue
        for number, item in enumerate(found if isinstance(found, list) else ()):
            yield from _select(item, steps[1:], (*path, key, number))


class _Reader:
    """Takes a rule file apart and notes what is wrong with it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def fault(self, path: Path, message: str) -> None:
        hint = "docs/images.md shows the form"
        self.problems.append(self._document.problem(path, "image-rules", message, hint=hint))

    def items(self, data: Mapping[str, Any], key: str) -> list[Any]:
        found = data.get(key) or []
        if isinstance(found, list):
            return found
        self.fault((key,), f"{key} is a list")
        return []

    def names(self, data: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = self.items(data, key)
        for number, one in enumerate(found):
            if not isinstance(one, str):
                self.fault((key, number), f"{key} holds texts")
        return tuple(str(one).lstrip("-") if key == "arguments" else str(one) for one in found)

    def resource(self, number: int, one: object) -> ResourceRule:
        match one:
            case {"kind": str(kind), "apiVersion": str(version), "images": [*images], **more} if not more:
                return ResourceRule(kind, version, tuple(self._choices(number, image) for image in images))
            case _:
                self.fault(("resources", number), "a rule has kind, apiVersion and a list of images")
                return ResourceRule("", "", ())

    def note(self, number: int, one: object) -> NoteRule:
        match one:
            case {"kind": str(kind), "apiVersion": str(version), "note": str(note), **more} if not more:
                return NoteRule(kind, version, note)
            case _:
                self.fault(("notes", number), "a note has kind, apiVersion and a text")
                return NoteRule("", "", "")

    def _choices(self, number: int, image: object) -> tuple[str, ...]:
        choices = image if isinstance(image, list) else [image]
        for one in choices:
            paths = _PLACE.findall(str(one)) or [str(one)]
            if not isinstance(one, str) or not all(map(_is_path, paths)):
                self.fault(("resources", number, "images"), f"not a path: {one!r}")
        return tuple(map(str, choices))


def _is_path(text: str) -> bool:
    return all(_STEP.fullmatch(step) for step in text.split("."))
