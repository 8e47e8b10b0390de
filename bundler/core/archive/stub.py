"""Filling in the stub: the shell head of a .run gets its numbers once everything else has its place."""

import re
from collections.abc import Mapping

from bundler.core.archive.platforms import PARTS, own_section
from bundler.core.archive.recipes import Recipes
from bundler.core.archive.seal import ALIGN, Seal
from bundler.core.errors import BundlerError, ExitCode

_SLOT = re.compile(r"@([A-Z0-9_]+)@")
_SAFE = re.compile(r"[A-Za-z0-9._+~/:-]*")  # means itself in any shell, in quotes or not


def render(template: str, seal: Seal, unpacked: Mapping[str, int], recipes: Recipes) -> bytes:
    """The stub's bytes.

    seal: gives the places of all sections but the stub. unpacked: each platform's runtime in bytes, the
    first platform first. recipes: tell where an installer is that this file leaves out.
    Raises ValueError when the template asks for a value that isn't there or that a shell could misread, or
    when the stub outgrows its room: these are faults of the template.
    """
    runtime, base = recipes.runtime, recipes.base
    values = {
        "NAME": seal.name,
        "VERSION": seal.version,
        "PLATFORM": seal.platform,
        "OTHERS": "+".join(
            _numbers(seal, platform, size) for platform, size in unpacked.items() if platform != seal.platform
        ),
        "RUNTIME_KIB": str(_kib(unpacked[seal.platform])),
        "RUNTIME_SHA256": (runtime or seal.section("runtime")).digest.hex,
        "RUNTIME_SIZE": str(runtime.size if runtime else seal.section("runtime").length),
        "BASE_NAME": base.name if base else "",
        "BASE_VERSION": base.version if base else "",
        "SEAL_OFFSET": str(seal.offset),
        "FILE_SIZE": str(seal.file_size),
    }
    for name in PARTS:
        section = seal.section(name)
        values[f"{name.upper()}_OFFSET"] = str(section.offset)
        values[f"{name.upper()}_LENGTH"] = str(section.length)
    text = _SLOT.sub(lambda match: _safe(match[1], values), template).encode()
    if len(text) > ALIGN:
        raise ValueError(f"the stub has {len(text)} bytes, more than {ALIGN}")
    return text


def _numbers(seal: Seal, platform: str, unpacked: int) -> str:
    """A further platform for the stub's `select_platform`: its name, its sections' places, its runtime."""
    sections = [seal.section(own_section(seal, part, platform)) for part in PARTS]
    places = [str(number) for each in sections for number in (each.offset, each.length)]
    return ":".join((platform, *places, str(_kib(unpacked)), sections[0].digest.hex))


def _kib(size: int) -> int:
    return -(-size // 1024)


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
