"""Writing a .run: members stream in, the finished file appears at its place."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

from bundler.core.archive import frames, signature, stub, tarhead, text
from bundler.core.archive.frames import FrameCache, NoCache
from bundler.core.archive.newparts import new_file
from bundler.core.archive.pipelined import PipelinedWriter
from bundler.core.archive.platforms import Edition, index_size, section_name
from bundler.core.archive.platforms import faults as between
from bundler.core.archive.recipes import MemberContent, Needed, Recipe, Recipes, recipe_faults
from bundler.core.archive.seal import ALIGN, RECIPES, Seal, Section
from bundler.core.archive.sections import SectionStream
from bundler.core.digest import Digest, read_chunks, verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.index_json import MAX_INDEX
from bundler.core.index_rules import faults
from bundler.core.rooted import RootedPath
from bundler.core.sshsig import Signature

Signer = Callable[[bytes], Signature]  # signs the seal's text


class BundleWriter:
    """Makes one .run; use it as a context manager, and `finish` last.

    Without `finish`, or when anything fails, nothing is left at or beside `target`. Memory doesn't grow with
    the size of the members. The same calls give the same bytes on every machine.

    stub: the template (stubs/head/). runtime: the frozen installer, a .tar.gz. frames: keeps compressed
    frames for the next build. mtime: of all members in the tar, seconds since the epoch. split: make parts of
    less than that many bytes; they appear one by one, the first one last. base: the bundle that recipes may
    take from. borrow: leave the installer out, as `base` has it.
    """

    def __init__(  # noqa: PLR0913  (a file is made in many ways, each named)
        self,
        target: Path,
        *,
        stub: str,
        runtime: Path,
        frames: FrameCache | None = None,
        level: int = frames.LEVEL,
        mtime: int = 0,
        split: int | None = None,
        base: Needed | None = None,
        borrow: bool = False,
    ) -> None:
        self._file = new_file(target, split)
        self._template = stub
        self._runtime = runtime
        self._cache = frames or NoCache()
        self._level = level
        self._mtime = mtime
        self._sections: list[Section] = []
        self._members: dict[str, Member] = {}
        self._recipes: dict[str, Recipe] = {}
        self._base = base
        self._borrow = borrow
        self._lent: MemberContent | None = None
        self._unpacked: list[int] = []  # bytes of each runtime, as `_sections` has them
        self._gap = b""  # padding that the next small frame starts with
        self._behind = PipelinedWriter(self._file)

    def __enter__(self) -> Self:
        self._file.__enter__()
        try:
            self._file.write(bytes(ALIGN))  # the stub comes last, into this room
            self._offset = ALIGN
            self._add_runtime(self._runtime, "runtime")
            self._archive = SectionStream("archive", self._offset, self._behind)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._behind.close()  # before its file is gone
        self._file.__exit__()

    def add(
        self,
        path: str,
        chunks: Iterable[bytes],
        *,
        size: int,
        digest: Digest,
        mode: int = 0o644,
        compressed: bool | None = None,
        long: bool = False,
    ) -> Member:
        """Append one file; `chunks` is verified on its way, and not read where the cache has its frame.

        compressed: true when the content is compressed already and shall only be stored; None: judged by its
        first bytes. long: compress it with the long window that is open to what recipes take from.
        Raises BundlerError: INPUT for a path that is no path or is there already, INTEGRITY, SPACE.
        """
        self._check_path(path)
        header = tarhead.header(path, size=size, mode=mode, mtime=self._mtime)
        self._archive.write(frames.small(self._gap + header))
        offset = self._archive.length
        length = self._archive.write_all(
            self._frame(path, chunks, size, digest, compressed=compressed, long=long)
        )
        self._gap = tarhead.padding(size)
        member = Member(path, size, digest, mode, offset, length)
        self._members[path] = member
        return member

    def derive(self, path: str, recipe: Recipe, *, size: int, digest: Digest, mode: int = 0o644) -> Member:
        """Add a file that is not in the archive: the recipe makes it. Raises as `add` does for paths."""
        self._check_path(path)
        self._recipes[path] = recipe
        member = self._members[path] = Member(path, size, digest, mode, 0, 0)
        return member

    def finish(
        self,
        meta: Index,
        *,
        sign: Signer | None = None,
        names: Mapping[str, str] | None = None,
        further: Sequence[Edition] = (),
    ) -> Seal:
        """Write the index (`meta` with the members that were added), the texts, the stub and the seal.

        names, further: of a universal .run, the first platform's paths and their names in the tar, which are
        what `add` was told, and the platforms behind it.
        Raises BundlerError: INPUT when the parts of the index don't fit together, SPACE; what `sign` raises.
        """
        self._archive.write(frames.small(self._gap + tarhead.end()))
        archive = self._close(self._archive)
        index = replace(meta, members=self._indexed(names))
        others = tuple(replace(each.meta, members=self._indexed(each.names)) for each in further)
        indexes = (index, *others)
        recipes = Recipes(self._recipes, self._base, self._lent)
        _check(indexes, archive, recipes)
        base = recipes.base if recipes else None
        self._add_texts(index, archive, indexes, lambda part: part, base)
        if recipes:
            self._add_section(RECIPES, [recipes.to_json()])
        for edition, other in zip(further, others, strict=True):
            named = partial(section_name, platform=other.platform)
            self._add_runtime(edition.runtime, named("runtime"))
            self._add_texts(other, archive, indexes, named, base)
        seal = self._write_stub(indexes, recipes)
        _check_size(seal, [each.platform for each in indexes])
        text_bytes = seal.to_bytes()
        self._file.write(text_bytes + (signature.fill(sign(text_bytes)) if sign else signature.EMPTY))
        self._file.commit(0o777)
        return seal

    def _check_path(self, path: str) -> None:
        RootedPath.parse(path)
        if path in self._members:
            raise BundlerError("a file occurs twice", where=path, code=ExitCode.INPUT)

    def _frame(
        self,
        path: str,
        chunks: Iterable[bytes],
        size: int,
        digest: Digest,
        *,
        compressed: bool | None,
        long: bool,
    ) -> Iterator[bytes | memoryview]:
        checked = verified(chunks, digest=digest, size=size, name=path)
        if compressed is None:
            first = next(iter(checked), b"")
            compressed, checked = frames.is_compressed(first), chain([first], checked)
        if compressed:
            return frames.stored(checked, size)
        if size < frames.NOT_KEPT:
            return frames.compressed(checked, size, level=self._level, long=long)
        key = frames.cache_key(str(digest), self._level, long=long)
        return self._cache.frame(key, lambda: frames.compressed(checked, size, level=self._level, long=long))

    def _indexed(self, names: Mapping[str, str] | None) -> tuple[Member, ...]:
        """The members of one platform under their own paths, in the order they lie in."""
        if names is None:
            return tuple(self._members.values())
        paths = {name: path for path, name in names.items()}
        return tuple(
            replace(member, path=paths[name]) for name, member in self._members.items() if name in paths
        )

    def _add_runtime(self, path: Path, name: str) -> None:
        with path.open("rb") as stream:
            if self._borrow:
                self._lent = MemberContent(Digest.of_file(stream), stream.tell())
                self._add_section(name, [])
            else:
                self._add_section(name, read_chunks(stream))
            stream.seek(-min(4, stream.tell()), os.SEEK_END)
            self._unpacked.append(stub.unpacked_size(stream.read()))

    def _add_texts(
        self,
        index: Index,
        archive: Section,
        indexes: Sequence[Index],
        named: Callable[[str], str],
        base: Needed | None,
    ) -> None:
        platforms = [each.platform for each in indexes]
        section = self._add_section(named("index"), [index.to_json()])
        self._add_section(named("info"), [text.info(index, archive, section, platforms, base).encode()])
        self._add_section(named("list"), [text.listing(index, base).encode()])

    def _add_section(self, name: str, chunks: Iterable[bytes]) -> Section:
        stream = SectionStream(name, self._offset, self._behind)
        stream.write_all(chunks)
        return self._close(stream)

    def _close(self, stream: SectionStream) -> Section:
        section = stream.close()
        self._sections.append(section)
        self._offset = Seal("", "", "", (section,)).offset
        return section

    def _write_stub(self, indexes: Sequence[Index], recipes: Recipes) -> Seal:
        """Fill the stub in from the sections' places, and give the seal the stub's digest."""
        index = indexes[0]
        room = Section("stub", 0, 1, Digest.of(b""))
        seal = Seal(index.name, index.version, index.platform, (room, *self._sections))
        unpacked = {each.platform: size for each, size in zip(indexes, self._unpacked, strict=True)}
        data = stub.render(self._template, seal, unpacked, recipes)
        self._file.write_at(0, data)
        written = Section("stub", 0, len(data), Digest.of(data))
        return replace(seal, sections=(written, *self._sections))


def _check_size(seal: Seal, platforms: Sequence[str]) -> None:
    if (size := index_size(seal, platforms)) > MAX_INDEX:
        raise BundlerError(
            f"the index has {size} bytes, and no reader takes more than {MAX_INDEX}",
            code=ExitCode.INPUT,
            fix="bundle fewer files, or pack them into archives",
        )


def _check(indexes: Sequence[Index], archive: Section, recipes: Recipes) -> None:
    made = frozenset(recipes.members)
    alone = (faults(index, archive_length=archive.length, made=made) for index in indexes)
    if fault := next(chain(*alone, between(indexes), recipe_faults(recipes, indexes[0])), None):
        raise BundlerError(
            "the bundle's parts do not fit together",
            why=fault,
            code=ExitCode.INPUT,
            fix="correct the name, version or file it speaks of",
        )
