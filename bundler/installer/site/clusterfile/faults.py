"""Faults of a Clusterfile's document: pydantic's errors, and fields of a later version, in our words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bundler.core.errors import Problem
from bundler.core.yamldoc import Document, kind_of, suggest
from bundler.installer.site.clusterfile.schema import NATIVE, Later, Model, Native

UNSUPPORTED: Final = "not-supported-yet"
MOST_FAULTS: Final = 2_000  # of one document; whoever has more mends these first

Path = Sequence[str | int]

# Lines that may hold a secret: passwords by their fields, and variables, well written or not.
_SECRET_LINE: Final = re.compile(
    r"passw(?!ord(?:File|Env))|secret|token|credential|api.?key|\benv\b|^\s*-\s*[\"']?[A-Za-z_]\w*[\"']?\s*(=|\s\S)",
    re.IGNORECASE,
)
_WANTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "none_required": "nothing",
}


def dotted(path: Path) -> str:
    """`spec.hosts[0].ssh.port`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def hide(problem: Problem) -> Problem:
    """The same fault without its line when a password stands in it."""
    return replace(problem, text="") if _may_hold_secret(problem.text) else problem


@lru_cache(maxsize=64)
def _may_hold_secret(line: str) -> bool:
    """One long line may have a thousand faults."""
    return _SECRET_LINE.search(line) is not None


def invalid(document: Document, model: type[Model], error: ValidationError) -> Iterator[Problem]:
    """Every error of a document that doesn't fit its model."""
    for detail in error.errors(include_url=False)[:MOST_FAULTS]:
        path = tuple(detail["loc"])
        match detail["type"]:
            case "extra_forbidden":
                hint = suggest(path[-1], _known(model, path[:-1]))
                yield document.problem(
                    path, "unknown-field", f"unknown field {dotted(path)}", hint=hint, key=True
                )
            case "missing":
                yield document.problem(path, "missing-field", f"{dotted(path)} is missing", key=True)
            case _:
                said = _wrong(detail)
                rule = UNSUPPORTED if "not supported yet" in said else "wrong-value"
                problem = document.problem(path, rule, f"{dotted(path)} {said}")
                yield replace(problem, text="") if "env" in path else problem


def not_yet(document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Every field that asks for what this version can't do, or that its apiVersion doesn't have.

    Works on the data as it was written, so that these are reported along with other errors.
    """
    native = document.data.get("apiVersion") == NATIVE
    for path, mark, value in _marked(model, document.data, ()):
        if isinstance(mark, Later) and value:
            message = f"{dotted(path)} is not supported yet"
            yield document.problem(path, UNSUPPORTED, message, hint=mark.instead, key=True)
        elif isinstance(mark, Native) and not native:
            message = f"{dotted(path)} exists in apiVersion {NATIVE} only"
            hint = f"write apiVersion: {NATIVE}; nothing else changes"
            yield document.problem(path, "unknown-field", message, hint=hint, key=True)


def _marked(model: type[BaseModel], data: object, path: Path) -> Iterator[tuple[Path, object, object]]:
    """Path, mark and value of every marked field that the data has."""
    if isinstance(data, list):
        for number, each in enumerate(data):
            yield from _marked(model, each, (*path, number))
    if not isinstance(data, dict):
        return
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in data:
            continue
        here = (*path, key)
        yield from ((here, mark, data[key]) for mark in field.metadata if isinstance(mark, Later | Native))
        inner = _model_of(field)
        if inner is not None:
            yield from _marked(inner, data[key], here)


def _wrong(detail: ErrorDetails) -> str:
    context: Mapping[str, Any] = detail.get("ctx", {})
    kind = detail["type"]
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {kind_of(detail['input'])}"
    match kind:
        case "value_error":
            return f"is wrong: {context['error']}"
        case "literal_error":
            return f"must be {context['expected']}"
        case "greater_than_equal" | "less_than_equal":
            return "must be a port, from 1 to 65535"
        case "too_short":
            return "must not be empty"
        case _:
            return detail["msg"].lower()


def _known(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The field names that exist at `path`."""
    for step in path:
        if isinstance(step, int):
            continue
        field = next((each for name, each in model.model_fields.items() if step in {name, each.alias}), None)
        inner = _model_of(field)
        if inner is None:
            return ()
        model = inner
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """The model inside a field's annotation: of `list[Host]`, Host."""
    waiting: list[Any] = [field.annotation] if field else []
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
        waiting.extend(get_args(each))
    return None
