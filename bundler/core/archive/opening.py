"""What is read when a .run is opened: seal, indexes, recipes, each held against the others."""

import contextlib
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

from bundler.core.archive import seal as seals
from bundler.core.archive.parts import Parts
from bundler.core.archive.platforms import faults as between
from bundler.core.archive.platforms import index_size, own_section, platforms_of
from bundler.core.archive.recipes import Recipes, recipe_faults
from bundler.core.archive.seal import RECIPES, Seal, Section
from bundler.core.digest import CHUNK, Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.core.index_json import MAX_INDEX, refuse
from bundler.core.index_rules import faults


class SectionReader(io.RawIOBase):
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


def stretch(parts: Parts, section: Section) -> Iterator[bytes]:
    """A section's bytes, not verified."""
    stream = SectionReader(parts, section.offset, section.length)
    while chunk := stream.read(CHUNK):
        yield chunk


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Name the file in whatever is found wrong with it."""
    try:
        yield
    except BundlerError as error:
        raise error.revised(where=error.where or path) from error
    except OSError as error:
        raise BundlerError(
            "the file can't be read", where=path, why=error.strerror or str(error), code=ExitCode.INPUT
        ) from error


def read_seal(parts: Parts) -> Seal:
    """The seal. Raises BundlerError (INTEGRITY, UNSUPPORTED)."""
    size = parts.size
    if size < seals.LENGTH:
        damaged(None, f"the file has only {size} bytes")
    return Seal.parse(parts.pread(seals.TEXT, size - seals.LENGTH), file_size=size)


def read_recipes(parts: Parts, seal: Seal) -> Recipes:
    """How members are made that have no frame; none in most files. Raises BundlerError (INTEGRITY)."""
    section = next((each for each in seal.sections if each.name == RECIPES), None)
    if section is None:
        return Recipes()
    if len(platforms_of(seal)) > 1:
        refuse("there are recipes in a file for several platforms")
    recipes = Recipes.from_json(_document(parts, section, "recipes"))
    if (recipes.runtime is not None) != (seal.section("runtime").length == 0):
        refuse("the installer is neither in the file nor left to another one")
    return recipes


def read_indexes(parts: Parts, seal: Seal, recipes: Recipes) -> tuple[Index, ...]:
    """Each platform's; a further one is doubted like the first, and all share the limit of one."""
    found = platforms_of(seal)
    if (size := index_size(seal, found)) > MAX_INDEX:
        refuse(f"it has {size} bytes, more than {MAX_INDEX}")
    indexes = tuple(_read_index(parts, seal, platform, recipes) for platform in found)
    if fault := next(between(indexes), None):
        refuse(fault)
    return indexes


def _read_index(parts: Parts, seal: Seal, platform: str, recipes: Recipes) -> Index:
    data = _document(parts, seal.section(own_section(seal, "index", platform)), "index")
    index = Index.from_json(data)
    if index.to_json() != data:
        refuse("it is not in its one valid form")
    if (index.name, index.version, index.platform) != (seal.name, seal.version, platform):
        refuse("its name, version or platform are not those of the seal")
    made = frozenset(recipes.members)
    length = seal.section("archive").length
    if fault := next(
        chain(faults(index, archive_length=length, made=made), recipe_faults(recipes, index)), None
    ):
        refuse(fault)
    return index


def _document(parts: Parts, section: Section, what: str) -> bytes:
    """A section that is read whole."""
    if section.length > MAX_INDEX:
        refuse(f"the {what} has {section.length} bytes, more than {MAX_INDEX}")
    data = b"".join(stretch(parts, section))
    if Digest.of(data) != section.digest:
        damaged(None, f"the {what}'s sha256 is not what the seal says")
    return data


def damaged(where: object, why: str) -> NoReturn:
    """Raise BundlerError (INTEGRITY) for bytes that aren't what the seal says."""
    raise BundlerError(
        "the bundle is damaged",
        where=where,
        why=why,
        code=ExitCode.INTEGRITY,
        id="BND-DAMAGED",
        fix="copy the file again from where it came from",
    )
