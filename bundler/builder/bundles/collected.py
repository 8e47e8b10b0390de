"""What a site has collected (`./product.run collect`), read without unpacking; hosts wrote most of it.

Only index.json is read; the archive is passed over in one go, within bounds.
"""

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bundler.core.archive.boundedtar import opened
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted

KIND: Final = "bundler-collection"
SCHEMA: Final = 1
_MAGIC: Final = b"\x1f\x8b"
_INDEX: Final = "index.json"
_LARGEST: Final = 32 << 20  # bytes of the index
_ENTRIES: Final = 500_000
_BYTES: Final = 1 << 30  # of all files, unpacked
_CHUNK: Final = 1 << 20
_MARKS: Final = {"error": "✗", "warning": "!", "note": "•"}


def is_collected(path: Path) -> bool:
    """Whether the file is no .run and may be such an archive."""
    try:
        with path.open("rb") as stream:
            return stream.read(2) == _MAGIC
    except OSError:
        return False


def describe(path: Path, *, as_json: bool) -> str:
    """What is in it. Raises BundlerError (INPUT, UNSUPPORTED) for anything else."""
    index = read(path)
    if as_json:
        return json.dumps(index, indent=2, ensure_ascii=True) + "\n"
    try:
        return "\n".join(_lines(index)) + "\n"
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise _wrong(path, "its index lacks something or has it in another form") from None


def read(path: Path) -> Mapping[str, Any]:
    """The index of the archive. Raises as `describe` does."""
    try:
        index = json.loads(_index(path))
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise _wrong(path, str(error)) from None
    except (ValueError, RecursionError):
        raise _wrong(path, f"its {_INDEX} is no JSON") from None
    if not isinstance(index, dict) or index.get("kind") != KIND:
        raise _wrong(path, f"its {_INDEX} is of something else")
    if index.get("schema") != SCHEMA:
        raise BundlerError(
            f"it was collected with schema {str(index.get('schema'))[:20]}, this program reads {SCHEMA}",
            where=path,
            code=ExitCode.UNSUPPORTED,
            fix="use a newer bundler, or unpack it and open index.html",
        )
    return index


def _index(path: Path) -> bytes:
    with gzip.open(path) as unpacked, opened(_Bounded(unpacked)) as archive:
        for number, entry in enumerate(archive):
            if number > _ENTRIES:
                break
            if entry.isfile() and entry.name.split("/")[1:] == [_INDEX] and entry.size <= _LARGEST:
                found = archive.extractfile(entry)
                return found.read(_LARGEST) if found else b""
    raise _wrong(path, f"it has no {_INDEX}")


class _Bounded(io.RawIOBase):
    """A stream that ends in an error when it gives more than any site does."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises OSError beyond the bound."""
        data = self._stream.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise OSError("it holds more than any site gives")
        return data


def _wrong(path: Path, why: str) -> BundlerError:
    return BundlerError(
        "this is neither a .run nor what `collect` makes",
        where=path,
        why=why,
        code=ExitCode.INPUT,
        fix="./product.run collect -f site.yaml makes one",
    )


def _lines(index: Mapping[str, Any]) -> Iterator[str]:
    status = index["status"]
    moment = datetime.fromtimestamp(index["created"], UTC).strftime("%Y-%m-%d %H:%M")
    product = f"{status['product']['name']} {status['product']['version']}"
    yield f"site: {index['site']}, collected {moment} UTC"
    yield f"product: {product}, Kubernetes {status['kubernetes']}"
    yield f"state: {status['state']}"
    for each in status["findings"]:
        where = ", ".join(each["hosts"]) or each["subject"]
        mark = _MARKS.get(each["severity"], "•")
        yield f"{mark} {each['severity']:<7}  {each['id']}  {where}  {each['text']}"
    for part, told in status["parts"].items():
        yield f"{part}: {told['state']}, {told['text']}"
    for host in status["hosts"]:
        yield f"host: {_host(host)}"
    for host, why in index["silent"].items():
        yield f"gave nothing: {host}: {why}"
    size = sum(each["bytes"] for each in index["files"])
    masked, left = counted(index["masked"], "secret"), counted(len(index["left_out"]), "file")
    yield f"files: {len(index['files']):,}, {size / (1 << 20):,.1f} MiB; masked {masked}; left out {left}"


def _host(host: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {text}" for name, text in host["versions"].items() if text) or "not known"
    role = "+".join(host["roles"])
    named = f"{host['address']} ({host['node']})" if host["node"] else str(host["address"])
    told = (f"{named}: {host['state']}, {role}", str(host["os"]), versions)
    return "; ".join(filter(None, told))
