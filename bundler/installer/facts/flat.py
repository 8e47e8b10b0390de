"""Settings of a document by dotted name, in one form for what is wanted and what was found. Pure."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from bundler.core.yamlplain import documents

_OWN: Final = frozenset(
    {"apiVersion", "kind", "networking", "clusterName", "kubernetesVersion", "controlPlaneEndpoint"}
)


def flat(document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Settings by dotted name, arguments by their own; other lists as JSON."""
    for key, value in document.items():
        if key in _OWN:
            continue
        if key.endswith("xtraArgs") and isinstance(value, list):
            yield from ((f"{key}.{each['name']}", str(each["value"])) for each in value)
        elif isinstance(value, Mapping):
            yield from ((f"{key}.{below}", text) for below, text in flat(value))
        else:
            yield key, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


@lru_cache(maxsize=64)  # thousands of nodes have one configuration
def _read(text: str) -> tuple[tuple[str, str], ...]:
    document = next(iter(documents(text)), None)
    return tuple(flat(document)) if isinstance(document, dict) else ()


def flat_yaml(text: str) -> dict[str, str]:
    """The same of a text; nothing of one that is no YAML."""
    try:
        return dict(_read(text))
    except (TypeError, ValueError, KeyError):
        return {}
