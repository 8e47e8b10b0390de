"""Images out of an OCI layout (image specification, image-layout.md), in a folder or a tar."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.files import Archive, each_once, read_small, refused, unknown_name
from bundler.builder.oci.client import RawManifest
from bundler.builder.oci.model import ResolvedImage
from bundler.builder.oci.pull import resolve
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MAX_MANIFEST, Descriptor, ManifestIndex, parse_manifest
from bundler.core.reference import Reference

_NAME_KEYS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def read_layout(archive: Archive, wanted: str) -> tuple[ResolvedImage, ...]:
    """The images of the layout; `wanted` is one of its names, or names its only image; "" takes all.

    Raises BundlerError (NOT_FOUND, INTEGRITY, INPUT).
    """
    raw = read_small(archive.files, "index.json", MAX_MANIFEST, archive.where)
    top = parse_manifest(raw, "", archive.where)
    if not isinstance(top, ManifestIndex):
        raise refused(archive.where, "its index.json is no image index")
    source = _Layout(archive)
    images = []
    for reference, entry in _chosen(top.manifests, wanted, archive.where):
        pinned = replace(reference, digest=entry.digest)
        found = resolve(source, pinned, archive.platform, archive.store)
        for layer in found.blobs[1:]:
            source.blob(pinned, layer, archive.store)
        images.append(_unpinned(found, reference))
    return tuple(images)


def _unpinned(image: ResolvedImage, reference: Reference) -> ResolvedImage:
    """The image under a name that may have no digest; then it means the platform's manifest."""
    if reference.digest is not None:
        return image
    manifest = image.manifests[-1]
    return replace(image, reference=reference, root=manifest, manifests=(manifest,))


def _chosen(
    entries: Iterable[Descriptor], wanted: str, where: object
) -> tuple[tuple[Reference, Descriptor], ...]:
    """Which entries to take, and under which names."""
    listed = tuple(entries)
    named = [(name, entry) for entry in listed for name in _names(entry)]
    if wanted:
        same = [entry for name, entry in named if name == wanted or _full(name) == _full(wanted)]
        match = same[:1] or (list(listed) if len(listed) == 1 else [])
        if not match:
            raise unknown_name(where, wanted, (name for name, _ in named))
        full = next((f for f in (_full(wanted), *(_full(name) for name in _names(match[0]))) if f), None)
        if full is None:
            raise refused(where, f"{wanted!r} is no full image name, and the layout knows no other")
        return ((full, match[0]),)
    found = each_once(
        ((full, entry.digest) for name, entry in named if (full := _full(name)) is not None), where
    )
    entry_of = {entry.digest: entry for entry in listed}
    if not found:
        raise refused(where, "no image in it has a full name")
    return tuple((full, entry_of[digest]) for full, digest in found.items())


def _names(entry: Descriptor) -> list[str]:
    return [name for key in _NAME_KEYS if (name := entry.annotation(key))]


def _full(name: str) -> Reference | None:
    """The reference a name means; a mere tag such as `1.27`, which layouts often hold, means none."""
    if "/" not in name and ":" not in name:
        return None
    try:
        return Reference.parse(name)
    except BundlerError:
        return None


class _Layout:
    """An OCI layout as a source of manifests and blobs."""

    def __init__(self, archive: Archive) -> None:
        self._files = archive.files
        self._where = archive.where

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """A manifest by digest, verified."""
        digest = Digest.parse(wanted)
        raw = read_small(self._files, _blob_path(digest), MAX_MANIFEST, self._where)
        if Digest.of(raw) != digest:
            raise BundlerError(
                "a manifest is not what its digest says",
                where=self._where,
                why=f"{ref}: expected {digest}, got {Digest.of(raw)}",
                fix="the layout is damaged; recreate it",
                code=ExitCode.INTEGRITY,
            )
        return RawManifest(raw, digest, "")

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """A blob, verified as the store takes it."""
        chunks = self._files.chunks(_blob_path(what.digest))
        blob = store.add(chunks, digest=what.digest, size=what.size, name=f"{ref} in {self._where}")
        on_bytes(blob.size)
        return blob


def _blob_path(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"
