"""Which contents of an older bundle a new content may be a later version of. Pure."""

from collections.abc import Iterator, Mapping

from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.core.digest import Digest
from bundler.core.index import Image, Index, Member
from bundler.core.reference import Reference

_BLOBS = "images/blobs/sha256/"
_LEAST = 1 << 16  # bytes; smaller contents of another bundle gain nothing


def same(spec: BundleSpec, old: Index, least: int) -> Mapping[str, Member]:
    """By path, contents of at least `least` bytes that the older bundle has to the byte, and where."""
    there = {member.digest: member for member in reversed(old.members)}
    return {
        content.path: there[content.blob.digest]
        for content in spec.contents
        if content.blob.size >= least and content.blob.digest in there
    }


def rivals(spec: BundleSpec, old: Index) -> Mapping[str, tuple[Member, ...]]:
    """By path, members of the older bundle that a patch may look at; contents that it has itself have none.

    For a layer: those of the images of the same repository that are no longer there, or, where that has none,
    of all images. For any other file: the one at the same path.
    """
    kept = {content.blob.digest for content in spec.contents}
    layers = _layers(spec, old, kept)
    there = {member.digest for member in old.members}
    found: dict[str, tuple[Member, ...]] = {}
    for content in spec.contents:
        if content.blob.digest in there or content.blob.size < _LEAST:
            continue
        if chosen := tuple(_chosen(content, old, layers)):
            found[content.path] = chosen
    return found


def _chosen(
    content: SpecContent, old: Index, layers: Mapping[Digest, tuple[Member, ...]]
) -> Iterator[Member]:
    if content.path.startswith(_BLOBS):
        yield from layers.get(content.blob.digest, ())
    elif (member := old.member(content.path)) is not None and member.size >= _LEAST:
        yield member


def _layers(spec: BundleSpec, old: Index, kept: set[Digest]) -> Mapping[Digest, tuple[Member, ...]]:
    """For each blob of the new images, what is gone of the old ones."""
    before: dict[str, dict[Digest, Member]] = {}
    for image in old.images:
        before.setdefault(_repository(image), {}).update(_gone(image, old, kept))
    everything = {digest: member for members in before.values() for digest, member in members.items()}
    found: dict[Digest, dict[Digest, Member]] = {}
    for image in spec.images:
        mine = before.get(_repository(image)) or everything
        for digest in image.blobs:
            found.setdefault(digest, {}).update(mine)
    return {digest: tuple(members.values()) for digest, members in found.items()}


def _gone(image: Image, old: Index, kept: set[Digest]) -> Iterator[tuple[Digest, Member]]:
    for digest in image.blobs:
        member = old.member(f"{_BLOBS}{digest.hex}")
        if member is not None and digest not in kept and member.size >= _LEAST:
            yield digest, member


def _repository(image: Image) -> str:
    return Reference.parse(image.name).name
