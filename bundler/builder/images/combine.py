"""One name, an image for each platform: the image indexes from which clients of a registry choose theirs.

Each platform's own index names its own manifest. What a registry offers out of a .run for several platforms
is an OCI image index of these; it is made here, so that its digest is sealed like everything else. Where all
platforms mean one and the same list, that is offered, and ours only to registries that refuse a list of more
platforms than are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.layout import REF_NAME, ROOT
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.core.archive.platforms import IMAGES
from bundler.core.digest import Digest
from bundler.core.index import Image, canonical
from bundler.core.oci import OCI_INDEX, Descriptor, Platform, parse_manifest

_EMPTY: Final[Mapping[str, object]] = {"schemaVersion": 2, "mediaType": OCI_INDEX}


def combined(specs: Sequence[BundleSpec], store: Store) -> tuple[SpecContent, ...]:
    """Image indexes for the names that several platforms have, and the file that lists them.

    Both are in the store then. Empty where there is no such name.
    """
    made = [
        (name, _put({**_EMPTY, "manifests": [_entry(name, each, store) for each in of]}, name, store))
        for name, of in sorted(_by_name(specs).items())
        if len(of) > 1
    ]
    if not made:
        return ()
    entries = [
        {**Descriptor(OCI_INDEX, blob.digest, blob.size).to_json(), "annotations": {REF_NAME: name}}
        for name, blob in made
    ]
    listing = _put({**_EMPTY, "manifests": entries}, IMAGES, store)
    blobs = dict.fromkeys(blob for _, blob in made)
    return (*(SpecContent(_path(blob.digest), blob) for blob in blobs), SpecContent(IMAGES, listing))


@dataclass(frozen=True, slots=True)
class _Variant:
    """What a name means on one platform. blobs: of that platform, by path."""

    platform: Platform
    image: Image
    blobs: Mapping[str, Blob]


def _by_name(specs: Sequence[BundleSpec]) -> Mapping[str, list[_Variant]]:
    found: dict[str, list[_Variant]] = {}
    for spec in specs:
        blobs = {content.path: content.blob for content in spec.contents if content.path.startswith(ROOT)}
        for image in spec.images:
            variant = _Variant(Platform.parse(spec.platform), image, blobs)
            found.setdefault(image.name, []).append(variant)
    return found


def _entry(name: str, variant: _Variant, store: Store) -> dict[str, object]:
    image = variant.image
    digest = image.manifests[-1]  # where the name means a list, what was chosen of it
    raw = b"".join(store.chunks(variant.blobs[_path(digest)], name=name))
    manifest = parse_manifest(raw, image.media_type if digest == image.digest else "", name)
    return {**manifest.descriptor.to_json(), "platform": dict(_platform(variant.platform))}


def _platform(platform: Platform) -> Iterator[tuple[str, str]]:
    yield from (("os", platform.os), ("architecture", platform.architecture))
    if platform.variant:
        yield "variant", platform.variant


def _put(document: object, name: str, store: Store) -> Blob:
    return store.add((canonical(document),), digest=None, size=None, name=name)


def _path(digest: Digest) -> str:
    return f"{ROOT}/blobs/sha256/{digest.hex}"
