"""What a name means in a registry where images of several platforms are: what each client takes fits it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bundler.core.archive.platforms import IMAGES
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Image, united
from bundler.core.oci import OCI_INDEX, Descriptor


def offer(platforms: Iterable[Sequence[Image]], choices: Mapping[str, Descriptor]) -> tuple[Image, ...]:
    """Each name once, with all that belongs to it. platforms: the images of each, the first one first.

    choices: by name, the image index that lists what each platform means by it, made with the .run.
    Raises BundlerError (INTEGRITY) where platforms differ and there is no such index.
    """
    found: dict[str, list[Image]] = {}
    for images in platforms:
        for image in images:
            found.setdefault(image.name, []).append(image)
    return tuple(_one(variants, choices.get(name)) for name, variants in found.items())


def contradicts(name: str) -> BundlerError:
    """The image indexes of the file are not those of its platforms."""
    return BundlerError(
        "the bundle does not say which image each platform has",
        where=name,
        why=f"{IMAGES} is not what the platforms' indexes say",
        code=ExitCode.INTEGRITY,
        fix="get the file again from where it came from",
    )


def _one(variants: Sequence[Image], made: Descriptor | None) -> Image:
    """What all platforms mean by it, else the index that lists what each does."""
    (whole,) = united(variants)
    if all(image.digest == whole.digest for image in variants):
        return whole
    if made is None:
        raise contradicts(whole.name)
    own = dict.fromkeys(image.manifests[-1] for image in variants)
    return replace(
        whole, digest=made.digest, media_type=OCI_INDEX, size=made.size, manifests=(made.digest, *own)
    )
