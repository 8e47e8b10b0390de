"""Reading a .run: any member at any time, verified, without unpacking the rest."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Protocol, Self, cast

import zstandard

from bundler.core.archive import deflate, frames, headers, rebuild, sums
from bundler.core.archive import seal as seals
from bundler.core.archive import signature as signatures
from bundler.core.archive.frames import HEAD, content_size
from bundler.core.archive.opening import (
    SectionReader,
    damaged,
    read_indexes,
    read_recipes,
    read_seal,
    stretch,
    telling,
)
from bundler.core.archive.parts import Parts, Span
from bundler.core.archive.platforms import choose, own_section, tar_entries
from bundler.core.archive.recipes import MemberContent, Needed, Recipes, RecipeSource
from bundler.core.archive.seal import Seal, Section
from bundler.core.digest import CHUNK, Digest, verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.sshsig import Signature

Progress = Callable[[str, int], None]  # (section's name, bytes of it that were just read)


class BaseContent(Protocol):
    """What a bundle rests on that has only what changed: another one, or a site that has it."""

    def stream(self, path: str, *, inflate: bool) -> Iterator[bytes]:
        """A member's content from its start, or what it unpacks to. Raises BundlerError (NOT_FOUND)."""

    def lend(self, runtime: MemberContent) -> Iterator[bytes]:
        """The frozen installer, verified. Raises BundlerError (NOT_FOUND)."""


class Bundle:
    """An open .run, of one file or of parts. Its methods may be called by several threads at once.

    `seal` and `index` were held against each other when it was opened; members are verified as they are read.
    indexes: of all its platforms, the first one first; `index` is that of the first, or of the one that `of`
    was asked for.
    """

    def __init__(
        self,
        path: Path,
        parts: Parts,
        seal: Seal,
        indexes: tuple[Index, ...],
        recipes: Recipes,
        index: Index | None = None,
    ) -> None:
        self.path = path
        self.seal = seal
        self.indexes = indexes
        self.index = index or indexes[0]
        self.recipes = recipes
        self._base: BaseContent | None = None
        self._parts = parts
        self._long = recipes.own_sources
        self._archive = seal.section("archive")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a .run: reads its seal and its index, however large the rest is.

        Raises BundlerError: NOT_FOUND for it or a part of it, INTEGRITY when it is no whole .run,
        UNSUPPORTED for a newer format.
        """
        with telling(path):
            parts = Parts.open(path)
        try:
            with telling(path):
                seal = read_seal(parts)
                recipes = read_recipes(parts, seal)
                return cls(path, parts, seal, read_indexes(parts, seal, recipes), recipes)
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

    @property
    def platforms(self) -> tuple[str, ...]:
        """What it is for: one platform, or all of a universal .run."""
        return tuple(index.platform for index in self.indexes)

    def of(self, wanted: str) -> Self:
        """The same open file with another platform's index: `linux/arm64`, or `arm64` alone.

        Raises BundlerError (NOT_FOUND).
        """
        found = choose(self.platforms, wanted)
        if found is None:
            raise BundlerError(
                f"there is nothing for {wanted[:80]!r} in the bundle",
                where=self.path,
                code=ExitCode.NOT_FOUND,
                fix=f"name one of {', '.join(self.platforms)}",
            )
        index = self.indexes[self.platforms.index(found)]
        of = type(self)(self.path, self._parts, self.seal, self.indexes, self.recipes, index)
        if self._base is not None:
            of.rest_on(self._base)
        return of

    def own(self, part: str) -> Section:
        """The section `runtime`, `index`, `info` or `list` of the platform that `index` is for."""
        return self.seal.section(own_section(self.seal, part, self.index.platform))

    @property
    def runtime(self) -> MemberContent:
        """The frozen installer, a .tar.gz: that of the platform that `index` is for."""
        own = self.own("runtime")
        return self.recipes.runtime or MemberContent(own.digest, own.length)

    def installer(self) -> Iterator[bytes]:
        """The frozen installer's bytes, verified. Raises like `chunks`."""
        if self.recipes.runtime is None:
            return self.section(self.own("runtime").name)
        if self._base is None:
            raise _rests_on(self.path, self.recipes.base)
        return self._base.lend(self.recipes.runtime)

    def lend(self, runtime: MemberContent) -> Iterator[bytes]:
        """The installer for a bundle that rests on this one. Raises BundlerError (NOT_FOUND, INTEGRITY)."""
        if runtime != self.runtime:
            raise BundlerError("the bundle has another installer", where=self.path, code=ExitCode.NOT_FOUND)
        return self.installer()

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
        recipe = self.recipes.members.get(member.path)
        content = (
            self._content(member, name) if recipe is None else rebuild.rebuilt(recipe, self._begin, name)
        )
        return verified(content, digest=member.digest, size=member.size, name=name)

    def stream(self, path: str, *, inflate: bool) -> Iterator[bytes]:
        """A member's content, or what it unpacks to where it is a gzip file; the latter isn't verified.

        So a bundle is a `Base`. Raises BundlerError (NOT_FOUND, INTEGRITY).
        """
        member = self.member(path)
        if not inflate:
            return self.chunks(member)
        recipe = self.recipes.members.get(path)
        if recipe is not None and recipe.gzip is not None:
            return rebuild.unpacked(recipe, self._begin, f"{self.path}: {path}")
        return deflate.inflated(self.chunks(member), f"{self.path}: {path}")

    def rest_on(self, base: BaseContent) -> None:
        """Take from `base` what this bundle has left out; to be said before anything is read."""
        self._base = base

    @property
    def needed(self) -> Needed:
        """What a bundle that rests on this one says of it."""
        return Needed(self.seal.name, self.seal.version, Digest.of(self.seal.to_bytes()))

    @property
    def needs(self) -> Needed | None:
        """The bundle that this one rests on, not named yet."""
        return self.recipes.base if self._base is None else None

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
        if not self._is_stored(member):
            return None
        place = self._archive.offset + member.offset
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
        return verified(stretch(self._parts, section), digest=section.digest, size=section.length, name=where)

    def signature(self) -> Signature | None:
        """The signature over `seal.to_bytes()`, not verified; None where the file isn't signed.

        Raises BundlerError: INTEGRITY when it can't be read, UNSUPPORTED for keys other than Ed25519.
        """
        with telling(self.path):
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
                id="BND-DAMAGED",
                fix="copy the file again from where it came from",
            )
        entries = tar_entries(self.indexes)
        if fault := headers.fault(entries, self._archive.length, self._pread_archive, long=self._long):
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
        for chunk in stretch(self._parts, section):
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

    def _begin(self, source: RecipeSource) -> Iterator[bytes]:
        """The content of a recipe's source."""
        if not source.base:
            return self.stream(source.path, inflate=True) if source.inflate else self._own(source.path)
        if self._base is None:
            raise _rests_on(self.path, self.recipes.base)
        return self._base.stream(source.path, inflate=source.inflate)

    def _own(self, path: str) -> Iterator[bytes]:
        """A member for a recipe: what is made of it is verified, so it isn't."""
        return self._content(self.member(path), f"{self.path}: {path}")

    def _content(self, member: Member, name: str) -> Iterator[bytes]:
        """What the member's frame unpacks to, one bounded read at a time."""
        if self._is_stored(member):
            yield from self._stored(member, name)
            return
        head = self._parts.pread(min(HEAD, member.length), self._archive.offset + member.offset)
        window = frames.LONG_WINDOW if member.path in self._long else frames.MAX_WINDOW
        if content_size(head, window) != member.size:
            damaged(name, "no frame of the size that the index names is at its place")
        frame = cast(
            "IO[bytes]", SectionReader(self._parts, self._archive.offset + member.offset, member.length)
        )
        unpacker = zstandard.ZstdDecompressor(max_window_size=window)
        try:
            with unpacker.stream_reader(frame, read_size=CHUNK, read_across_frames=False) as content:
                while chunk := content.read(CHUNK):
                    yield chunk
        except zstandard.ZstdError as error:
            damaged(name, f"it does not unpack: {error}")

    def _is_stored(self, member: Member) -> bool:
        head = frames.stored_head(member.size)
        length = frames.stored_length(member.size)
        place = self._archive.offset + member.offset
        return member.length == length and self._parts.pread(len(head), place) == head

    def _stored(self, member: Member, name: str) -> Iterator[bytes]:
        """The content of a stored frame; nothing is unpacked, but its blocks must be the writer's."""
        place = self._archive.offset + member.offset
        for offset, length in frames.stored_runs(member.size):
            run = b"".join(self.raw(place + offset, length))
            content = frames.stored_content(run, last=offset + length == member.length)
            if len(run) != length or content is None:
                damaged(name, "its frame is not as it was written")
            if content:
                yield content


def _rests_on(path: Path, base: Needed | None) -> BundlerError:
    named = "another bundle" if base is None else f"{base.name} {base.version}"
    seal = "" if base is None else f", the one with the seal {base.seal}"
    return BundlerError(
        f"this bundle has only what changed since {named}",
        where=path,
        why=f"the rest is in {named}{seal}, and that is neither beside it nor on the site",
        code=ExitCode.NOT_FOUND,
        id="BND-DELTA-BASE",
        fix="put that .run into the same folder, or name it with --base",
    )
