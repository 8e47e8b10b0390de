"""Every text of a document that names an image, or looks like it. Pure.

Sure is what a key, a variable or a flag calls an image, and what stands in pieces that leave no doubt: the
bundle must have these. What only looks like an image is a candidate, to be pointed out.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bundler.builder.discovery.embedded import lines, parsed, worth_reading
from bundler.builder.discovery.names import (
    called_image,
    called_within,
    full_within,
    is_bare_short,
    is_full,
    is_image,
    is_simple,
    is_untagged,
    looks_like_image,
    may_be_image,
    names_listed,
    short_within,
)
from bundler.builder.discovery.pieces import Above, is_piece, pieces_in
from bundler.builder.discovery.podspec import Path, containers_in, images_in
from bundler.builder.discovery.rules import arguments, environment

_SCHEMAS = frozenset({"CustomResourceDefinition", "APIService"})
_DEPTH = 3  # texts in texts


@dataclass(frozen=True, slots=True)
class Mention:
    """A text that names an image; offset: where it begins in the text at `path`, in characters."""

    path: Path
    text: str
    sure: bool
    offset: int = 0


def mentions_in(data: object) -> Iterator[Mention]:
    """What names images in a document, besides pod specs; not what schemas describe, and no status."""
    for where, container in containers_in(data):
        yield from _container(where, container)
    yield from _walk(data, (), "", Above(), 0)


def _container(where: Path, container: Mapping[str, Any]) -> Iterator[Mention]:
    variables = {name: (at, text) for at, name, text in environment(container)}
    flags = {flag: (at, text) for at, flag, text in arguments(container)}
    for named in (variables, flags):
        pieces = {piece.key: piece for piece in pieces_in({name: text for name, (_, text) in named.items()})}
        for name, (at, text) in named.items():
            if name in pieces:
                yield Mention((*where, *at), pieces[name].name, pieces[name].sure)
            else:
                yield from _value((*where, *at), name, text, 0)
    for key in ("command", "args"):
        listed = container.get(key)
        for number, text in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(text, str):
                yield from _script((*where, key, number), text)


def _walk(data: object, path: Path, key: str, above: Above, depth: int) -> Iterator[Mention]:
    match data:
        case {"kind": str(kind)} if kind in _SCHEMAS:
            yield from _defaults(data, path)
        case {"kind": "Secret", "data": dict(secrets), **others}:
            for name, text in secrets.items():
                yield from _value((*path, "data", name), str(name), _decoded(text), depth)
            yield from _mapping(others, path, key, above, depth)
        case {"kind": "ConfigMap", "metadata": {"name": str(name)}, "data": dict(texts), **others} if (
            called_image(name)
        ):
            for at, text in texts.items():
                yield from _value((*path, "data", at), "images", str(text), depth)
            yield from _mapping(others, path, key, above, depth)
        case dict():
            yield from _mapping(data, path, key, above, depth)
        case list():
            for number, item in enumerate(data):
                yield from _walk(item, (*path, number), key, above, depth)
        case str():
            yield from _value(path, key, data, depth)


def _mapping(data: dict[Any, Any], path: Path, key: str, above: Above, depth: int) -> Iterator[Mention]:
    texts = {str(name): str(text) for name, text in data.items() if _is_text(text)}
    pieces = {piece.key: piece for piece in pieces_in(texts, key, above)}
    for piece in pieces.values():
        yield Mention((*path, piece.key), piece.name, piece.sure)
    above = _shared(data, above).with_those_of(texts)
    images = key in {"image", "images"}
    for name, value in data.items():
        if name == "status" or name in pieces or (is_simple(value) and _one_of_several(str(name), texts)):
            continue
        if name == "metadata" and isinstance(value, dict):
            yield from _walk(
                value.get("annotations"), (*path, name, "annotations"), "annotations", above, depth
            )
            continue
        word = "image" if images and isinstance(value, str) and not is_piece(str(name)) else str(name)
        yield from _walk(value, (*path, name), word, above, depth)


def _one_of_several(key: str, texts: Mapping[str, str]) -> bool:
    """Whether a key names one piece of a name beside others: `image: driver` under a `repository`."""
    return is_piece(key) and any(other != key and is_piece(other) for other in texts)


def _shared(data: dict[Any, Any], above: Above) -> Above:
    """What charts call global holds beside it as well as below."""
    common = data.get("global")
    if not isinstance(common, dict):
        return above
    return above.with_those_of({str(name): str(text) for name, text in common.items() if _is_text(text)})


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _value(path: Path, key: str, text: str, depth: int) -> Iterator[Mention]:
    """A text under a key."""
    plain = text.strip().removeprefix("docker://")
    if is_image(key, plain):
        yield Mention(path, plain, sure=True)
    elif names := names_listed(key, plain):
        yield from (_at(path, name, text, sure=True) for name in names)
    elif looks_like_image(plain) or is_untagged(key, plain) or (not depth and may_be_image(key, plain)):
        yield Mention(path, plain, sure=False)
    elif len(plain) > 5:
        yield from _long(path, key, text, depth)


def _long(path: Path, key: str, text: str, depth: int) -> Iterator[Mention]:
    """A text that holds more than a name: configuration, a script, a list of names."""
    read = False
    if depth < _DEPTH and worth_reading(text):
        for data in parsed(text):
            read = True
            yield from _inside(data, path, text, depth)
    yield from _script(path, text, called=called_image(key), configuration=read)


def _inside(data: object, path: Path, text: str, depth: int) -> Iterator[Mention]:
    """What a configuration names, all of it at the place of its text."""
    for _, image in images_in(data):
        if isinstance(image, str) and (is_image("image", image.strip())):
            yield _at(path, image.strip(), text, sure=True)
    for where, container in containers_in(data):
        yield from (_at(path, one.text, text, sure=one.sure) for one in _container(where, container))
    for one in _walk(data, (), "", Above(), depth + 1):
        yield _at(path, one.text, text, sure=one.sure and not is_bare_short(one.text))


def _at(path: Path, name: str, text: str, *, sure: bool) -> Mention:
    """At the name in the text; where it stands in pieces, at the largest of them that is there."""
    base = re.split(r":(?!.*/)|@", name, maxsplit=1)[0]
    places = (text.find(part) for part in (name, base, base.rpartition("/")[2]))
    return Mention(path, name, sure, next((place for place in places if place >= 0), 0))


def _script(path: Path, text: str, *, called: bool = False, configuration: bool = False) -> Iterator[Mention]:
    """Names within a text. configuration: it was read, so that its keys have been seen already."""
    sure: set[str] = set()
    if not configuration:
        for offset, name in called_within(text):
            sure.add(name)
            yield Mention(path, name, sure=called or not is_bare_short(name), offset=offset)
        if worth_reading(text):
            yield from (_at(path, one.name, text, sure=False) for one in pieces_in(lines(text)))
    for offset, name in full_within(text):
        if name not in sure:
            sure.add(name)
            yield Mention(path, name, sure=called, offset=offset)
    for offset, name in short_within(text):
        if name not in sure:
            yield Mention(path, name, sure=False, offset=offset)


def _defaults(data: object, path: Path) -> Iterator[Mention]:
    """What a schema fills in by itself."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "default" and isinstance(value, str) and is_full(value):
                yield Mention((*path, key), value, sure=False)
            elif isinstance(value, dict | list):
                yield from _defaults(value, (*path, key))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _defaults(item, (*path, number))


def _decoded(text: object) -> str:
    """What a Secret holds, "" where that is no text."""
    try:
        return base64.b64decode(str(text), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
