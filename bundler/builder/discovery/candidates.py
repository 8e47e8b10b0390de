"""Texts that look like images where no rule says that they are: to be pointed out, not pulled. Pure."""

import re
from collections.abc import Iterator

from bundler.builder.discovery.podspec import Path, containers_in
from bundler.builder.discovery.rules import arguments, environment

_LONGEST = 400  # characters; a name has at most 255, a tag 128
_TAG_OR_DIGEST = r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
# A registry is a domain, or anything with a port: `registry:5000`, an address.
_REGISTRY = r"(?:(?:[a-z0-9-]+\.)+[a-z]{2,}|[a-z0-9-]+(?:\.[a-z0-9-]+)*:[0-9]{1,5})"
_FULL = re.compile(rf"{_REGISTRY}/[a-z0-9][a-z0-9._/-]*{_TAG_OR_DIGEST}")
_SHORT = re.compile(rf"[a-z0-9][a-z0-9._/-]*{_TAG_OR_DIGEST}")
_HOST_AND_PORT = re.compile(r"[^/]*\.[^/]*:[0-9]+")
_NOT_SPEC = frozenset({"metadata", "status"})
_SCHEMAS = frozenset({"CustomResourceDefinition", "APIService"})


def suspects_in(data: object) -> Iterator[tuple[Path, str]]:
    """Path and text of what looks like an image.

    A text with registry, path and tag or digest does; one without a registry only where its key, its variable
    or its flag speaks of an image. Schemas and metadata are left out.
    """
    if isinstance(data, dict) and data.get("kind") in _SCHEMAS:
        return
    for where, container in containers_in(data):
        for at, name, text in (*environment(container), *arguments(container)):
            if _looks(name, text):
                yield (*where, *at), text.strip()
    yield from _below(data, (), "")


def _below(data: object, path: Path, key: str) -> Iterator[tuple[Path, str]]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name not in _NOT_SPEC:
                yield from _below(value, (*path, name), str(name))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _below(item, (*path, number), key)
    elif isinstance(data, str) and _looks(key, data):
        yield path, data.strip()


def _looks(key: str, text: str) -> bool:
    text = text.strip()
    if len(text) > _LONGEST:
        return False
    if "image" in key.lower() and not _HOST_AND_PORT.fullmatch(text):
        return (_SHORT.fullmatch(text) or _FULL.fullmatch(text)) is not None
    return _FULL.fullmatch(text) is not None
