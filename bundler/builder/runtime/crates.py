"""Rust crates inside of wheels: which, by what the wheel says and by what its programs show.

A wheel may bring a CycloneDX document of what went into it (`.dist-info/sboms`, PEP 770). Where it doesn't,
its compiled modules still hold the paths of sources that a panic would name: `…/NAME-VERSION/src/lib.rs`.
"""

import json
import mmap
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

_PATH: Final = re.compile(
    rb"[/\\]([A-Za-z][A-Za-z0-9_-]{0,63})-(\d{1,6}\.\d{1,6}\.\d{1,6}(?:[-+][0-9A-Za-z.+-]{1,40})?)[/\\]src[/\\]"
)
_RUST: Final = b"/rustc/"  # where the standard library's sources were
_CARGO: Final = re.compile(r"pkg:cargo/([^/@?#]+)@([^?#]+)$")  # those with a qualifier are the wheel's own
_MOST: Final = 8 << 20  # bytes of a document


def crates_of(distribution: Distribution) -> dict[str, str]:
    """Each crate in a wheel as `NAME VERSION`, with its licence where the wheel states one, else ""."""
    found: dict[str, str] = {}
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if file.suffix == ".so":
            found |= {name: "" for name in _shown(path) if name not in found}
        elif ".dist-info/sboms/" in str(file) and file.suffix == ".json":
            found |= dict(_stated(path))
    return found


def _shown(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(_RUST) < 0:
                return
            for match in _PATH.finditer(content):
                yield f"{match[1].decode()} {match[2].decode()}"


def _stated(path: Path) -> Iterator[tuple[str, str]]:
    """Nothing of a document that can't be read: what the programs show counts then."""
    try:
        if path.stat().st_size > _MOST:
            return
        components: list[dict[str, Any]] = json.loads(path.read_bytes()).get("components", [])
        told = [(_CARGO.fullmatch(str(one.get("purl", ""))), one.get("licenses")) for one in components]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return
    for purl, licences in told:
        if purl:
            yield f"{purl[1]} {purl[2]}", _licence(licences)


def _licence(stated: object) -> str:
    if not isinstance(stated, list) or len(stated) != 1 or not isinstance(stated[0], dict):
        return ""
    licence = stated[0].get("license")
    names = (licence.get("id"), licence.get("name")) if isinstance(licence, dict) else ()
    return next((text for text in (stated[0].get("expression"), *names) if isinstance(text, str)), "")


def crates_json(distributions: Iterable[Distribution]) -> str:
    """All wheels' crates by `NAME VERSION`: what is `within` which wheels, and the licence."""
    found: dict[str, dict[str, Any]] = {}
    for each in distributions:
        for name, licence in crates_of(each).items():
            told = found.setdefault(name, {"within": [], "licence": ""})
            told["within"].append(each.name.lower())
            told["licence"] = told["licence"] or licence
    return json.dumps(found, sort_keys=True)
