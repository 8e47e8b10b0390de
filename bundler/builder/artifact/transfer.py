"""Bundles to and from registries: each part once, several at a time, and nothing that is there already."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bundler.builder.artifact.model import EMPTY, EMPTY_CONFIG, Parts, RunArtifact
from bundler.builder.artifact.upload import Uploader
from bundler.builder.images.registry import RegistryClient
from bundler.builder.parallel import Stop, run_all
from bundler.builder.progress import Counted, Progress, Transfer, transferring
from bundler.builder.store import Store
from bundler.core.errors import BundlerError
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done: parts that were moved, their bytes, and parts that were there."""

    parts: int
    size: int
    there: int


def push(artifact: RunArtifact, parts: Parts, uploader: Uploader, jobs: int, progress: Progress) -> Moved:
    """Let the uploader's name mean this bundle; a part that the repository has is not sent.

    Raises BundlerError (NETWORK, TRUST, INTEGRITY).
    """
    if uploader.manifest_digest() == str(artifact.descriptor.digest):
        return Moved(0, 0, len(artifact.blobs))
    stop = Stop()
    with transferring(progress, str(uploader.ref), artifact.size) as transfer:
        send = _Send(parts, uploader, transfer, stop)
        sent = _all([partial(send.part, part) for part in artifact.blobs], jobs, stop)
    if not uploader.has_blob(EMPTY_CONFIG.digest):
        uploader.upload(EMPTY_CONFIG.digest, EMPTY_CONFIG.size, lambda: (EMPTY,))
    uploader.put_manifest(artifact.raw)
    return _moved(artifact.blobs, sent)


def fetch(
    client: RegistryClient, ref: Reference, store: Store, jobs: int, progress: Progress
) -> tuple[RunArtifact, Moved]:
    """Bring a bundle's parts into the store; cut transfers go on where they stopped, also in a later run.

    Raises BundlerError (NOT_FOUND, NETWORK, TRUST, INTEGRITY, SPACE), UNSUPPORTED for what is no bundle.
    """
    top = client.manifest(ref, ref.wanted)
    artifact = RunArtifact.parse(top.raw, top.media_type, ref)
    stop = Stop()

    with transferring(progress, str(ref), artifact.size) as transfer:

        def bring(part: Descriptor) -> bool:
            if store.find(part.digest, part.size) is not None:
                transfer.advance(part.size)
                return False
            client.blob(ref, part, store, lambda count: _watched(transfer, stop, count))
            return True

        fetched = _all([partial(bring, part) for part in artifact.blobs], jobs, stop)
    return artifact, _moved(artifact.blobs, fetched)


class _Send:
    def __init__(self, parts: Parts, uploader: Uploader, transfer: Transfer, stop: Stop) -> None:
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
