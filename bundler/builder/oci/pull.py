"""From a name to the parts of one image for one platform: which manifest, whose config, which layers.

The same steps serve registries and local layouts; `Source` is what differs. An image for another platform is
refused twice over: by the index that lists it, and by the config that says what it was built for.
"""

from collections.abc import Callable
from typing import NoReturn, Protocol

from bundler.builder.cache.store import Blob, Store
from bundler.builder.oci.client import RawManifest
from bundler.builder.oci.model import ResolvedImage
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import (
    MAX_CONFIG,
    MAX_MANIFEST,
    Descriptor,
    Manifest,
    ManifestIndex,
    Platform,
    parse_config,
    parse_manifest,
)
from bundler.core.reference import Reference

_Way = tuple[*tuple[ManifestIndex, ...], Manifest]
_DEEPEST = 4  # indexes in indexes
_MOST_ASKED = 32  # manifests of one image that don't say for which platform they are
_TAGS = "image-tag"  # kind of record: what a tag meant when it was last resolved


class BlobSource(Protocol):
    """Where manifests and blobs come from; what it gives is verified against digest and size."""

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """The manifest of a tag or digest. Raises BundlerError."""

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """Bring a blob into the store. Raises BundlerError."""


def resolve(
    source: BlobSource, ref: Reference, platform: Platform, store: Store, *, keep_list: bool = False
) -> ResolvedImage:
    """Find the image's manifest for the platform, and its config; both are in the store afterwards.

    keep_list: where the name means an index, keep that as what it means, as for one pinned by digest.
    Layers are named but not fetched. What is known by digest is taken from the store without a request.
    Raises BundlerError: (NOT_FOUND) where there is none for the platform, and what the source raises.
    """
    top = _parsed(_top(source, ref, store), ref)
    way = _for_platform(source, ref, top, platform, store)
    manifest = way[-1]
    config = _config(source, ref, manifest.config, store)
    check_config(config, ref, len(manifest.layers), platform)
    listed = (keep_list or ref.digest is not None) and isinstance(top, ManifestIndex)
    kept = (*way[:-1], manifest) if listed else (manifest,)
    if ref.digest is None:
        store.remember(_TAGS, str(ref), f"{top.descriptor.digest} {top.media_type}".encode())
    return ResolvedImage(
        ref,
        kept[0].descriptor,
        tuple(one.descriptor for one in kept),
        (manifest.config, *manifest.layers),
        top=str(top.descriptor.digest),
    )


def fetch_manifest(source: BlobSource, ref: Reference, store: Store) -> RawManifest:
    """The manifest that a name means, whatever it is of; in the store and remembered for builds offline.

    Raises BundlerError, what the source raises.
    """
    found = _top(source, ref, store)
    if ref.digest is None:
        store.remember(_TAGS, str(ref), f"{found.digest} {found.media_type}".encode())
    return found


def remembered(ref: Reference, store: Store) -> tuple[Digest, str] | None:
    """Digest and media type of what the tag meant when it was last resolved, None where it never was."""
    record = store.recall(_TAGS, str(ref))
    if record is None:
        return None
    digest, _, media_type = record.decode().partition(" ")
    return Digest.parse(digest), media_type


def _top(source: BlobSource, ref: Reference, store: Store) -> RawManifest:
    if ref.digest is None:
        return _kept(source.manifest(ref, ref.wanted), ref, store)
    size = store.size(ref.digest)
    return manifest_by_digest(source, ref, Descriptor("", ref.digest, size or 0), store)


def manifest_by_digest(source: BlobSource, ref: Reference, what: Descriptor, store: Store) -> RawManifest:
    """A manifest by its digest: the store's, else the source's, which the store has afterwards."""
    if store.find(what.digest, what.size) is None or what.size > MAX_MANIFEST:
        return _kept(source.manifest(ref, str(what.digest)), ref, store)
    chunks = store.chunks(Blob(what.digest, what.size), name=str(ref))
    return RawManifest(b"".join(chunks), what.digest, what.media_type)


def _kept(manifest: RawManifest, ref: Reference, store: Store) -> RawManifest:
    store.add((manifest.raw,), digest=manifest.digest, size=len(manifest.raw), name=str(ref))
    return manifest


def _parsed(manifest: RawManifest, ref: Reference) -> Manifest | ManifestIndex:
    return parse_manifest(manifest.raw, manifest.media_type, ref)


class _Lists:
    """The way down through indexes to the manifest for one platform; what is asked on it is bounded."""

    def __init__(self, source: BlobSource, ref: Reference, platform: Platform, store: Store) -> None:
        self._source = source
        self._ref = ref
        self._platform = platform
        self._store = store
        self._asked = 0
        self.offered: set[Platform] = set()

    def way(self, top: ManifestIndex, above: tuple[ManifestIndex, ...] = ()) -> _Way | None:
        """From the topmost index to the manifest, or None where there is none for the platform."""
        self.offered.update(top.platforms)
        above = (*above, top)
        chosen = top.choose(self._platform)
        if chosen is not None and chosen not in top.inner:
            return *above, self._manifest(chosen)
        for one in top.inner if len(above) < _DEEPEST else ():
            inner = self._parsed(one)
            if isinstance(inner, ManifestIndex) and (found := self.way(inner, above)) is not None:
                return found
        named = next((manifest for one in top.unlabelled if (manifest := self._asked_for(one))), None)
        return None if named is None else (*above, named)

    def refuse(self) -> NoReturn:
        """Raises BundlerError (NOT_FOUND) with what there is instead."""
        offered = ", ".join(str(one) for one in sorted(self.offered)) or "nothing that names its platform"
        _wrong_platform(self._ref, self._platform, f"it is offered for {offered}")

    def _asked_for(self, what: Descriptor) -> Manifest | None:
        """A manifest whose config says that it is for the platform; what is no image is passed over."""
        try:
            manifest = self._manifest(what)
        except BundlerError as error:
            if error.code is not ExitCode.UNSUPPORTED:
                raise
            return None
        config = parse_config(_config(self._source, self._ref, manifest.config, self._store), self._ref)
        self.offered.add(config.platform)
        return manifest if self._platform.runs(config.platform) else None

    def _manifest(self, what: Descriptor) -> Manifest:
        found = self._parsed(what)
        if isinstance(found, ManifestIndex):
            _wrong_index(self._ref, what, found)
        return found

    def _parsed(self, what: Descriptor) -> Manifest | ManifestIndex:
        self._asked += 1
        if self._asked > _MOST_ASKED:
            _wrong_platform(self._ref, self._platform, f"{_MOST_ASKED} manifests of its index were asked")
        found = _parsed(manifest_by_digest(self._source, self._ref, what, self._store), self._ref)
        if len(found.raw) != what.size:
            _wrong_index(self._ref, what, found)
        return found


def _for_platform(
    source: BlobSource, ref: Reference, top: Manifest | ManifestIndex, platform: Platform, store: Store
) -> _Way:
    """The indexes that lead to the manifest, and the manifest, last."""
    if isinstance(top, Manifest):
        return (top,)
    lists = _Lists(source, ref, platform, store)
    found = lists.way(top)
    if found is None:
        lists.refuse()
    return found


def _wrong_index(ref: Reference, what: Descriptor, found: Manifest | ManifestIndex) -> NoReturn:
    raise BundlerError(
        "the image's index is wrong about its manifest",
        where=ref,
        why=f"{what.digest} is {len(found.raw)} bytes of {found.media_type}, "
        f"but stands there as {what.size} bytes of {what.media_type[:120]}",
        fix="the registry is damaged or the image was stored incorrectly; push it again",
        code=ExitCode.INTEGRITY,
    )


def _config(source: BlobSource, ref: Reference, what: Descriptor, store: Store) -> bytes:
    if what.size > MAX_CONFIG:
        _contradicts(ref, f"its config would be {what.size} bytes")
    if store.find(what.digest, what.size) is None:
        source.blob(ref, what, store)
    return b"".join(store.chunks(Blob(what.digest, what.size), name=f"{ref} (config)"))


def check_config(raw: bytes, ref: Reference, layers: int, platform: Platform) -> tuple[Digest, ...]:
    """See that a config is for this platform and for that many layers; the digests of the unpacked layers.

    Raises BundlerError: (NOT_FOUND) for another platform, (INTEGRITY) for a malformed config.
    """
    config = parse_config(raw, ref)
    built_for = config.platform
    wanted = platform if built_for.variant else Platform(platform.os, platform.architecture)
    if not wanted.runs(built_for):
        _wrong_platform(ref, platform, f"its config says that it is built for {built_for}")
    if len(config.diff_ids) != layers:
        _contradicts(ref, f"it has {layers} layers, but {len(config.diff_ids)} in its config")
    return config.diff_ids


def _wrong_platform(ref: Reference, platform: Platform, why: str) -> NoReturn:
    raise BundlerError(
        f"there is no image for {platform}",
        where=ref,
        why=why,
        fix=f"use an image that is built for {platform}, or build for another --platform",
        code=ExitCode.NOT_FOUND,
    )


def _contradicts(ref: Reference, why: str) -> NoReturn:
    raise BundlerError(
        "the image contradicts itself",
        where=ref,
        why=why,
        fix="it is damaged; build and push it again",
        code=ExitCode.INTEGRITY,
    )
