"""Compressed frames kept in the store, so that a second build doesn't compress again."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from bundler.builder.cache.partial import Blob
from bundler.builder.cache.store import Store
from bundler.core.archive.frames import NOT_KEPT

_KIND = "frame"


class StoredFrames:
    """A FrameCache (see `bundler.core.archive`) over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def frame(self, key: str, make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
        """The frame kept under `key`, verified; else `make()`'s, kept once it has ended without an error."""
        if (known := self._recall(key)) is not None:
            yield from self._store.chunks(known, name="a compressed frame")
            return
        chunks = make()
        head = _head(chunks)
        if sum(map(len, head)) < NOT_KEPT:
            yield from head
            return
        blob = self._keep(key, chain(head, chunks))
        yield from self._store.chunks(blob, name="a compressed frame")

    def _recall(self, key: str) -> Blob | None:
        if (text := self._store.recall(_KIND, key)) is None:
            return None
        blob = Blob.from_json(text)
        return blob if self._store.find(blob.digest, blob.size) else None

    def _keep(self, key: str, chunks: Iterable[bytes]) -> Blob:
        blob = self._store.add(chunks, digest=None, size=None, name="a compressed frame")
        self._store.remember(_KIND, key, blob.to_json())
        return blob


def _head(chunks: Iterator[bytes]) -> list[bytes]:
    """The first chunks, up to NOT_KEPT bytes."""
    head: list[bytes] = []
    size = 0
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size >= NOT_KEPT:
            break
    return head
