"""Reading a .run: any member at any time, verified, without unpacking the rest."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, NoReturn, Self, cast

import zstandard

from bundler.core.archive import frames, headers, sums
from bundler.core.archive import seal as seals
from bundler.core.archive import signature as signatures
from bundler.core.archive.frames import HEAD, MAX_WINDOW, content_size
from bundler.core.archive.parts import Parts, Span
from bundler.core.archive.seal import Seal, Section
from bundler.core.digest import CHUNK, Digest, verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.index_json import MAX_INDEX, refuse
from bundler.core.index_rules import faults
from bundler.core.sshsig import Signature

Progress = Callable[[str, int], None]  # (section's name, bytes of it that were just read)


class Bundle:
    """An open .run, of one file or of parts. Its methods may be called by several threads at once.

    `seal` and `index` were held against each other when it was opened; members are verified as they are read.
    """

    def __init__(self, path: Path, parts: Parts, seal: Seal, index: Index) -> None:
        self.path = path
        self.seal = seal
        self.index = index
        self._parts = parts
        self._archive = seal.section("archive")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a .run: reads its seal and its index, however large the rest is.

        Raises BundlerError: NOT_FOUND for it or a part of it, INTEGRITY when it is no whole .run,
        UNSUPPORTED for a newer format.
        """
        with _telling(path):
            parts = Parts.open(path)
        try:
            with _telling(path):
                seal = _read_seal(parts)
                return cls(path, parts, seal, _read_index(parts, seal))
        except BaseException:
            parts.close()
            raise

    def close(self) -> None:
        """Let go of the file; no method may be running or be called after."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def member(self, path: str) -> Member:
        """The member with this path. Raises BundlerError (NOT_FOUND)."""
        if (member := self.index.member(path)) is None:
            raise BundlerError(f"the bundle has no {path!r}", where=self.path, code=ExitCode.NOT_FOUND)
        return member

    def chunks(self, member: Member) -> Iterator[bytes]:
        """A member's content, at most 1 MiB at a time, hashed on its way.

        Raises BundlerError (INTEGRITY) when it isn't what the index says, maybe after the last chunk.
        """
        name = f"{self.path}: {member.path}"
        return verified(self._content(member, name), digest=member.digest, size=member.size, name=name)

    def read(self, member: Member, *, limit: int = CHUNK) -> bytes:
        """A small member's whole content.

        Raises BundlerError (INTEGRITY), also when it has more than `limit` bytes.
        """
        if member.size > limit:
            raise BundlerError(
                f"{member.path!r} has {member.size} bytes, more than {limit}",
                where=self.path,
                code=ExitCode.INTEGRITY,
            )
        return b"".join(self.chunks(member))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that it is made of."""
        return self._parts.paths

    def spans(self, member: Member, start: int, stop: int) -> Iterator[Span] | None:
        """Where the content's bytes from `start` to `stop` stand, for sendfile(2) and pread(2).

        None where the member is compressed. What is read there is not verified.
        """
        place = self._archive.offset + member.offset
        head = frames.stored_head(member.size)
        if member.length != frames.stored_length(member.size) or self._parts.pread(len(head), place) != head:
            return None
        return chain.from_iterable(
            self._parts.spans(place + offset, length) for offset, length in frames.stored_spans(start, stop)
        )

    def raw(self, offset: int, length: int) -> Iterator[bytes]:
        """Bytes of the file as they stand, whatever parts they lie in; not verified."""
        end = offset + length
        while offset < end and (chunk := self._parts.pread(min(CHUNK, end - offset), offset)):
            offset += len(chunk)
            yield chunk

    def section(self, name: str) -> Iterator[bytes]:
        """A section's bytes, verified; `runtime` is the frozen installer's .tar.gz. Raises like `chunks`."""
        section = self.seal.section(name)
        where = f"{self.path}: {name}"
        return verified(
            _stretch(self._parts, section), digest=section.digest, size=section.length, name=where
        )

    def signature(self) -> Signature | None:
        """The signature over `seal.to_bytes()`, not verified; None where the file isn't signed.

        Raises BundlerError: INTEGRITY when it can't be read, UNSUPPORTED for keys other than Ed25519.
        """
        with _telling(self.path):
            return signatures.read(self._parts, self.seal)

    def check(self, progress: Progress = lambda _name, _count: None, *, signature: bool = True) -> None:
        """Verify every byte against the seal, the tar headers against the index, and the signature's form.

        signature: whether there must be a signature, or none, in the room for it.
        Raises BundlerError (INTEGRITY) that names all the sections that are damaged.
        """
        damaged = [
            (each.name, each.offset, each.length)
            for each in self.seal.sections
            if not self._is_right(each, progress)
        ]
        damaged += [
            (f"the gap at {offset}", offset, length)
            for offset, length in self.seal.gaps()
            if self._dirty(offset, length)
        ]
        if signature and not self._signature_is_clean():
            damaged.append(("signature", self.seal.offset, seals.LENGTH))
        if damaged:
            raise BundlerError(
                f"damaged: {', '.join(name for name, _, _ in damaged)}{self._blamed(damaged)}",
                where=self.path,
                why="the bytes are not what the seal at the file's end says",
                code=ExitCode.INTEGRITY,
                fix="copy the file again from where it came from",
            )
        if fault := headers.fault(self.index.members, self._archive.length, self._pread_archive):
            raise BundlerError(
                "tar would unpack something else than the index lists",
                where=self.path,
                why=fault,
                code=ExitCode.INTEGRITY,
                fix="don't use this file; no bundler makes such a one",
            )

    def _pread_archive(self, length: int, offset: int) -> bytes:
        return self._parts.pread(length, self._archive.offset + offset)

    def _blamed(self, damaged: list[tuple[str, int, int]]) -> str:
        """The parts to copy again: by their sums, or else all that hold something of what is damaged."""
        if len(self.paths) == 1:
            return ""
        touched = {path for _, start, length in damaged for path in self._parts.touched(start, length)}
        blamed = set(sums.differing(self.path, self.paths)) or touched
        return f" (in {', '.join(sorted(path.name for path in blamed))})"

    def _is_right(self, section: Section, progress: Progress) -> bool:
        hasher = hashlib.sha256()
        for chunk in _stretch(self._parts, section):
            hasher.update(chunk)
            progress(section.name, len(chunk))
        return hasher.hexdigest() == section.digest.hex

    def _dirty(self, offset: int, length: int) -> bool:
        return self._parts.pread(length, offset) != bytes(length)

    def _signature_is_clean(self) -> bool:
        """Nothing but a signature, or nothing at all, stands in the room for it."""
        try:
            self.signature()
        except BundlerError:
            return False
        return True

    def _content(self, member: Member, name: str) -> Iterator[bytes]:
        """What the member's frame unpacks to, one bounded read at a time."""
        head = self._parts.pread(min(HEAD, member.length), self._archive.offset + member.offset)
        if content_size(head) != member.size:
            _damaged(name, "no frame of the size that the index names is at its place")
        frame = cast("IO[bytes]", _Stretch(self._parts, self._archive.offset + member.offset, member.length))
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        try:
            with unpacker.stream_reader(frame, read_size=CHUNK, read_across_frames=False) as content:
                while chunk := content.read(CHUNK):
                    yield chunk
        except zstandard.ZstdError as error:
            _damaged(name, f"it does not unpack: {error}")


class _Stretch(io.RawIOBase):
    """A part of a file as a stream of its own; reads by position, so threads don't disturb each other."""

    def __init__(self, parts: Parts, offset: int, length: int) -> None:
        super().__init__()
        self._parts = parts
        self._offset = offset
        self.left = length

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer at the end."""
        data = self._parts.pread(self.left if size < 0 else min(size, self.left), self._offset)
        self._offset += len(data)
        self.left -= len(data)
        return data


def _stretch(parts: Parts, section: Section) -> Iterator[bytes]:
    stretch = _Stretch(parts, section.offset, section.length)
    while chunk := stretch.read(CHUNK):
        yield chunk


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Name the file in whatever is found wrong with it."""
    try:
        yield
    except BundlerError as error:
        error.where = error.where or path
        raise
    except OSError as error:
        raise BundlerError(
            "the file can't be read", where=path, why=error.strerror or str(error), code=ExitCode.INPUT
        ) from error


def _read_seal(parts: Parts) -> Seal:
    size = parts.size
    if size < seals.LENGTH:
        _damaged(None, f"the file has only {size} bytes")
    return Seal.parse(parts.pread(seals.TEXT, size - seals.LENGTH), file_size=size)


def _read_index(parts: Parts, seal: Seal) -> Index:
    section = seal.section("index")
    if section.length > MAX_INDEX:
        refuse(f"it has {section.length} bytes, more than {MAX_INDEX}")
    data = b"".join(_stretch(parts, section))
    if Digest.of(data) != section.digest:
        _damaged(None, "the index's sha256 is not what the seal says")
    index = Index.from_json(data)
    if index.to_json() != data:
        refuse("it is not in its one valid form")
    if (index.name, index.version, index.platform) != (seal.name, seal.version, seal.platform):
        refuse("its name, version or platform are not those of the seal")
    if fault := next(faults(index, archive_length=seal.section("archive").length), None):
        refuse(fault)
    return index


def _damaged(where: object, why: str) -> NoReturn:
    raise BundlerError(
        "the bundle is damaged",
        where=where,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="copy the file again from where it came from",
    )
