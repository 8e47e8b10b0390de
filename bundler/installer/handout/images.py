"""The images of a .run as a registry offers them.

Where the file is for several platforms, a name means all of theirs: an image index from which each client
takes its own, made when the file was built (`images/platforms.json`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bundler.core.archive.platforms import IMAGES
from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Image, Member, united
from bundler.core.oci import MAX_MANIFEST, OCI_INDEX, Descriptor, ManifestIndex, Platform, parse_manifest

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_Variant = tuple[Platform, Image]  # what a name means on a platform


def offered(bundle: Bundle) -> tuple[Image, ...]:
    """All images of all platforms, each name once.

    Raises BundlerError (INTEGRITY) when an image index isn't what the platforms' own indexes say.
    """
    if len(bundle.indexes) == 1:
        return bundle.index.images
    variants: dict[str, list[_Variant]] = {}
    for index in bundle.indexes:
        for image in index.images:
            variants.setdefault(image.name, []).append((Platform.parse(index.platform), image))
    differing = {name for name, of in variants.items() if len({image.digest for _, image in of}) > 1}
    made = _made(bundle) if differing else {}
    return tuple(
        _listed(bundle, image, variants[image.name], made) if image.name in differing else image
        for image in united(image for of in variants.values() for _, image in of)
    )


def blob_member(bundle: Bundle, digest: Digest) -> Member:
    """Where a manifest or blob of any platform is. Raises BundlerError (NOT_FOUND)."""
    return find_blob(bundle, digest) or bundle.member(_path(digest))


def find_blob(bundle: Bundle, digest: Digest) -> Member | None:
    """The same, None where no platform has it."""
    path = _path(digest)
    return next((found for index in bundle.indexes if (found := index.member(path)) is not None), None)


def _made(bundle: Bundle) -> Mapping[str, Descriptor]:
    member = bundle.member(IMAGES)
    listing = parse_manifest(bundle.read(member, limit=MAX_MANIFEST), OCI_INDEX, IMAGES)
    found = listing.manifests if isinstance(listing, ManifestIndex) else ()
    return {each.annotation(_REF_NAME): each for each in found}


def _listed(
    bundle: Bundle, image: Image, variants: Sequence[_Variant], made: Mapping[str, Descriptor]
) -> Image:
    """The image as the index that lists it for each platform."""
    if (top := made.get(image.name)) is None:
        raise _contradicts(image.name)
    raw = bundle.read(blob_member(bundle, top.digest), limit=MAX_MANIFEST)
    index = parse_manifest(raw, OCI_INDEX, image.name)
    for platform, of in variants:
        chosen = index.choose(platform) if isinstance(index, ManifestIndex) else None
        if chosen is None or chosen.digest != of.manifests[-1]:
            raise _contradicts(image.name)
    return replace(
        image,
        digest=top.digest,
        media_type=OCI_INDEX,
        size=len(raw),
        manifests=(top.digest, *image.manifests),
    )


def _path(digest: Digest) -> str:
    return f"images/blobs/sha256/{digest.hex}"


def _contradicts(name: str) -> BundlerError:
    return BundlerError(
        "the bundle does not say which image each platform has",
        where=name,
        why=f"{IMAGES} is not what the platforms' indexes say",
        code=ExitCode.INTEGRITY,
        fix="get the file again from where it came from",
    )
