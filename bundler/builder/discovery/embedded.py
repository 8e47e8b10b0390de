"""Configuration that is a text in an object: YAML, JSON, TOML, or lines of keys and values. Pure."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress

from bundler.core.errors import Problem, Problems
from bundler.core.yamldoc import YamlLimits, load_all

_LIMITS = YamlLimits(size=4 << 20, values=200_000)
# A text is only read where it may tell of an image at all.
_WORTH = re.compile(
    r"image[\w.-]*[\"']?\s*[:=]|(?:repository|repo|repo_url|hub|registry)[\"']?\s*[:=]", re.IGNORECASE
)
_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+)?[\"']?([A-Za-z_][\w./-]*)[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"',#]+)",
    re.MULTILINE,
)


def worth_reading(text: str) -> bool:
    """Whether a text is long enough to hold configuration, and speaks of images."""
    return any(mark in text for mark in "\n{[:=") and _WORTH.search(text) is not None


def parsed(text: str) -> Iterator[object]:
    """The mappings and lists that a text holds; nothing where it is in none of these forms."""
    found = list(_yaml(text))
    if found:
        yield from found
        return
    with suppress(tomllib.TOMLDecodeError, RecursionError):
        if "=" in text:
            yield tomllib.loads(text)


def lines(text: str) -> dict[str, str]:
    """What stands in lines as `key: value` or `key=value`; the first of a key counts."""
    found: dict[str, str] = {}
    for match in _LINE.finditer(text):
        found.setdefault(match[1], match[2])
    return found


def _yaml(text: str) -> Iterator[object]:
    doubled: list[Problem] = []
    with suppress(Problems):
        for document in load_all(text, "", limits=_LIMITS, doubled=doubled.append):
            if isinstance(document.data, dict | list):
                yield document.data
