"""What a registry keeps beside an image: signatures, attestations, SBOMs; carried along on request.

They are found in three ways: the referrers API of the distribution specification 1.1; where a registry hasn't
got it, the tag `sha256-HEX` that stands in for it; and cosign's own tags `sha256-HEX.sig`, `.att`, `.sbom`.
On site all are served by tags, which every registry can: what the API lists goes into an index under the
stand-in tag. That index follows from the artifacts alone, so their digests pin all of it.
"""

import json
from dataclasses import replace
from typing import Protocol

from bundler.builder.cache.store import Store
from bundler.builder.oci.client import RawManifest
from bundler.builder.oci.model import Attachment, ResolvedImage
from bundler.builder.oci.pull import BlobSource, manifest_by_digest
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical
from bundler.core.oci import OCI_INDEX, Artifact, Descriptor, ManifestIndex, parse_artifact, parse_manifest
from bundler.core.reference import Reference

MAX_ATTACHED = 200  # artifacts of one manifest
MAX_SIZE = 256 << 20  # bytes of one artifact; an SBOM may be large, a layer of an image is none of these
_COSIGN = (".sig", ".att", ".sbom")
_KIND = "image-attached"  # kind of record: what was found beside a manifest


AttachedPins = tuple[tuple[str, Digest], ...]  # tag and artifact; several of one tag are listed in an index


class Listing(Protocol):
    """Asks the referrers API (`RegistryClient` does)."""

    def referrers(self, ref: Reference, subject: Digest) -> bytes | None:
        """An image index of what refers to the manifest, None where the registry has no such API."""


def find_attached(
    source: BlobSource, listing: Listing | None, image: ResolvedImage, store: Store
) -> tuple[Attachment, ...]:
    """All that is attached to the image's manifests, in the store.

    listing: None for builds offline, which take what was found before. Raises BundlerError.
    """
    found: list[Attachment] = []
    for subject in image.manifests:
        key = f"{image.reference.name}@{subject.digest}"
        roots = (
            _recalled(store, key)
            if listing is None
            else _asked(source, listing, image.reference, subject, store)
        )
        found += (_whole(source, image.reference, tag, root, store) for tag, root in roots)
        record = [[tag, root.media_type, str(root.digest), root.size] for tag, root in roots]
        store.remember(_KIND, key, json.dumps(record).encode())
    return tuple(sorted(found, key=lambda one: one.tag))


def pins_of(image: ResolvedImage) -> AttachedPins:
    """What pins all that is attached to an image: tags with the artifacts under them, sorted."""
    return tuple(
        sorted(
            (one.tag, part.digest)
            for one in image.attached
            for part in one.manifests
            if part != one.root or len(one.manifests) == 1
        )
    )


def pinned_attached(
    source: BlobSource, image: ResolvedImage, pins: AttachedPins, store: Store
) -> tuple[Attachment, ...]:
    """What `find_attached` found when these pins were made; what the store has is not asked for.

    Raises BundlerError.
    """
    tags: dict[str, list[Descriptor]] = {}
    for tag, digest in pins:
        tags.setdefault(tag, []).append(_pinned(source, image.reference, digest, store))
    bare = {f"sha256-{subject.digest.hex}" for subject in image.manifests}
    return tuple(
        _whole(
            source,
            image.reference,
            tag,
            _index_of(source, image.reference, tuple(parts), store) if tag in bare else parts[0],
            store,
        )
        for tag, parts in sorted(tags.items())
    )


def _pinned(source: BlobSource, ref: Reference, digest: Digest, store: Store) -> Descriptor:
    try:
        return _artifact(source, ref, Descriptor("", digest, store.size(digest) or 0), store).descriptor
    except BundlerError as error:
        if error.code is not ExitCode.NOT_FOUND:
            raise
        raise BundlerError(
            "the locked signatures of this image are unavailable",
            where=f"{ref.name}@{digest}",
            why=error.what,
            code=error.code,
            id="BND-LOCK-DIFFERS",
            fix=f"`bundler update {ref}` takes what is there now",
        ) from error


def _recalled(store: Store, key: str) -> list[tuple[str, Descriptor]]:
    record = json.loads(store.recall(_KIND, key) or b"[]")
    return [(tag, Descriptor(kind, Digest.parse(digest), size)) for tag, kind, digest, size in record]


def _asked(
    source: BlobSource, listing: Listing, ref: Reference, subject: Descriptor, store: Store
) -> list[tuple[str, Descriptor]]:
    """Tags, and what shall stand under them on site."""
    base = f"sha256-{subject.digest.hex}"
    listed = _listed(source, listing, ref, subject, base)
    roots = [(base, _index_of(source, ref, listed, store))] if listed else []
    for ending in _COSIGN:
        if (found := _tagged(source, ref, base + ending)) is not None:
            raw = found.raw
            store.add((raw,), digest=found.digest, size=len(raw), name=f"{ref.name}:{base}{ending}")
            roots.append((base + ending, parse_artifact(raw, found.media_type, ref).descriptor))
    return roots


def _listed(
    source: BlobSource, listing: Listing, ref: Reference, subject: Descriptor, base: str
) -> tuple[Descriptor, ...]:
    raw = listing.referrers(ref, subject.digest)
    if raw is None:
        found = _tagged(source, ref, base)
        raw = None if found is None else found.raw
    if raw is None:
        return ()
    index = parse_manifest(raw, OCI_INDEX, f"{ref.name}: what refers to {subject.digest}")
    if not isinstance(index, ManifestIndex) or len(index.manifests) > MAX_ATTACHED:
        raise _refused(ref, f"more than {MAX_ATTACHED} artifacts refer to it")
    return index.manifests


def _index_of(source: BlobSource, ref: Reference, listed: tuple[Descriptor, ...], store: Store) -> Descriptor:
    """The index that stands in for the referrers API, always the same for the same artifacts."""
    entries = []
    for entry in sorted(listed, key=lambda one: one.digest):
        artifact = _artifact(source, ref, entry, store)
        about = replace(artifact.descriptor, annotations=artifact.annotations)
        entries.append({**about.to_json(), "artifactType": artifact.kind})
    raw = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    blob = store.add((raw,), digest=None, size=len(raw), name=f"{ref.name} (referrers)")
    return Descriptor(OCI_INDEX, blob.digest, blob.size)


def _tagged(source: BlobSource, ref: Reference, tag: str) -> RawManifest | None:
    try:
        return source.manifest(replace(ref, tag=tag, digest=None), tag)
    except BundlerError as error:
        if error.code is ExitCode.NOT_FOUND:
            return None
        raise


def _artifact(source: BlobSource, ref: Reference, what: Descriptor, store: Store) -> Artifact:
    found = manifest_by_digest(source, ref, what, store)
    return parse_artifact(found.raw, found.media_type, f"{ref.name}@{what.digest}")


def _whole(source: BlobSource, ref: Reference, tag: str, root: Descriptor, store: Store) -> Attachment:
    """All parts of what stands under a tag, fetched."""
    parts = _listed_in(source, ref, root, store) if root.media_type == OCI_INDEX else (root,)
    blobs: dict[Descriptor, None] = {}
    for part in parts:
        artifact = _artifact(source, ref, part, store)
        blobs |= dict.fromkeys((artifact.config, *artifact.layers))
    for blob in blobs:
        if blob.size > MAX_SIZE:
            raise _refused(ref, f"an artifact that refers to it has {blob.size} bytes")
        if store.find(blob.digest, blob.size) is None:
            source.blob(ref, blob, store)
    manifests = parts if parts == (root,) else (root, *parts)
    return Attachment(tag, root, manifests, tuple(blobs))


def _listed_in(source: BlobSource, ref: Reference, root: Descriptor, store: Store) -> tuple[Descriptor, ...]:
    raw = manifest_by_digest(source, ref, root, store).raw
    index = parse_manifest(raw, OCI_INDEX, ref)
    return index.manifests if isinstance(index, ManifestIndex) else ()


def _refused(ref: Reference, why: str) -> BundlerError:
    return BundlerError(
        "the image's signatures and attestations can't be carried along",
        where=ref,
        why=why,
        fix="leave --with-signatures out for this image",
        code=ExitCode.UNSUPPORTED,
    )
