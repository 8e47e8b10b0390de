"""YAML read safely, with the place of every value.

The text is YAML 1.1 as PyYAML's safe loader understands it, with these differences: timestamps and `=` stay
text, duplicate keys are an error, and so are anything that is not plain data (sets, binary, custom tags) and
input that grows beyond `Limits` once its aliases are followed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn

import yaml

from bundler.core.errors import Location, Problem, Problems
from bundler.core.yamlwords import explain

type_names: Mapping[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
}

DUPLICATE = "yaml-duplicate-key"  # the rule

_TAG = "tag:yaml.org,2002:"
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser is about ten times faster
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what YAML 1.1 takes for the end of a line
_WORD = 200  # characters of a misspelt word that are looked at
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """How much one input may hold: bytes of text, levels of nesting, values with every alias followed."""

    size: int = 32 << 20
    depth: int = 100
    values: int = 1_000_000


DEFAULT = YamlLimits()


@dataclass(frozen=True, slots=True)
class _Node:
    """A value with its place, from 1. `weight`: how many values are in it; `height`: how many levels."""

    value: Any
    line: int
    column: int
    weight: int = 1
    height: int = 0
    fields: Mapping[Any, "_Field"] | None = None
    items: tuple["_Node", ...] = ()


@dataclass(frozen=True, slots=True)
class _Field:
    line: int
    column: int
    node: _Node


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a YAML stream.

    data: dict, list, str, int, float, bool or None, nested. To be read only: what an alias names is shared.
    """

    file: str
    data: Any
    _root: _Node
    _lines: tuple[str, ...]
    _first: int = 1

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """The place of the value at `path`, or of its nearest known parent.

        Under a key, a scalar's place is its own and a mapping's or list's is its key's. key: the last key's
        place, whatever it holds.
        """
        node = self._root
        line, column = node.line, node.column
        for step in path:
            field = (node.fields or {}).get(step)
            if field is not None:
                scalar = field.node.fields is None and not isinstance(field.node.value, list)
                place = field.node if scalar and not key else field
                node, line, column = field.node, place.line, place.column
            elif isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line, column = node.line, node.column
            else:
                break
        return Location(self.file, line, column)

    def below(self, key: str) -> "Document":
        """The value of a key of the whole as a document of its own, with its places in the file."""
        field = (self._root.fields or {}).get(key)
        if field is None:
            return self
        return Document(self.file, field.node.value, field.node, self._lines, self._first)

    def lines(self, line: int) -> str:
        """The text of a line, counted from 1, "" outside the file."""
        index = line - self._first
        return self._lines[index] if 0 <= index < len(self._lines) else ""

    def problem(
        self, path: Sequence[str | int], rule: str, message: str, *, hint: str = "", key: bool = False
    ) -> Problem:
        """A fault at `path`, with its line."""
        where = self.locate(path, key=key)
        return Problem(where, rule, message, hint, self.lines(where.line))


def load_all(
    text: str | bytes,
    file: str,
    *,
    limits: YamlLimits = DEFAULT,
    first: int = 1,
    doubled: Callable[[Problem], None] | None = None,
) -> tuple[Document, ...]:
    """All documents of a stream, empty ones with `data` None. Raises Problems with all the faults.

    first: the number of the text's first line in the file. doubled: takes the faults of keys that stand
    twice, whose last value then counts, as it does for Kubernetes' own tools.
    """
    if len(text) > limits.size:
        raise Problems((Problem(Location(file), "yaml-size", f"more than {limits.size} bytes of YAML"),))
    content = _decode(text, file, first)
    lines = tuple(_BREAK.split(content))
    composer = _Composer(content, _Place(file, lines, first), limits, doubled)
    try:
        roots = tuple(composer.documents())
    except yaml.YAMLError as error:
        raise Problems((*composer.problems, _syntax(error, composer.place))) from None
    except _StopError:
        raise Problems(tuple(composer.problems)) from None
    if composer.problems:
        raise Problems(tuple(composer.problems))
    return tuple(Document(file, root.value, root, lines, first) for root in roots)


def suggest(word: object, known: Sequence[str]) -> str:
    """A hint for a misspelt word: `did you mean "ports"?`, or what is known, or "" when nothing is."""
    return _suggest(str(word)[:_WORD], tuple(known))


@lru_cache(maxsize=1024)
def _suggest(word: str, known: tuple[str, ...]) -> str:
    """Looked for once: a slip of the pen may be on every host."""
    if close := get_close_matches(word, known, n=1, cutoff=0.6):
        return f'did you mean "{close[0]}"?'
    return f"known here: {', '.join(known)}" if known else ""


def kind_of(value: object) -> str:
    """What a loaded value is, in a person's words: `a list`."""
    return type_names.get(type(value), type(value).__name__)


def _decode(data: str | bytes, file: str, first: int) -> str:
    text = _utf8(data, file, first) if isinstance(data, bytes) else data
    lone = _SURROGATE.search(text)
    if lone:
        where = Location(file, text.count("\n", 0, lone.start()) + first)
        raise Problems((Problem(where, "yaml-encoding", "half a surrogate pair in the text"),))
    return text.removeprefix("\ufeff")


def _utf8(data: bytes, file: str, first: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = Location(file, data.count(b"\n", 0, error.start) + first)
        message = f"not UTF-8: byte 0x{data[error.start]:02x}"
        raise Problems((Problem(where, "yaml-encoding", message, "save the file as UTF-8"),)) from None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text stands: its file, its lines, and the number of the first of them."""

    file: str
    lines: tuple[str, ...]
    first: int

    def of(self, event: yaml.Event) -> tuple[int, int]:
        """Line and column, from 1."""
        mark: Any = event.start_mark  # the parser always sets it
        return mark.line + self.first, mark.column + 1

    def problem(self, event: yaml.Event, rule: str, message: str) -> Problem:
        """A fault where an event stands, with its line."""
        line, column = self.of(event)
        index = line - self.first
        text = self.lines[index] if index < len(self.lines) else ""
        return Problem(Location(self.file, line, column), rule, message, "", text)


def _syntax(error: yaml.YAMLError, at: _Place) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = [getattr(error, name, None) for name in ("context", "problem")]
    message = " ".join(str(part) for part in said if part) or str(error).partition("\n")[0]
    if mark is None:
        return Problem(Location(at.file), "yaml-syntax", f"not YAML: {message}")
    text = at.lines[mark.line] if mark.line < len(at.lines) else ""
    place = Location(at.file, mark.line + at.first, mark.column + 1)
    told, hint = explain(message, at.lines, mark.line, mark.column)
    return Problem(place, "yaml-syntax", told, hint, text)


class _StopError(Exception):
    """The last problem found makes reading on useless."""


class _Composer:
    """Builds values from the parser's events. PyYAML's own neither bounds depth nor sees duplicates."""

    def __init__(
        self, text: str, place: _Place, limits: YamlLimits, doubled: Callable[[Problem], None] | None
    ) -> None:
        self.problems: list[Problem] = []
        self.place = place
        self._doubled = doubled or self.problems.append
        self._last_counts = doubled is not None
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_PARSER)
        self._limits = limits
        self._anchors: dict[str, _Node] = {}
        self._resolver: Any = yaml.resolver.Resolver()
        self._scalars = yaml.constructor.SafeConstructor()

    def documents(self) -> Iterator[_Node]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events), 0)

    def _node(self, event: yaml.Event, depth: int) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
        elif depth > self._limits.depth:
            self._stop(event, "yaml-depth", f"nested more than {self._limits.depth} levels deep")
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._scalar(event)
        if depth + node.height > self._limits.depth:
            self._stop(event, "yaml-depth", f"nested more than {self._limits.depth} levels deep")
        self._bound(event, node.weight)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            message = f"alias *{event.anchor} names nothing that is complete above it"
            self._stop(event, "yaml-alias", message)
        line, column = self.place.of(event)
        return replace(node, line=line, column=column)

    def _sequence(self, event: yaml.SequenceStartEvent, depth: int) -> _Node:
        self._plain(event, "seq")
        items = []
        weight = 1
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
            weight += items[-1].weight
            self._bound(inner, weight)
        line, column = self.place.of(event)
        height = 1 + max((item.height for item in items), default=0)
        return _Node([item.value for item in items], line, column, weight, height, None, tuple(items))

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> _Node:
        self._plain(event, "map")
        fields: dict[str, _Field] = {}
        merged: dict[str, _Field] = {}
        weight = 1
        height = 0
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            line, column = self.place.of(inner)
            merge = isinstance(inner, yaml.ScalarEvent) and self._tag(inner) == _TAG + "merge"
            key = "" if merge else self._key(inner, depth)
            value = next(self._events)
            node = self._node(value, depth + 1)
            weight += 1 + node.weight
            height = max(height, node.height)
            self._bound(value, weight)
            if merge:
                merged = {**self._merge(node, value), **merged}
                continue
            if key in fields:
                told = f"{key!r} stands here a second time; first in line {fields[key].line}"
                self._doubled(self.place.problem(inner, DUPLICATE, told))
            if key not in fields or self._last_counts:
                fields[key] = _Field(line, column, node)
        fields = {**{key: field for key, field in merged.items() if key not in fields}, **fields}
        line, column = self.place.of(event)
        value_of = {key: field.node.value for key, field in fields.items()}
        return _Node(value_of, line, column, weight, height + 1, fields)

    def _key(self, event: yaml.Event, depth: int) -> str:
        node = self._node(event, depth + 1)
        if node.fields is not None or isinstance(node.value, list):
            self._stop(event, "yaml-key", "a key must be a plain value, not a mapping or a list")
        # As it is written: JSON's keys are texts, so `yes` is not `1`, but `1` is `"1"`.
        return event.value if isinstance(event, yaml.ScalarEvent) else str(node.value)

    def _merge(self, node: _Node, event: yaml.Event) -> dict[str, _Field]:
        """What `<<:` brings in: of several mappings the earlier one wins (yaml.org/type/merge.html)."""
        found: dict[str, _Field] = {}
        for source in node.items or (node,):
            if source.fields is None:
                self._stop(event, "yaml-merge", f"`<<` takes mappings, not {kind_of(source.value)}")
            found = {**source.fields, **found}
        return found

    def _scalar(self, event: Any) -> _Node:
        line, column = self.place.of(event)
        tag = self._tag(event).removeprefix(_TAG)
        value: Any = event.value
        if tag in {"bool", "int", "float", "null"}:
            value = self._convert(event, tag)
        elif tag not in {"str", "timestamp", "value", "merge"}:
            self._report(event, "yaml-tag", f"the tag {event.tag} is not plain data")
        return _Node(value, line, column)

    def _convert(self, event: Any, tag: str) -> Any:
        convert = getattr(self._scalars, f"construct_yaml_{tag}")
        try:
            return convert(yaml.ScalarNode(_TAG + tag, event.value))
        except (ValueError, KeyError, IndexError, yaml.YAMLError):
            self._report(event, "yaml-value", f"{event.value[:40]!r} is not a value of type {tag}")
            return None

    def _tag(self, event: Any) -> str:
        if event.tag == "!":  # "not to be resolved"
            return _TAG + "str"
        if event.tag is not None:
            return str(event.tag)
        return str(self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit))

    def _plain(self, event: Any, name: str) -> None:
        if event.tag not in {None, "!", _TAG + name}:
            self._report(event, "yaml-tag", f"the tag {event.tag} is not plain data")

    def _bound(self, event: yaml.Event, weight: int) -> None:
        if weight > self._limits.values:
            message = f"more than {self._limits.values} values once aliases are followed"
            self._stop(event, "yaml-size", message)

    def _report(self, event: yaml.Event, rule: str, message: str) -> None:
        self.problems.append(self.place.problem(event, rule, message))

    def _stop(self, event: yaml.Event, rule: str, message: str) -> NoReturn:
        self._report(event, rule, message)
        raise _StopError
