"""Images out of the archives that `docker save` writes, as OCI images.

Nothing is compressed anew. A layer that is a plain tar stays one: its digest is then the diff_id that the
config names, which proves that it is the right one, and the bundle's own compression serves it.
"""

import json
from dataclasses import dataclass

from bundler.builder.images.files import (
    Archive,
    each_once,
    is_packed,
    read_small,
    refused,
    unknown_name,
    unpacked,
)
from bundler.builder.oci.model import ResolvedImage
from bundler.builder.oci.pull import check_config
from bundler.core.digest import Digest, verified
from bundler.core.index import canonical
from bundler.core.oci import (
    MAX_CONFIG,
    MAX_LAYERS,
    MAX_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
)
from bundler.core.reference import Reference

_COMPRESSED = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
_HEAD = 6  # bytes that tell how a layer is compressed


@dataclass(frozen=True, slots=True)
class _Entry:
    """One image in manifest.json: its names, and the files that hold its config and layers."""

    tags: tuple[str, ...]
    config: str
    layers: tuple[str, ...]


def read_docker(archive: Archive, wanted: str) -> tuple[ResolvedImage, ...]:
    """The images of the archive; `wanted` is one of its names, or names its only image; "" takes all.

    Raises BundlerError (NOT_FOUND, INTEGRITY, INPUT).
    """
    entries = _entries(read_small(archive.files, "manifest.json", MAX_MANIFEST, archive.where), archive.where)
    named = each_once(
        ((Reference.parse(tag), entry) for entry in entries for tag in entry.tags), archive.where
    )
    if not wanted and not named:
        raise refused(archive.where, "no image in it has a name")
    if wanted:
        name = Reference.parse(wanted)
        entry = named.get(name) or (entries[0] if len(entries) == 1 else None)
        if entry is None:
            raise unknown_name(archive.where, wanted, map(str, named))
        named = {name: entry}
    return tuple(_image(archive, entry, name) for name, entry in named.items())


def _entries(raw: bytes, where: object) -> tuple[_Entry, ...]:
    try:
        return tuple(_entry(entry) for entry in json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise refused(where, "its manifest.json is malformed") from None


def _entry(document: dict[str, object]) -> _Entry:
    tags, layers, config = document.get("RepoTags") or [], document["Layers"], document["Config"]
    if not isinstance(tags, list) or not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise TypeError
    if not all(isinstance(text, str) for text in (*tags, *layers, config)):
        raise TypeError
    return _Entry(tuple(tags), str(config), tuple(layers))


def _image(archive: Archive, entry: _Entry, name: Reference) -> ResolvedImage:
    raw = read_small(archive.files, entry.config, MAX_CONFIG, archive.where)
    diff_ids = check_config(raw, name, len(entry.layers), archive.platform)
    blob = archive.store.add((raw,), digest=None, size=len(raw), name=f"{name} (config)")
    config = Descriptor(OCI_CONFIG, blob.digest, blob.size)
    layers = tuple(
        _layer(archive, file, diff_id, name) for file, diff_id in zip(entry.layers, diff_ids, strict=True)
    )
    written = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
    manifest = Descriptor(OCI_MANIFEST, Digest.of(written), len(written))
    archive.store.add((written,), digest=manifest.digest, size=manifest.size, name=str(name))
    return ResolvedImage(name, manifest, (manifest,), (config, *layers))


def _layer(archive: Archive, file: str, diff_id: Digest, name: Reference) -> Descriptor:
    """A layer as it lies in the archive, proven to be the one that the config names."""
    label = f"{name}: {file} in {archive.where}"
    files, store = archive.files, archive.store
    head = next(files.chunks(file), b"")[:_HEAD]
    if not is_packed(head):
        blob = store.add(files.chunks(file), digest=diff_id, size=files.size(file), name=label)
        return Descriptor(OCI_LAYER, blob.digest, blob.size)
    kind = _COMPRESSED.get(head[:2])
    if kind is None:
        raise refused(archive.where, f"{file} is compressed in a way that OCI images don't know")
    blob = store.add(files.chunks(file), digest=None, size=files.size(file), name=label)
    content = unpacked(store.chunks(blob, name=label), blob.size, label)
    for _ in verified(content, digest=diff_id, size=None, name=label):
        pass  # only to see that it is right
    return Descriptor(OCI_LAYER + kind, blob.digest, blob.size)
