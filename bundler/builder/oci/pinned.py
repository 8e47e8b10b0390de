"""Images whose tags a lock has settled: by digest, whatever the registry says of the tag by now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bundler.builder.cache.store import Blob, Store
from bundler.builder.oci.client import RawManifest
from bundler.builder.oci.pull import BlobSource
from bundler.builder.oci.referrers import AttachedPins
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MAX_MANIFEST, Descriptor
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class ImagePins:
    """What a lock has settled, by full name.

    digests: what tags mean. attached: what is kept beside images, of those that it was locked for.
    """

    digests: Mapping[str, Digest] = field(default_factory=dict)
    attached: Mapping[str, AttachedPins] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A source in front of another; pins: by full name (`docker.io/library/nginx:1.27`)."""

    source: BlobSource
    pins: Mapping[str, Digest]
    store: Store

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """What the pin says, from the store where it is there; all else as the source has it."""
        digest = self.pins.get(str(ref))
        if digest is None or ref.digest is not None or wanted != ref.wanted:
            return self.source.manifest(ref, wanted)
        size = self.store.size(digest)
        if size is not None and size <= MAX_MANIFEST:
            raw = b"".join(self.store.chunks(Blob(digest, size), name=str(ref)))
            return RawManifest(raw, digest, "")
        try:
            return self.source.manifest(ref, str(digest))
        except BundlerError as error:
            if error.code is not ExitCode.NOT_FOUND:
                raise
            raise BundlerError(
                "what the lock pins this name to is unavailable",
                where=error.where,
                why=f"{digest}: {error.what}",
                code=error.code,
                id="BND-LOCK-DIFFERS",
                fix=f"`bundler update {ref}` takes what the tag means now",
            ) from error

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """As the source has it."""
        return self.source.blob(ref, what, store, on_bytes)
