"""From a .run to the parts of its artifact, and from parts to the file again."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bundler.builder.artifact.cut import PartRange, cut
from bundler.builder.artifact.model import PART, PartSizes, RunArtifact
from bundler.builder.artifact.partial_download import PartialDownload
from bundler.core.archive import Bundle
from bundler.core.archive.newfile import NewFile
from bundler.core.digest import Digest, verified
from bundler.core.errors import BundlerError
from bundler.core.oci import Descriptor

OnBytes = Callable[[int], None]


class RunParts:
    """The parts of an open .run, read at their places."""

    def __init__(self, bundle: Bundle, places: Mapping[Digest, PartRange]) -> None:
        self._bundle = bundle
        self._places = places

    def chunks(self, part: Descriptor) -> Iterator[bytes]:
        """A part's content, verified: the file may have changed since it was cut. Raises BundlerError."""
        stretch = self._places[part.digest]
        read = self._bundle.raw(stretch.offset, stretch.length)
        return verified(read, digest=part.digest, size=part.size, name=str(self._bundle.path))


@contextlib.contextmanager
def packed(path: Path, on_bytes: OnBytes = lambda _: None) -> Iterator[tuple[RunArtifact, RunParts]]:
    """Verify a .run, and cut it. on_bytes: told of bytes that were hashed.

    Raises BundlerError as `Bundle.open` and `Bundle.check` do: a damaged file is never passed on.
    """
    with Bundle.open(path) as bundle:
        bundle.check()
        whole = hashlib.sha256()
        places: dict[Digest, PartRange] = {}
        parts = []
        for stretch in _cut(bundle):
            hasher = hashlib.sha256()
            for chunk in bundle.raw(stretch.offset, stretch.length):
                hasher.update(chunk)
                whole.update(chunk)
                on_bytes(len(chunk))
            part = Descriptor(PART, Digest(hasher.hexdigest()), stretch.length)
            places[part.digest] = stretch
            parts.append(part)
        artifact = RunArtifact.of(bundle.seal, Digest(whole.hexdigest()), tuple(parts))
        yield artifact, RunParts(bundle, places)


def assemble(
    artifact: RunArtifact,
    parts: PartSizes,
    target: Path,
    *,
    where: object,
    on_bytes: OnBytes = lambda _: None,
) -> None:
    """Write the file that the parts make; it appears at `target` when it is whole and a .run.

    where: where the parts come from, for messages. Raises BundlerError (INTEGRITY, SPACE, USAGE), and what
    `parts` raises.
    """
    chunks = (chunk for part in artifact.parts for chunk in parts.chunks(part))
    with NewFile(target) as out:
        for chunk in verified(chunks, digest=artifact.digest, size=artifact.size, name=str(where)):
            out.write(chunk)
            on_bytes(len(chunk))
        _check(out.fd, where)
        out.commit(0o777)


def adopt(file: PartialDownload, old: Bundle) -> None:
    """Take the parts that an older .run has in common with the one that is arriving."""
    wanted: dict[int, list[Descriptor]] = {}
    for part in file.artifact.blobs:
        wanted.setdefault(part.size, []).append(part)
    for stretch in _cut(old):
        for part in wanted.get(stretch.length, ()):
            if part.digest not in file.there and _is(old, stretch, part):
                slot = file.slot(part)
                if not slot.whole:
                    slot.fill(old.raw(stretch.offset, stretch.length))
                slot.settle(str(old.path))


def _cut(bundle: Bundle) -> tuple[PartRange, ...]:
    """Its parts, by the members of all its platforms."""
    return cut(bundle.seal, {member for index in bundle.indexes for member in index.members})


def _is(bundle: Bundle, stretch: PartRange, part: Descriptor) -> bool:
    hasher = hashlib.sha256()
    for chunk in bundle.raw(stretch.offset, stretch.length):
        hasher.update(chunk)
    return hasher.hexdigest() == part.digest.hex


def finish(file: PartialDownload, target: Path, *, where: object, on_bytes: OnBytes = lambda _: None) -> None:
    """Verify the file as a whole once all parts are there; then it appears at `target`.

    where, on_bytes and errors are those of `assemble`; what isn't right is removed.
    """
    artifact = file.artifact
    try:
        chunks = file.chunks(0, artifact.size)
        for chunk in verified(chunks, digest=artifact.digest, size=artifact.size, name=str(where)):
            on_bytes(len(chunk))
        _check(file.fd, where)
    except BundlerError:
        file.discard()
        raise
    file.commit(target)


def _check(fd: int, where: object) -> None:
    """See that what came is a .run at all; the manifest only says that it came as it was sent."""
    try:
        Bundle.open(Path(f"/proc/self/fd/{fd}")).close()
    except BundlerError as error:
        raise error.revised(where=where) from error
