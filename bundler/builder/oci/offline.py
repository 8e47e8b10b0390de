"""Images of an earlier build, for builds that may not use the network."""

from collections.abc import Callable

from bundler.builder.cache.store import Blob, Store
from bundler.builder.net.http import Sink
from bundler.builder.oci.client import RawManifest
from bundler.builder.oci.pull import remembered
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference


class Offline:
    """A source for builds that may not use the network: it knows what tags meant, and has nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def manifest(self, ref: Reference, wanted: str) -> RawManifest:
        """What the tag meant when it was last resolved here."""
        known = remembered(ref, self._store) if ref.digest is None and wanted == ref.wanted else None
        if known is None or self._store.find(known[0]) is None:
            raise _not_cached(ref, wanted)
        digest, media_type = known
        size = self._store.size(digest) or 0
        raw = b"".join(self._store.chunks(Blob(digest, size), name=str(ref)))
        return RawManifest(raw, digest, media_type)

    def blob(
        self, ref: Reference, what: Descriptor, store: Store, on_bytes: Callable[[int], None] = lambda _: None
    ) -> Blob:
        """What is in the store already."""
        if store.find(what.digest, what.size) is not None:
            on_bytes(what.size)
            return Blob(what.digest, what.size)
        raise _not_cached(ref, str(what.digest))

    def stream(
        self,
        ref: Reference,
        what: Descriptor,
        sink: Sink,  # noqa: ARG002  (what a registry's client takes)
        on_bytes: Callable[[int], None] = lambda _: None,  # noqa: ARG002  (as above)
    ) -> None:
        """Nothing comes: what is in the store needn't be streamed. Raises BundlerError (NOT_FOUND)."""
        raise _not_cached(ref, str(what.digest))


def _not_cached(ref: Reference, what: str) -> BundlerError:
    return BundlerError(
        "it is not in the cache, and the build is offline",
        where=ref,
        why=f"{what} is missing",
        fix="build once with a network",
        code=ExitCode.NOT_FOUND,
        id="BND-OFFLINE",
    )
