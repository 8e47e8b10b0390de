"""Kubernetes objects as plain data: their containers, their names, and paths into them. Pure."""

from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def images_in(data: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """The images of all pod specs in plain data, each with its path; volumes of type image included."""
    for where, value in _mappings(data, path):
        for at, container in _containers_of(value, where):
            if "image" in container:
                yield (*at, "image"), container["image"]
        for number, volume in enumerate(_dicts(value.get("volumes"))):
            source = volume.get("image")
            if isinstance(source, dict) and "reference" in source:
                yield (*where, "volumes", number, "image", "reference"), source["reference"]


def containers_in(data: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All containers of all pod specs, each with its path."""
    for where, value in _mappings(data, ()):
        yield from _containers_of(value, where)


def objects_in(data: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All Kubernetes objects, those inside of others (a List's items) too, each with its path."""
    for where, value in _mappings(data, ()):
        if isinstance(value.get("kind"), str) and isinstance(value.get("apiVersion"), str):
            yield where, value


def subject(data: object) -> str:
    """`Deployment/web`, as kubectl names it; what is missing is left out."""
    if not isinstance(data, dict):
        return "document"
    meta = data.get("metadata")
    name = meta.get("name", "") if isinstance(meta, dict) else ""
    return f"{data.get('kind', 'document')}/{name}" if name else str(data.get("kind", "document"))


def dotted(path: Path) -> str:
    """`spec.containers[0].image`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _mappings(data: object, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(data, list):
        for number, item in enumerate(data):
            yield from _mappings(item, (*path, number))
    if isinstance(data, dict):
        yield path, data
        for key, value in data.items():
            yield from _mappings(value, (*path, key))


def _containers_of(value: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for key in _CONTAINERS:
        for number, container in enumerate(_dicts(value.get(key))):
            yield (*path, key, number), container


def _dicts(value: object) -> list[dict[str, Any]]:
    """The items of a list, whatever is no mapping as an empty one, so that numbers stay right."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []
