"""The bundles that the cache holds under names, as `docker tag` gives them to images.

A name means a manifest; manifest and parts are blobs of the cache, and parts that bundles have in common are
there once.
"""

import json
from collections.abc import Iterator
from typing import Final

from bundler.builder.artifact.model import RunArtifact
from bundler.builder.cache.store import Blob, Store
from bundler.core.digest import Digest
from bundler.core.oci import MAX_MANIFEST, OCI_MANIFEST, Descriptor
from bundler.core.reference import Reference

_KIND: Final = "bundle-names"
_KEY: Final = "all"


class Names:
    """The names of one cache. Several processes may change them at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, Digest]:
        """Each name, in order, and the digest of the manifest that it means."""
        record = self._store.recall(_KIND, _KEY)
        known = json.loads(record) if record else {}
        return {name: Digest(known[name]) for name in sorted(known)}

    def find(self, ref: Reference) -> RunArtifact | None:
        """The bundle of this name; None where there is none, or where the cache has lost a part of it."""
        digest = self.all().get(str(ref))
        size = None if digest is None else self._store.size(digest)
        if digest is None or size is None or size > MAX_MANIFEST:
            return None
        raw = b"".join(self._store.chunks(Blob(digest, size), name=str(ref)))
        found = RunArtifact.parse(raw, OCI_MANIFEST, ref)
        return found if all(self._store.find(part.digest, part.size) for part in found.parts) else None

    def put(self, ref: Reference, artifact: RunArtifact) -> None:
        """Let a name mean a bundle whose parts the cache has."""
        what = artifact.descriptor
        self._store.add((artifact.raw,), digest=what.digest, size=what.size, name=str(ref))
        with self._store.alone(_KIND, _KEY):
            self._write({**self.all(), str(ref): what.digest})

    def drop(self, ref: Reference) -> bool:
        """Forget a name; whether there was one. The blobs stay in the cache."""
        with self._store.alone(_KIND, _KEY):
            known = self.all()
            if known.pop(str(ref), None) is None:
                return False
            self._write(known)
            return True

    def _write(self, known: dict[str, Digest]) -> None:
        text = json.dumps({name: digest.hex for name, digest in known.items()}, sort_keys=True)
        self._store.remember(_KIND, _KEY, text.encode())


class StoredParts:
    """Parts that lie in the cache."""

    def __init__(self, store: Store, where: object) -> None:
        self._store = store
        self._where = where

    def chunks(self, part: Descriptor) -> Iterator[bytes]:
        """A part's content, verified. Raises BundlerError (INTEGRITY, NOT_FOUND)."""
        return self._store.chunks(Blob(part.digest, part.size), name=f"{self._where} ({part.digest})")
