"""Filling in the stub: the shell head of a .run gets its numbers once everything else has its place."""

import re

from bundler.core.archive.seal import ALIGN, Seal
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index

_SLOT = re.compile(r"@([A-Z0-9_]+)@")
_SAFE = re.compile(r"[A-Za-z0-9._+~/:-]*")  # means itself in any shell, in quotes or not


def render(template: str, index: Index, seal: Seal, *, runtime_unpacked: int) -> bytes:
    """The stub's bytes; `seal` gives the places of all sections but the stub, `runtime_unpacked` is in bytes.

    Raises ValueError when the template asks for a value that isn't there or that a shell could misread, or
    when the stub outgrows its room: these are faults of the template.
    """
    values = {
        "NAME": index.name,
        "VERSION": index.version,
        "PLATFORM": index.platform,
        "RUNTIME_KIB": str(-(-runtime_unpacked // 1024)),
        "RUNTIME_SHA256": seal.section("runtime").digest.hex,
        "SEAL_OFFSET": str(seal.offset),
        "FILE_SIZE": str(seal.file_size),
    }
    for name in ("runtime", "info", "list", "index"):
        section = seal.section(name)
        values[f"{name.upper()}_OFFSET"] = str(section.offset)
        values[f"{name.upper()}_LENGTH"] = str(section.length)
    text = _SLOT.sub(lambda match: _safe(match[1], values), template).encode()
    if len(text) > ALIGN:
        raise ValueError(f"the stub has {len(text)} bytes, more than {ALIGN}")
    return text


def _safe(name: str, values: dict[str, str]) -> str:
    value = values.get(name)
    if value is None or not _SAFE.fullmatch(value):
        raise ValueError(f"the stub can't hold {name}={value!r}")
    return value


def unpacked_size(runtime_end: bytes) -> int:
    """Bytes of a gzip file's content below 4 GiB, from its last four bytes (RFC 1952, ISIZE)."""
    if len(runtime_end) != 4:
        raise BundlerError("the frozen installer is not a .tar.gz", code=ExitCode.INPUT)
    return int.from_bytes(runtime_end, "little")
