"""References of a chart's `values.schema.json` that lead out of it.

Helm follows them when it renders a chart and again when it installs one, as root on site: to any server, to
any file. A schema must hold all that it needs.
"""

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urldefrag, urljoin, urlsplit

NAME = "values.schema.json"
_OWN = f"file:///{NAME}"  # what Helm calls a schema without an `$id`
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$schema"})
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
        with gzip.GzipFile(fileobj=stream) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                budget.take(member.size, where)
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield from _of_member(member.name, content, where, budget, depth)
    except (EOFError, zlib.error) as error:
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
    try:
        schema = json.loads(text)
        known = {_OWN, *_identities(schema, _OWN)}
        found = dict.fromkeys(_leading_out(schema, _OWN, known))
    except (ValueError, RecursionError):
        return  # no schema for Helm either, which says so
    for reference in found:
        where = text.find(json.dumps(reference).encode())
        yield Outside(file, text.count(b"\n", 0, max(where, 0)) + 1, reference)


def _identities(schema: object, base: str) -> Iterator[str]:
    """What the parts of a schema are called by their `$id`."""
    if isinstance(schema, dict):
        base = _base(schema, base)
        yield urldefrag(base).url
        for value in schema.values():
            yield from _identities(value, base)
    elif isinstance(schema, list):
        for item in schema:
            yield from _identities(item, base)


def _leading_out(schema: object, base: str, known: set[str]) -> Iterator[str]:
    if isinstance(schema, dict):
        base = _base(schema, base)
        for key, value in schema.items():
            if key in _REFERENCES and isinstance(value, str):
                target = urldefrag(urljoin(base, value)).url
                if target not in known and not _is_built_in(target):
                    yield value
            yield from _leading_out(value, base, known)
    elif isinstance(schema, list):
        for item in schema:
            yield from _leading_out(item, base, known)


def _base(schema: dict[str, Any], base: str) -> str:
    own = schema.get("$id", schema.get("id"))
    return urljoin(base, own) if isinstance(own, str) else base


def _is_built_in(target: str) -> bool:
    parts = urlsplit(target)
    return parts.scheme == "urn" or (parts.scheme in {"http", "https"} and parts.netloc == _BUILT_IN)
