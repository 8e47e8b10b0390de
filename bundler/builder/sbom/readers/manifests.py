"""The manifests that Python's and JavaScript's package managers leave beside what they install. Pure."""

import json
import re

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.sbom.model import Kind, Package, readable

_NPM_NAME = re.compile(r"(?:@([a-z0-9~._-]+)/)?([A-Za-z0-9~._-]+)")
_MOST_LICENCE = 120  # characters; some put the whole text there
_OSI = "License :: OSI Approved :: "


def python(data: bytes) -> tuple[Package, ...]:
    """METADATA of a .dist-info (PyPA's core metadata), or PKG-INFO of an .egg-info."""
    fields: dict[str, list[str]] = {}
    for line in data.decode(errors="replace").splitlines():
        if not line:
            break  # the long description follows
        key, colon, value = line.partition(":")
        if colon and line[0] not in " \t":
            fields.setdefault(key.lower(), []).append(value.strip())
    name, version = _first(fields, "name"), _first(fields, "version")
    if not name or not version:
        raise BrokenError("it states no name and version")
    return (Package(Kind.PYPI, _normal(name), version, licences=_python_licences(fields)),)


def npm(data: bytes) -> tuple[Package, ...]:
    """package.json of an installed package; nothing for one without name or version."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BrokenError("it is no JSON object")
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or not version:
        return ()
    if (found := _NPM_NAME.fullmatch(name)) is None:
        return ()
    licence = tuple(readable(text) for text in _npm_licence(document))
    return (
        Package(
            Kind.NPM,
            found[2],
            readable(version),
            namespace=f"@{found[1]}" if found[1] else "",
            licences=licence,
        ),
    )


def _npm_licence(document: dict[str, object]) -> tuple[str, ...]:
    """A string; or, as it was long ago, an object or a list of objects with a type."""
    stated = document.get("license") or document.get("licenses")
    several = stated if isinstance(stated, list) else [stated]
    texts = [each.get("type") if isinstance(each, dict) else each for each in several]
    return tuple(sorted({text for text in texts if isinstance(text, str) and text}))


def _python_licences(fields: dict[str, list[str]]) -> tuple[str, ...]:
    """The SPDX expression where there is one, else the classifiers, else the free field."""
    if expression := _first(fields, "license-expression"):
        return (expression,)
    classifiers = [text.removeprefix(_OSI) for text in fields.get("classifier", []) if text.startswith(_OSI)]
    if classifiers:
        return tuple(sorted(set(classifiers)))
    free = _first(fields, "license")
    return (free,) if free and free != "UNKNOWN" and len(free) <= _MOST_LICENCE else ()


def _first(fields: dict[str, list[str]], key: str) -> str:
    return fields.get(key, [""])[0]


def _normal(name: str) -> str:
    """The name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
