"""What a plug-in's manifests name: namespaces and images."""

from collections.abc import Iterator

from bundler.core import yamldoc
from bundler.core.reference import Reference


def namespaces(text: bytes, path: str) -> Iterator[str]:
    """The namespaces that its objects are in."""
    for document in yamldoc.load_all(text, path) if text else ():
        metadata = document.data.get("metadata") if isinstance(document.data, dict) else None
        if isinstance(metadata, dict) and isinstance(metadata.get("namespace"), str):
            yield metadata["namespace"]


def image_names(text: bytes, path: str) -> set[str]:
    """Whatever stands under a key `image`, anywhere, in full."""
    found: set[str] = set()
    for document in yamldoc.load_all(text, path) if text else ():
        _collect(document.data, found)
    return found


def _collect(value: object, found: set[str]) -> None:
    match value:
        case dict():
            image = value.get("image")
            if isinstance(image, str):
                found.add(str(Reference.parse(image)))
            for part in value.values():
                _collect(part, found)
        case list():
            for part in value:
                _collect(part, found)
        case _:
            return
