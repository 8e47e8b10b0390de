"""kubeadm's documents held against the fields of their API: what it would ignore is reported by line."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bundler.core.errors import Problem
from bundler.core.yamldoc import Document, kind_of, suggest
from bundler.installer.site.clusterfile.faults import Path, dotted
from bundler.installer.site.clusterfile.kubeadm_fields import FIELDS, fits, known, parts

_HEAD: Final = frozenset({"apiVersion", "kind"})
_BETA: Final = re.compile(r"kubeadm\.k8s\.io/v1beta([2-9])")
_NEWEST: Final = 4  # v1beta4 is the newest API whose fields are known here


def check_fields(document: Document, kind: str, data: Mapping[str, Any] | None = None) -> Iterator[Problem]:
    """Fields that this kind doesn't have; nothing of an API that is newer than our tables.

    data: of the document, where only a part of it is of this kind.
    """
    data = document.data if data is None else data
    api = _BETA.fullmatch(str(data.get("apiVersion", "")))
    number = int(api[1]) if api else _NEWEST
    if number <= _NEWEST:
        fields = {name: value for name, value in data.items() if name not in _HEAD}
        yield from _check(document, FIELDS[kind], fields, (), number)


def _check(
    document: Document, table: Mapping[str, Any], data: Mapping[Any, Any], path: Path, number: int
) -> Iterator[Problem]:
    names = known(table)
    for name, value in data.items():
        here = (*path, name)
        below, versions = names.get(name, (None, ""))
        if name not in names:
            hint = suggest(name, tuple(each for each, (_, of) in names.items() if fits(of, number)))
            yield document.problem(
                here, "unknown-field", f"unknown field {dotted(here)}", hint=hint, key=True
            )
        elif not fits(versions, number):
            yield _of_other_version(document, here, versions, number)
        elif below is not None and value is not None:
            yield from _below(document, below, value, here, number)


def _below(document: Document, below: Any, value: object, path: Path, number: int) -> Iterator[Problem]:
    wanted = parts(below)
    if wanted is not None:
        if not isinstance(value, list):
            yield _wrong(document, path, "a list", value)
            return
        for place, each in enumerate(value):
            yield from _below(document, wanted[0], each, (*path, place), number)
    elif isinstance(value, dict):
        yield from _check(document, below, value, path, number)
    else:
        yield _wrong(document, path, "a mapping", value)


def _wrong(document: Document, path: Path, wanted: str, value: object) -> Problem:
    message = f"{dotted(path)} must be {wanted}, not {kind_of(value)}"
    return document.problem(path, "wrong-value", message)


def _of_other_version(document: Document, path: Path, versions: str, number: int) -> Problem:
    until = versions.startswith("-")
    where = f"v1beta{versions.lstrip('-')} and {'older' if until else 'newer'}"
    message = f"{dotted(path)} is a field of {where}, not of v1beta{number}"
    hint = "write the apiVersion that has it, or leave it out"
    return document.problem(path, "unknown-field", message, hint=hint, key=True)
