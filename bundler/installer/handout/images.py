"""The images of a .run as a registry offers them.

Where the file is for several platforms, a name means all of theirs: an image index from which each client
takes its own, made when the file was built (`images/platforms.json`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bundler.core.archive.platforms import IMAGES
from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.index import Image, Member
from bundler.core.oci import MAX_MANIFEST, OCI_INDEX, Descriptor, ManifestIndex, Platform, parse_manifest
from bundler.core.offered import contradicts, offer

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_Variant = tuple[Platform, Image]  # what a name means on a platform


def offered(bundle: Bundle) -> tuple[Image, ...]:
    """All images of all platforms, each name once.

    Raises BundlerError (INTEGRITY) when an image index isn't what the platforms' own indexes say.
    """
    if len(bundle.indexes) == 1:
        return bundle.index.images
    return offer((index.images for index in bundle.indexes), choices(bundle))


def choices(bundle: Bundle) -> Mapping[str, Descriptor]:
    """By name, the image index from which each platform's client takes its own; none where there is but one.

    Raises BundlerError (INTEGRITY), as `offered` does.
    """
    if len(bundle.indexes) == 1 or bundle.index.member(IMAGES) is None:
        return {}
    listing = parse_manifest(bundle.read(bundle.member(IMAGES), limit=MAX_MANIFEST), OCI_INDEX, IMAGES)
    found = listing.manifests if isinstance(listing, ManifestIndex) else ()
    made = {each.annotation(_REF_NAME): each for each in found}
    for name, variants in _variants(bundle).items():
        if (top := made.get(name)) is not None:
            _check(bundle, name, top, variants)
    return made


def blob_member(bundle: Bundle, digest: Digest) -> Member:
    """Where a manifest or blob of any platform is. Raises BundlerError (NOT_FOUND)."""
    return find_blob(bundle, digest) or bundle.member(_path(digest))


def find_blob(bundle: Bundle, digest: Digest) -> Member | None:
    """The same, None where no platform has it."""
    path = _path(digest)
    return next((found for index in bundle.indexes if (found := index.member(path)) is not None), None)


def _variants(bundle: Bundle) -> Mapping[str, list[_Variant]]:
    found: dict[str, list[_Variant]] = {}
    for index in bundle.indexes:
        for image in index.images:
            found.setdefault(image.name, []).append((Platform.parse(index.platform), image))
    return found


def _path(digest: Digest) -> str:
    return f"images/blobs/sha256/{digest.hex}"


def _check(bundle: Bundle, name: str, made: Descriptor, variants: Sequence[_Variant]) -> None:
    """See that each platform is led to its own image."""
    raw = bundle.read(blob_member(bundle, made.digest), limit=MAX_MANIFEST)
    index = parse_manifest(raw, OCI_INDEX, name)
    for platform, image in variants:
        chosen = index.choose(platform) if isinstance(index, ManifestIndex) else None
        if chosen is None or chosen.digest != image.manifests[-1]:
            raise contradicts(name)
