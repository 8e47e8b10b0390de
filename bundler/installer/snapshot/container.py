"""The file of a snapshot: a tar archive of manifest, files and database; compressed and encrypted, or plain.

A plain one is what a control plane keeps for itself (`snapshots` of the Clusterfile). Whatever is read is
read as a stream; nothing of it counts before its digest is right.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from bundler.core.archive import tarhead
from bundler.core.archive.boundedtar import opened
from bundler.core.digest import CHUNK, read_chunks, verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.snapshot_manifest import DATABASE, FILES, LIMIT, MANIFEST, Manifest, parse
from bundler.installer.snapshot.age import Identity, PassPhrase, Recipient, decrypt, encrypt

_LEVEL: Final = 3
_MAGIC: Final = b"ustar"
_ORDER: Final = (FILES, DATABASE)

Opener = Sequence[Identity] | PassPhrase | None


def written(
    manifest: bytes,
    found: Manifest,
    parts: Mapping[str, Iterable[bytes]],
    to: Sequence[Recipient] | PassPhrase,
) -> Iterator[bytes]:
    """The encrypted file. parts: contents by name, each read once, in order.

    Raises BundlerError (INTEGRITY) where a part is not what the manifest says.
    """
    return encrypt(_compressed(_packed(manifest, found, parts)), to)


def _packed(manifest: bytes, found: Manifest, parts: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    made = int(found.made.timestamp())
    yield tarhead.header(MANIFEST, size=len(manifest), mode=0o600, mtime=made)
    yield manifest + tarhead.padding(len(manifest))
    for name in _ORDER:
        part = found.parts[name]
        yield tarhead.header(name, size=part.size, mode=0o600, mtime=made)
        yield from verified(parts[name], digest=part.digest, size=part.size, name=name)
        yield tarhead.padding(part.size)
    yield tarhead.end()


def _compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


class _Pieces(io.RawIOBase):
    """Chunks as a file that can be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held = chunks, memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: "bytearray | memoryview") -> int:  # type: ignore[override]  # the base class takes any buffer
        """At most a chunk."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = memoryview(chunk)
        size = min(len(into), len(self._held))
        into[:size], self._held = self._held[:size], self._held[size:]
        return size


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file that was read whole once, so that everything in it is known to be right."""

    path: Path
    manifest: Manifest
    opener: Opener

    def part(self, name: str) -> Iterator[bytes]:
        """One of its files, verified once more. Raises BundlerError."""
        part = self.manifest.parts[name]
        with _archive(self.path, self.opener) as archive:
            for member in archive:
                if member.name == name:
                    content = read_chunks(_content(archive, member, self.path))
                    yield from verified(
                        content, digest=part.digest, size=part.size, name=f"{self.path}: {name}"
                    )
                    return
        raise _incomplete(self.path)

    def small(self, path: str, limit: int = LIMIT) -> bytes:
        """A file of a control plane; b"" where the snapshot has none. Raises BundlerError."""
        with _inner(self) as archive:
            for member in archive:
                if member.name == path and member.isreg() and member.size <= limit:
                    return _content(archive, member, self.path).read(limit)
        return b""


def read(path: Path, opener: Opener) -> Snapshot:
    """Read all of a file before anything is done with it.

    Raises BundlerError: INTEGRITY for a file that was altered or cut, TRUST for another key, INPUT for what
    is no snapshot, UNSUPPORTED for a later format.
    """
    found: Manifest | None = None
    seen = set[str]()
    with _archive(path, opener) as archive:
        for member in archive:
            if found is None:
                if member.name != MANIFEST or not member.isreg() or member.size > LIMIT:
                    raise _no_snapshot(path, "it does not begin with a manifest")
                found = parse(_content(archive, member, path).read(LIMIT), str(path))
                continue
            part = found.parts.get(member.name)
            if part is None or member.name in seen or not member.isreg():
                raise _no_snapshot(path, f"{member.name!r} is no part of one")
            content = read_chunks(_content(archive, member, path))
            for _ in verified(content, digest=part.digest, size=part.size, name=f"{path}: {member.name}"):
                pass
            seen.add(member.name)
    if found is None or seen != found.parts.keys():
        raise _incomplete(path)
    return Snapshot(path, found, opener)


def is_encrypted(path: Path) -> bool:
    """Whether it takes a key. Raises BundlerError (NOT_FOUND)."""
    with _opened(path) as stream:
        head = stream.read(tarhead.BLOCK)
    return head[257 : 257 + len(_MAGIC)] != _MAGIC


@contextmanager
def _archive(path: Path, opener: Opener) -> Iterator[tarfile.TarFile]:
    with _opened(path) as stream:
        plain: BinaryIO = stream
        if opener is not None:
            chunks = _decompressed(decrypt(stream, opener, str(path)), path)
            plain = io.BufferedReader(_Pieces(chunks), 1 << 20)
        try:
            with opened(plain) as archive:
                yield archive
            for _ in read_chunks(plain):  # what stands behind it is authenticated, too
                pass
        except tarfile.TarError as error:
            raise _no_snapshot(path, str(error)) from None


@contextmanager
def _inner(snapshot: Snapshot) -> Iterator[tarfile.TarFile]:
    pieces = io.BufferedReader(_Pieces(snapshot.part(FILES)), 1 << 20)
    try:
        with opened(pieces) as archive:
            yield archive
    except tarfile.TarError as error:
        raise _no_snapshot(snapshot.path, str(error)) from None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise BundlerError(
            "the snapshot can't be read",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.NOT_FOUND,
        ) from None


def _decompressed(chunks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        # In bounded pieces: a few bytes may stand for gigabytes of zeros.
        packed = io.BufferedReader(_Pieces(chunks))
        with unpacker.stream_reader(packed, read_size=CHUNK, read_across_frames=True) as content:
            while piece := content.read(CHUNK):
                yield piece
    except zstandard.ZstdError as error:
        raise _no_snapshot(path, str(error)) from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> BinaryIO:
    content = archive.extractfile(member)
    if content is None:
        raise _no_snapshot(path, f"{member.name!r} is no file")
    return content  # type: ignore[return-value]  # a buffered reader is a binary stream


def _no_snapshot(path: Path, why: str) -> BundlerError:
    return BundlerError("the file is no snapshot", where=path, why=why, code=ExitCode.INPUT)


def _incomplete(path: Path) -> BundlerError:
    return BundlerError(
        "the snapshot is incomplete", where=path, code=ExitCode.INTEGRITY, fix="take another copy of it"
    )
