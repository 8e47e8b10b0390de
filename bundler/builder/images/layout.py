"""Resolved images as an OCI layout below `images/`: which files, and what the bundle's index says of them.

Manifests keep their bytes and so their digests. Tools that read layouts (skopeo among them) look only at
entries of OCI's own media types; for an image of Docker's type, index.json therefore names a small image
index that points to it. The site's registry never sees that one: it serves what `core.index.Image` lists.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bundler.builder.cache.store import Blob, Store
from bundler.builder.oci.model import ResolvedImage
from bundler.core.index import Attached, Image, canonical
from bundler.core.oci import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor

ROOT = "images"
REF_NAME = "org.opencontainers.image.ref.name"
_PLAIN = frozenset({OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar"})  # layers worth compressing


@dataclass(frozen=True, slots=True)
class LayoutFile:
    """One member of the bundle, in the store; `compressed`: another compression would gain nothing."""

    path: str
    blob: Blob
    compressed: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The images of a bundle: files sorted by path, images by name; both empty where there is no image."""

    files: tuple[LayoutFile, ...]
    images: tuple[Image, ...]


def lay_out(images: Iterable[ResolvedImage], store: Store) -> Layout:
    """Say how images are laid out; the few files that are new are put into the store. Blobs are shared."""
    ordered = sorted(images, key=lambda image: image.name)
    if not ordered:
        return Layout((), ())
    files: dict[str, LayoutFile] = {}
    entries = []
    for image in ordered:
        parts = [(part, False) for part in image.manifests]
        parts += [(part, part.media_type not in _PLAIN) for part in image.blobs[1:]]
        for part, compressed in (*parts, (image.blobs[0], False)):
            path = _path(part)
            files[path] = LayoutFile(path, Blob(part.digest, part.size), compressed)
        entries += _entries(image, files, store)
        entries += _attached(image, files)
    listing = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    for name, document in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", listing)):
        path = f"{ROOT}/{name}"
        files[path] = LayoutFile(path, _put(document, path, store), compressed=False)
    return Layout(tuple(files[path] for path in sorted(files)), tuple(_indexed(image) for image in ordered))


def _entries(image: ResolvedImage, files: dict[str, LayoutFile], store: Store) -> list[dict[str, object]]:
    """What index.json says of an image: an entry with its name, and one without for Docker's list type."""
    name = {REF_NAME: image.name}
    if image.root.media_type in {OCI_MANIFEST, OCI_INDEX}:
        return [{**image.root.to_json(), "annotations": name}]
    wrapper = _wrap(image.manifests[-1], store)
    files[_path(wrapper)] = LayoutFile(_path(wrapper), Blob(wrapper.digest, wrapper.size), compressed=False)
    return [{**wrapper.to_json(), "annotations": name}, *(part.to_json() for part in image.manifests[:-1])]


def _attached(image: ResolvedImage, files: dict[str, LayoutFile]) -> list[dict[str, object]]:
    """Signatures and the like: their files, and their entries under their tags of the same repository."""
    for one in image.attached:
        for part in (*one.manifests, *one.blobs):
            files[_path(part)] = LayoutFile(_path(part), Blob(part.digest, part.size), compressed=False)
    return [
        {**one.root.to_json(), "annotations": {REF_NAME: f"{image.reference.name}:{one.tag}"}}
        for one in image.attached
    ]


def _wrap(manifest: Descriptor, store: Store) -> Descriptor:
    """An image index for one manifest; it names no platform, so that tools on any machine choose it."""
    entry = Descriptor(manifest.media_type, manifest.digest, manifest.size).to_json()
    blob = _put({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}, "image index", store)
    return Descriptor(OCI_INDEX, blob.digest, blob.size)


def _put(document: object, name: str, store: Store) -> Blob:
    return store.add((canonical(document),), digest=None, size=None, name=name)


def _path(part: Descriptor) -> str:
    return f"{ROOT}/blobs/sha256/{part.digest.hex}"


def _indexed(image: ResolvedImage) -> Image:
    return Image(
        name=image.name,
        digest=image.root.digest,
        media_type=image.root.media_type,
        size=image.root.size,
        manifests=tuple(part.digest for part in image.manifests),
        blobs=tuple(dict.fromkeys(part.digest for part in image.blobs)),
        attached=tuple(
            Attached(
                one.tag,
                one.root.digest,
                tuple(part.digest for part in one.manifests),
                tuple(dict.fromkeys(part.digest for part in one.blobs)),
            )
            for one in image.attached
        ),
    )
