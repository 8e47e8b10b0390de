"""Members that are made out of other contents: the section `recipes!` (docs/format.md, "Recipes").

A recipe is a list of pieces that follow each other. A piece is a range of a source, or a zstd frame that was
packed with ranges of sources as its dictionary. A source is a member of this bundle, or of the one that this
one rests on; either as it is, or what it unpacks to where it is a gzip file. Where the result is a gzip file
itself, the recipe says how it was packed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

from bundler.core.archive.deflate import MAX_HEADER, Gzip
from bundler.core.digest import Digest
from bundler.core.index import Index, Member, canonical
from bundler.core.index_json import Fields, parse, read_many, refuse

MAX_PATCHED: Final = 8 << 20  # bytes that one patch makes; it is made in memory
MAX_DICTIONARY: Final = 32 << 20  # bytes that one patch may look at
MAX_PATCH: Final = MAX_PATCHED + (1 << 20)  # bytes of its frame

_HERE: Final = "here"
_BASE: Final = "base"


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A content to take from: a member's, by its path.

    base: of the bundle that this one rests on. inflate: not the gzip file itself, but what it unpacks to.
    """

    path: str
    base: bool = False
    inflate: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """`length` bytes of a source, from `start` on; as a piece it stands for just these bytes."""

    source: RecipeSource
    start: int
    length: int

    @property
    def stop(self) -> int:
        """Behind the last byte."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Patch:
    """`length` bytes: what the zstd frame in `data` gives with the `over` ranges, joined, as dictionary."""

    data: Range
    over: tuple[Range, ...]
    length: int


Piece = Range | Patch


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a member is made: the pieces behind each other, packed where `gzip` is given."""

    pieces: tuple[Piece, ...]
    gzip: Gzip | None = None

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.length for piece in self.pieces)

    @property
    def sources(self) -> frozenset[RecipeSource]:
        """Everything it takes from."""
        return frozenset(each.source for piece in self.pieces for each in ranges(piece))


@dataclass(frozen=True, slots=True)
class MemberContent:
    """A member of another bundle: sha256 and size in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Needed:
    """The bundle that another one rests on; seal: digest of its seal's text, which alone tells it.

    contents: by path, its members that recipes take from; a site that has it may have them, too.
    """

    name: str = field(compare=False)
    version: str = field(compare=False)
    seal: Digest
    contents: Mapping[str, MemberContent] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Recipes:
    """All recipes of a bundle, by the member's path.

    base: what it rests on, None where that is no other bundle. runtime: the frozen installer, where this
    bundle leaves it to its base.
    """

    members: Mapping[str, Recipe] = field(default_factory=lambda: MappingProxyType({}))
    base: Needed | None = None
    runtime: MemberContent | None = None

    def __bool__(self) -> bool:
        return bool(self.members) or self.runtime is not None

    @property
    def own_sources(self) -> frozenset[str]:
        """Members of this bundle that recipes take from."""
        return frozenset(
            source.path for recipe in self.members.values() for source in recipe.sources if not source.base
        )

    def to_json(self) -> bytes:
        """The canonical bytes."""
        members = {path: _recipe_json(recipe) for path, recipe in self.members.items()}
        base, runtime = self.base and _needed_json(self.base), self.runtime and _content_json(self.runtime)
        return canonical({"base": base, "members": members, "runtime": runtime}) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote. Raises BundlerError (INTEGRITY) for anything else."""
        top = Fields.of("recipes", parse(data), frozenset({"base", "members", "runtime"}))
        base, runtime = top.values["base"], top.values["runtime"]
        found = cls(
            top.objects("members", _read_recipe),
            None if base is None else _read_needed(base),
            None if runtime is None else _read_content("recipes.runtime", runtime),
        )
        if found.to_json() != data:
            refuse("the recipes are not in their one valid form")
        return found


def ranges(piece: Piece) -> Iterator[Range]:
    """All that a piece takes."""
    match piece:
        case Range():
            yield piece
        case Patch():
            yield piece.data
            yield from piece.over


def recipe_faults(recipes: Recipes, index: Index) -> Iterator[str]:
    """Everything wrong with recipes for the members of this index; nothing when they are right."""
    if recipes.runtime is not None and recipes.base is None:
        yield "there is neither an installer nor a bundle that has it"
    for path, recipe in recipes.members.items():
        member = index.member(path)
        if member is None:
            yield f"a recipe makes {path[:200]!r}, which is no member"
        elif recipe.gzip is None and recipe.size != member.size:
            yield f"the recipe of {path!r} makes {recipe.size} bytes of {member.size}"
        for piece in recipe.pieces:
            yield from (f"the recipe of {path[:200]!r}: {fault}" for fault in _faults(piece, recipes, index))


def _faults(piece: Piece, recipes: Recipes, index: Index) -> Iterator[str]:
    if isinstance(piece, Patch):
        if piece.length > MAX_PATCHED or piece.data.length > MAX_PATCH:
            yield f"a patch of {piece.data.length} bytes makes {piece.length}"
        if sum(each.length for each in piece.over) > MAX_DICTIONARY:
            yield "a patch looks at too much"
        if piece.data.source.base or piece.data.source.inflate:
            yield "the data of a patch is no member of this bundle"
    for each in ranges(piece):
        yield from _range_faults(each, recipes, index)


def _range_faults(taken: Range, recipes: Recipes, index: Index) -> Iterator[str]:
    source = taken.source
    content = _content(source, recipes, index)
    if content is None:
        yield f"it takes from {source.path[:200]!r}, which is not there"
    elif not source.inflate and taken.stop > content.size:
        yield f"it takes bytes up to {taken.stop} of {source.path!r}, which has {content.size}"


def _content(source: RecipeSource, recipes: Recipes, index: Index) -> MemberContent | Member | None:
    """What a source is; a member that is made by a recipe itself is none."""
    if source.base:
        return recipes.base.contents.get(source.path) if recipes.base else None
    return None if source.path in recipes.members else index.member(source.path)


def _needed_json(base: Needed) -> dict[str, Any]:
    contents = {path: _content_json(content) for path, content in base.contents.items()}
    return {"contents": contents, "name": base.name, "seal": str(base.seal), "version": base.version}


def _recipe_json(recipe: Recipe) -> dict[str, Any]:
    how = recipe.gzip
    packed = how and {
        "header": how.header.hex(),
        "level": how.level,
        "memory": how.memory,
        "strategy": how.strategy,
    }
    return {"gzip": packed, "pieces": [_piece_json(piece) for piece in recipe.pieces]}


def _piece_json(piece: Piece) -> dict[str, Any]:
    match piece:
        case Range():
            return _range_json(piece)
        case Patch():
            over = [_range_json(each) for each in piece.over]
            return {"data": _range_json(piece.data), "length": piece.length, "over": over}


def _range_json(taken: Range) -> dict[str, Any]:
    source = taken.source
    return {
        "in": _BASE if source.base else _HERE,
        "inflate": source.inflate,
        "length": taken.length,
        "path": source.path,
        "start": taken.start,
    }


def _content_json(content: MemberContent) -> dict[str, Any]:
    return {"digest": str(content.digest), "size": content.size}


def _read_needed(value: object) -> Needed:
    base = Fields.of("recipes.base", value, frozenset({"contents", "name", "seal", "version"}))
    contents = base.objects("contents", _read_content)
    return Needed(base.text("name"), base.text("version"), base.digest("seal"), contents)


def _read_content(where: str, value: object) -> MemberContent:
    content = Fields.of(where, value, frozenset({"digest", "size"}))
    return MemberContent(content.digest("digest"), content.number("size"))


def _read_recipe(where: str, value: object) -> Recipe:
    recipe = Fields.of(where, value, frozenset({"gzip", "pieces"}))
    packed = recipe.values["gzip"]
    return Recipe(recipe.many("pieces", _read_piece), None if packed is None else _read_gzip(where, packed))


def _read_gzip(where: str, value: object) -> Gzip:
    how = Fields.of(f"{where}.gzip", value, frozenset({"header", "level", "memory", "strategy"}))
    try:
        header = bytes.fromhex(how.text("header"))
    except ValueError:
        refuse(f"{where}.gzip.header is not hexadecimal")
    if len(header) > MAX_HEADER:
        refuse(f"{where}.gzip.header has {len(header)} bytes")
    return Gzip(
        header,
        level=how.number("level", most=9),
        memory=how.number("memory", least=1, most=9),
        strategy=how.number("strategy", most=4),
    )


def _read_piece(where: str, value: object) -> Piece:
    if isinstance(value, dict) and "data" in value:
        patch = Fields.of(where, value, frozenset({"data", "length", "over"}))
        return Patch(
            data=_read_range(f"{where}.data", patch.values["data"]),
            over=read_many(f"{where}.over", patch.values["over"], _read_range),
            length=patch.number("length", least=1),
        )
    return _read_range(where, value)


def _read_range(where: str, value: object) -> Range:
    taken = Fields.of(where, value, frozenset({"in", "inflate", "length", "path", "start"}))
    place = taken.text("in")
    if place not in {_HERE, _BASE}:
        refuse(f"{where}.in is neither {_HERE!r} nor {_BASE!r}")
    source = RecipeSource(taken.text("path"), base=place == _BASE, inflate=taken.truth("inflate"))
    return Range(source, taken.number("start"), taken.number("length"))
