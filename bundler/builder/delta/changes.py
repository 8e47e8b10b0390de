"""A content as what changed since older ones: recipe and patch data, kept in the store for the next build."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import zstandard

from bundler.builder.cache.partial import Blob
from bundler.builder.cache.store import Store
from bundler.builder.delta.blocks import BlockIndex
from bundler.builder.delta.gzips import Packed
from bundler.builder.delta.patch import Old, Patcher
from bundler.core.archive.deflate import inflated
from bundler.core.archive.reader import Bundle
from bundler.core.archive.recipes import Patch, Piece, Recipe, Recipes, RecipeSource
from bundler.core.digest import Digest
from bundler.core.index import Member

FOLDER: Final = "delta"  # of the patches' data among the members

_RECORD: Final = "delta"
_ENOUGH: Final = 0.9  # of a content's size: a delta that is larger is not worth the site's work
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class BlockChange:
    """How a content is made; data: its patches, which go in at `path`, or None where it has none."""

    recipe: Recipe
    path: str
    data: Blob | None


class Olds:
    """Contents of an older bundle that several new ones may be later versions of; read once for all."""

    def __init__(self, bundle: Bundle, members: Sequence[Member]) -> None:
        self._index = BlockIndex()
        self._olds = [self._old(bundle, member) for member in members]

    def patcher(self, write: Callable[[bytes], object]) -> Patcher:
        """For one new content."""
        return Patcher(self._index, [replace(old) for old in self._olds], write)

    def _old(self, bundle: Bundle, member: Member) -> Old:
        head = next(bundle.chunks(member), b"")
        source = RecipeSource(member.path, base=True, inflate=head.startswith(_GZIP))

        def begin() -> Iterator[bytes]:
            return bundle.stream(source.path, inflate=source.inflate)

        return Old(source, begin, self._index.add(begin()))


def change(
    blob: Blob, packed: Packed | None, olds: Callable[[], Olds], key: str, store: Store
) -> BlockChange | None:
    """What changed, or None where that would be about as large as the content itself.

    packed: how the content was packed, where it is a gzip file. key: names the older contents.
    Raises BundlerError (INTEGRITY) where one of these is damaged.
    """
    path = f"{FOLDER}/{blob.digest.hex}"
    version = ".".join(map(str, zstandard.ZSTD_VERSION))
    record = f"2 zstd {version} {blob.digest} over {key}"
    if (known := store.recall(_RECORD, record)) is not None:
        found = _from_json(known, path)
        if found is None or found.data is None or store.find(found.data.digest, found.data.size):
            return found
    found = _made(blob, packed, olds(), path, store)
    store.remember(_RECORD, record, _to_json(found))
    return found


def _made(blob: Blob, packed: Packed | None, olds: Olds, path: str, store: Store) -> BlockChange | None:
    name = str(blob.digest)
    content: Iterable[bytes] = store.chunks(blob, name=name)
    if packed is not None:
        content = inflated(content, name)
    frames: list[bytes] = []
    pieces: list[Piece] = []

    def data() -> Iterator[bytes]:
        """The patches' frames, as soon as they are made."""
        patcher = olds.patcher(frames.append)
        for piece in patcher.pieces(content):
            pieces.append(_placed(piece, path))
            yield b"".join(frames)
            frames.clear()

    written = store.add(data(), digest=None, size=None, name=path)
    if written.size > _ENOUGH * blob.size or not any(_helped(piece) for piece in pieces):
        store.discard(written.digest)
        return None
    recipe = Recipe(tuple(pieces), packed.how if packed else None)
    return BlockChange(recipe, path, written if written.size else None)


def _placed(piece: Piece, path: str) -> Piece:
    match piece:
        case Patch():
            return replace(piece, data=replace(piece.data, source=RecipeSource(path)))
        case _:
            return piece


def _helped(piece: Piece) -> bool:
    """Whether anything older went into it."""
    return not isinstance(piece, Patch) or bool(piece.over)


def _to_json(found: BlockChange | None) -> bytes:
    if found is None:
        return b"null"
    data = found.data and [found.data.digest.hex, found.data.size]
    return json.dumps([data, Recipes({found.path: found.recipe}).to_json().decode()]).encode()


def _from_json(text: bytes, path: str) -> BlockChange | None:
    if (known := json.loads(text)) is None:
        return None
    data, recipe = known
    blob = Blob(Digest(data[0]), data[1]) if data else None
    return BlockChange(Recipes.from_json(recipe.encode()).members[path], path, blob)
