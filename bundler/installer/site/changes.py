"""Files of the bundle that a site changes (Config, an app's `files` and `values`), and `process`. Pure."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import yaml

from bundler.core import yamldoc
from bundler.core.errors import Location, Problems

PROCESSES: Final = ("value", "to-json", "to-base64", "to-secret")
_OLD_WORDS: Final = {"toJson": "to-json", "toBase64": "to-base64", "toSecret": "to-secret"}


class Strategy(StrEnum):
    """What becomes of the file that is there."""

    OVERWRITE = "overwrite"
    MERGE = "merge"
    RENDER = "render"  # the file is a template, the data its variables


@dataclass(frozen=True, slots=True)
class FileChange:
    """One change. path: below the bundle's root, or below the app's folder. data: may hold a password."""

    path: str
    strategy: Strategy
    data: str = field(repr=False)
    place: Location
    app: str = ""


def processes(text: str) -> tuple[str, ...]:
    """The steps of `value|to-json|to-base64`, Sealer's words as ours. Raises ValueError for another word."""
    words = tuple(_OLD_WORDS.get(word.strip(), word.strip()) for word in text.split("|")) if text else ()
    for word in words:
        if word not in PROCESSES:
            hint = yamldoc.suggest(word, PROCESSES)
            raise ValueError(f"{word[:40]!r} is no step of `process`{f': {hint}' if hint else ''}")
    if "value" in words[1:]:
        raise ValueError("`value` comes first: it says that each value is worked on by itself")
    if "to-secret" in words[:-1]:
        raise ValueError("`to-secret` comes last")
    return words


def processed(data: str, steps: tuple[str, ...], name: str) -> str:
    """What the steps make of data. name: of the Secret. Raises ValueError."""
    if not steps:
        return data
    if steps[0] == "value":
        return _each_value(data, steps[1:], name)
    whole: str = data
    for step in steps:
        match step:
            case "to-json":
                whole = _json(_read(whole))
            case "to-base64":
                whole = _base64(whole)
            case _:
                whole = _secret(_words(_mapping(whole)), name)
    return whole


def _each_value(data: str, steps: tuple[str, ...], name: str) -> str:
    values: dict[str, Any] = dict(_mapping(data))
    for step in steps:
        match step:
            case "to-json":
                values = {key: _json(value) for key, value in values.items()}
            case "to-base64":
                values = {key: _base64(value) for key, value in _words(values).items()}
            case _:
                return _secret(_words(values), name, encoded="to-base64" in steps)
    return _yaml(values)


def _secret(values: Mapping[str, str], name: str, *, encoded: bool = False) -> str:
    body = dict(values) if encoded else {key: _base64(value) for key, value in values.items()}
    return _yaml(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": body}
    )


def _read(text: str) -> Any:
    try:
        documents = yamldoc.load_all(text, "data")
    except Problems as error:
        raise ValueError(f"data is not YAML: {error.problems[0].message}") from None
    if len(documents) != 1:
        raise ValueError(f"data must be one document, not {len(documents)}")
    return documents[0].data


def _mapping(text: str) -> Mapping[str, Any]:
    found = _read(text)
    if not isinstance(found, dict):
        raise ValueError(f"data must be a mapping, not {yamldoc.kind_of(found)}")  # noqa: TRY004  (one kind of fault)
    return found


def _words(values: Mapping[str, Any]) -> dict[str, str]:
    """Texts stay; a number or a mapping becomes the JSON of it."""
    return {str(key): value if isinstance(value, str) else _json(value) for key, value in values.items()}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True)
