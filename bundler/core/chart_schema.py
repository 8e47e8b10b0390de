"""References of a chart's `values.schema.json` that lead out of it.

Helm follows them when it renders a chart and again when it installs one, as root on site: to any server, to
any file. A schema must hold all that it needs.
"""

import gzip
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urldefrag, urljoin, urlsplit

from bundler.core.archive.boundedtar import opened

NAME = "values.schema.json"
_OWN = f"file:///{NAME}"  # what Helm calls a schema without an `$id`
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$schema"})
_NAMED = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"}
)
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_SINGLE = frozenset(
    {
        *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items"),
        *("not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
    }
)
_BUILT_IN = "json-schema.org"  # whose schemas Helm has with it
_MAX_SCHEMA = 8 << 20  # bytes
_MAX_PACKED = 256 << 20  # bytes of all that is packed in a chart, and in charts that are packed in it
_MAX_DEPTH = 4  # charts packed in packed charts


@dataclass(frozen=True, slots=True)
class Outside:
    """A reference that leads out: the schema's path in the chart, the line, where it leads."""

    file: str
    line: int
    reference: str


def outside_references(chart: Path) -> Iterator[Outside]:
    """Those of a chart, a folder or a .tgz, and of the charts in it. Raises ValueError, OSError, TarError."""
    if not chart.is_dir():
        with chart.open("rb") as stream:
            yield from _packed(stream, chart.name, _Budget())
        return
    budget = _Budget()
    for folder, _, names in os.walk(chart):
        for name in names:
            path = Path(folder) / name
            told = path.relative_to(chart).as_posix()
            if name == NAME:
                with path.open("rb") as stream:
                    yield from _of_schema(_read(stream, told), told)
            elif name.endswith(".tgz") and path.parent.name == "charts":
                with path.open("rb") as stream:
                    yield from _packed(stream, told, budget)


@dataclass(slots=True)
class _Budget:
    """How much may still be unpacked."""

    left: int = _MAX_PACKED

    def take(self, size: int, where: str) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError(f"{where}: more than {_MAX_PACKED} bytes are packed in the chart")


def _packed(stream: IO[bytes], where: str, budget: _Budget, depth: int = 0) -> Iterator[Outside]:
    if depth > _MAX_DEPTH:
        raise ValueError(f"{where}: charts are packed in charts more than {_MAX_DEPTH} deep")
    try:
        # tarfile's own gzip reader stumbles over the header that Helm writes.
        with gzip.GzipFile(fileobj=stream) as plain, opened(plain) as tar:
            for member in tar:
                budget.take(member.size, where)
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield from _of_member(member.name, content, where, budget, depth)
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise ValueError(f"{where}: {error}") from error


def _of_member(name: str, content: IO[bytes], where: str, budget: _Budget, depth: int) -> Iterator[Outside]:
    told = f"{where}: {name}"
    if name.rpartition("/")[2] == NAME:
        yield from _of_schema(_read(content, told), told)
    elif name.endswith(".tgz") and "/charts/" in f"/{name}":
        yield from _packed(io.BytesIO(content.read(_MAX_PACKED + 1)), told, budget, depth + 1)


def _read(stream: IO[bytes], where: str) -> bytes:
    data = stream.read(_MAX_SCHEMA + 1)
    if len(data) > _MAX_SCHEMA:
        raise ValueError(f"{where}: larger than {_MAX_SCHEMA} bytes")
    return data


def _of_schema(text: bytes, file: str) -> Iterator[Outside]:
    """Raises ValueError for what we can't read: Helm may take it, and follow what is in it."""
    try:
        # As Go does it: bytes that are no UTF-8 are replaced, and numbers may have any length.
        schema = json.loads(text.decode("utf-8-sig", "replace"), parse_int=str, parse_float=str)
        ids = _Ids(old=_is_old(schema))
        known = {_OWN, *ids.found_in(schema, _OWN)}
        found = dict.fromkeys(_leading_out(schema, _OWN, known, ids))
    except json.JSONDecodeError:
        return  # no schema for Helm either, which says so
    except RecursionError as error:
        raise ValueError(f"{file}: nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    for reference in found:
        where = text.find(json.dumps(reference).encode())
        yield Outside(file, text.count(b"\n", 0, max(where, 0)) + 1, reference)


def _is_old(schema: object) -> bool:
    """Whether it is of draft 4 or older, in which `id` names a part."""
    told = schema.get("$schema") if isinstance(schema, dict) else None
    return isinstance(told, str) and re.search(r"draft-0[34]", told) is not None


@dataclass(frozen=True, slots=True)
class _Ids:
    """What parts of a schema are called by. Whatever Helm may not take for a name must not count as one."""

    old: bool

    def base(self, schema: dict[str, Any], base: str) -> str:
        """What references in this part are relative to."""
        own = schema.get("id" if self.old else "$id")
        return urljoin(base, own) if isinstance(own, str) and "$ref" not in schema else base

    def found_in(self, schema: object, base: str) -> Iterator[str]:
        """The names of all parts."""
        if isinstance(schema, dict):
            base = self.base(schema, base)
            yield urldefrag(base).url
            for part in _parts(schema):
                yield from self.found_in(part, base)


def _parts(schema: dict[str, Any]) -> Iterator[object]:
    """The schemas in a schema, by its keywords: what stands anywhere else is data."""
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            yield from value.values()
        elif key in _LISTED and isinstance(value, list):
            yield from value
        elif key in _SINGLE:
            yield value


def _leading_out(schema: object, base: str, known: set[str], ids: _Ids) -> Iterator[str]:
    if isinstance(schema, dict):
        base = ids.base(schema, base)
        for key, value in schema.items():
            if key in _REFERENCES and isinstance(value, str):
                target = urldefrag(urljoin(base, value)).url
                if target not in known and not _is_built_in(target):
                    yield value
            yield from _leading_out(value, base, known, ids)
    elif isinstance(schema, list):
        for item in schema:
            yield from _leading_out(item, base, known, ids)


def _is_built_in(target: str) -> bool:
    parts = urlsplit(target)
    return parts.scheme == "urn" or (parts.scheme in {"http", "https"} and parts.netloc == _BUILT_IN)
