"""`--licences`: what is frozen into the installer, under which licences, and where to get its source."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

RUNTIME: Final = "BUNDLER_RUNTIME"  # the unpacked installer's folder

_HEAD: Final = """\
This installer is bundler, under the Apache License 2.0, together with the software below. Each is under its
own licence, whose text follows as its makers wrote it. Libraries under the GPL and LGPL (glibc, libgcc and
others) are files of their own in _internal/ beside the program: put a changed one in its place to use that.
"""


def notices(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The text, piece by piece. Raises BundlerError (NOT_FOUND) where the installer isn't a frozen one."""
    folder = Path(environment.get(RUNTIME, "/nonexistent")) / "_internal" / "notices"
    if not folder.is_dir():
        raise BundlerError(
            "the licences of what is frozen in are not here",
            where=folder,
            code=ExitCode.NOT_FOUND,
            fix="start a .run with --licences; it brings them along",
        )
    yield _HEAD
    for place in sorted((folder / "deb").iterdir()) if (folder / "deb").is_dir() else ():
        yield from _debian(place)
    for place in sorted((folder / "pypi").iterdir()):
        yield from _python(place)
    for name, told in sorted(json.loads((folder / "linked.json").read_text(encoding="utf-8")).items()):
        yield _title(f"{name} {told['version']}", f"linked into {told['within']}; licence: {told['licence']}")
    yield from _crates(folder / "crates.json")


def _crates(path: Path) -> Iterator[str]:
    """An installer of before tells none."""
    if not path.is_file():
        return
    for name, told in sorted(json.loads(path.read_text(encoding="utf-8")).items()):
        licence = f"; licence: {told['licence']}" if told["licence"] else ""
        crate, _, version = name.partition(" ")
        source = f"source: cargo download {crate}=={version}"
        yield _title(f"{crate} {version} (Rust crate)", f"in {', '.join(told['within'])}{licence}", source)


def _debian(place: Path) -> Iterator[str]:
    fields = _fields(place / "status")
    source, _, version = fields.get("source", place.name).partition(" ")
    version = version.strip("()") or fields.get("version", "")
    yield _title(f"{place.name} {fields.get('version', '')}", f"source: apt-get source {source}={version}")
    yield from _texts([place / "copyright"])


def _python(place: Path) -> Iterator[str]:
    fields = _fields(place / "METADATA")
    name, version = fields.get("name", place.name), fields.get("version", "")
    stated = fields.get("license-expression") or fields.get("license", "")[:120]
    source = f"source: pip download --no-deps --no-binary :all: {name}=={version}"
    yield _title(f"{name} {version}", *([f"licence: {stated}"] if stated else []), source)
    yield from _texts(sorted(path for path in place.iterdir() if path.name != "METADATA"))


def _title(*lines: str) -> str:
    return "\n".join(("", "=" * 100, *lines, ""))


def _texts(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")


def _fields(path: Path) -> dict[str, str]:
    """The first paragraph of a file of `Name: value` lines."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            found.setdefault(name.lower(), value.strip())
    return found
