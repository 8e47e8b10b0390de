"""Bundles to and from registries: each part once, several at a time, and nothing that is there already."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bundler.builder.artifact.model import EMPTY, EMPTY_CONFIG, PartSizes, RunArtifact, chosen
from bundler.builder.artifact.partial_download import PartialDownload, Slot
from bundler.builder.artifact.upload import Uploader
from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.parallel import Stop, run_all
from bundler.builder.lib.progress import Counted, Progress, Transfer, transferring
from bundler.builder.net.http import Sink
from bundler.builder.oci.pull import BlobSource, fetch_manifest, manifest_by_digest
from bundler.core.errors import BundlerError
from bundler.core.oci import Descriptor, ManifestIndex, Platform, parse_any
from bundler.core.reference import Reference


class Streams(Protocol):
    """Gives what a sink lacks of a blob (`RegistryClient` does)."""

    def stream(
        self, ref: Reference, what: Descriptor, sink: Sink, on_bytes: Callable[[int], None] = lambda _: None
    ) -> None:
        """Append it; whether it is right, the sink's owner looks. Raises BundlerError."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done: parts that were moved, their bytes, and parts that were there."""

    parts: int
    size: int
    there: int

    @classmethod
    def together(cls, moves: Sequence["Moved"]) -> "Moved":
        """Of several bundles."""
        return cls(sum(m.parts for m in moves), sum(m.size for m in moves), sum(m.there for m in moves))


def push(
    artifact: RunArtifact,
    parts: PartSizes,
    uploader: Uploader,
    jobs: int,
    progress: Progress,
    *,
    wanted: str = "",
) -> Moved:
    """Let the uploader's name, or the digest `wanted`, mean this bundle; what the repository has is not sent.

    Raises BundlerError (NETWORK, TRUST, INTEGRITY).
    """
    if uploader.manifest_digest(wanted) == str(artifact.descriptor.digest):
        return Moved(0, 0, len(artifact.blobs))
    stop = Stop()
    with transferring(progress, str(uploader.ref), artifact.size) as transfer:
        send = _Send(parts, uploader, transfer, stop)
        sent = _all([partial(send.part, part) for part in artifact.blobs], jobs, stop)
    if not uploader.has_blob(EMPTY_CONFIG.digest):
        uploader.upload(EMPTY_CONFIG.digest, EMPTY_CONFIG.size, lambda: (EMPTY,))
    uploader.put_manifest(artifact.raw, wanted=wanted)
    return _moved(artifact.blobs, sent)


def locate(source: BlobSource, ref: Reference, platform: Platform | None, store: Store) -> RunArtifact:
    """The bundle that a name means; of an index, the one for the platform. Its manifest is in the store.

    Raises BundlerError (NOT_FOUND, USAGE) as `chosen` does, UNSUPPORTED for what is no bundle, and what the
    source raises.
    """
    found = fetch_manifest(source, ref, store)
    top = parse_any(found.raw, found.media_type, ref)
    if isinstance(top, ManifestIndex):
        found = manifest_by_digest(source, ref, chosen(top, platform, ref), store)
    return RunArtifact.parse(found.raw, found.media_type, ref)


def fetch(
    source: BlobSource,
    ref: Reference,
    parts: Sequence[Descriptor],
    store: Store,
    jobs: int,
    progress: Progress,
) -> Moved:
    """Bring parts of a bundle into the store; cut transfers go on where they stopped, also in a later run.

    Raises BundlerError (NOT_FOUND, NETWORK, TRUST, INTEGRITY, SPACE).
    """
    stop = Stop()

    with transferring(progress, str(ref), sum(part.size for part in parts)) as transfer:

        def bring(part: Descriptor) -> bool:
            if store.find(part.digest, part.size) is not None:
                transfer.advance(part.size)
                return False
            source.blob(ref, part, store, lambda count: _watched(transfer, stop, count))
            return True

        fetched = _all([partial(bring, part) for part in parts], jobs, stop)
    return _moved(parts, fetched)


def receive(
    client: Streams,
    ref: Reference,
    file: PartialDownload,
    parts: Sequence[Descriptor],
    store: Store,
    jobs: int,
    progress: Progress,
) -> Moved:
    """Bring parts of a bundle to where they stay in its file, from the store those that it has.

    What is there already is kept, also what an earlier run left. Raises BundlerError as `fetch` does.
    """
    with transferring(progress, str(ref), sum(part.size for part in parts)) as transfer:
        work = _Receive(client, ref, file, store, transfer)
        received = _all([partial(work.part, part) for part in parts], jobs, work.stop)
    return _moved(parts, received)


class _Receive:
    def __init__(
        self, client: Streams, ref: Reference, file: PartialDownload, store: Store, transfer: Transfer
    ) -> None:
        self.stop = Stop()
        self._client = client
        self._ref = ref
        self._file = file
        self._store = store
        self._transfer = transfer

    def part(self, part: Descriptor) -> bool:
        """Whether it had to be fetched."""
        if part.digest in self._file.there:
            self._transfer.advance(part.size)
            return False
        slot = self._file.slot(part)
        self._advance(slot.size)
        name, there = f"{self._ref} ({part.digest})", slot.whole
        if not there and self._store.find(part.digest, part.size) is not None:
            self._advance(-slot.size)
            slot.fill(self._counted(self._store.chunks(Blob(part.digest, part.size), name=name)))
            there = True
        if not there:
            self._fetch(part, slot)
        slot.settle(name)
        return not there

    def _fetch(self, part: Descriptor, slot: Slot) -> None:
        self._client.stream(self._ref, part, slot, self._advance)
        if slot.resumed and not slot.whole:  # what an earlier run left is no good
            self._advance(-slot.size)
            slot.restart()
            self._client.stream(self._ref, part, slot, self._advance)

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._advance(len(chunk))
            yield chunk

    def _advance(self, count: int) -> None:
        _watched(self._transfer, self.stop, count)


class _Send:
    def __init__(self, parts: PartSizes, uploader: Uploader, transfer: Transfer, stop: Stop) -> None:
        self._parts = parts
        self._uploader = uploader
        self._transfer = transfer
        self._stop = stop

    def part(self, part: Descriptor) -> bool:
        """Whether it had to be sent."""
        if self._uploader.has_blob(part.digest):
            self._transfer.advance(part.size)
            return False
        counted = Counted(self._transfer)
        self._uploader.upload(part.digest, part.size, lambda: self._read(part, counted))
        return True

    def _read(self, part: Descriptor, counted: Counted) -> Iterator[bytes]:
        self._transfer.advance(-counted.bytes)  # what an earlier try has sent is sent again
        counted.bytes = 0
        for chunk in counted.passed(self._parts.chunks(part)):
            self._stop.check()
            yield chunk


def _watched(transfer: Transfer, stop: Stop, count: int) -> None:
    stop.check()
    transfer.advance(count)


def _all(work: Sequence[Callable[[], bool]], jobs: int, stop: Stop) -> list[bool]:
    """Do it all; raises the first failure once the others have been tried."""
    done = []
    for result in run_all(work, jobs, stop):
        if isinstance(result, BundlerError):
            raise result
        done.append(result)
    return done


def _moved(blobs: Sequence[Descriptor], done: Sequence[bool]) -> Moved:
    sizes = [blob.size for blob, moved in zip(blobs, done, strict=True) if moved]
    return Moved(len(sizes), sum(sizes), len(blobs) - len(sizes))
