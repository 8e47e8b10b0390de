import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from bundler.core.archive.deflate import Gzip
from bundler.core.archive.recipes import (
    MAX_DICTIONARY,
    MAX_PATCHED,
    MemberContent,
    Needed,
    Patch,
    Piece,
    Range,
    Recipe,
    Recipes,
    RecipeSource,
    recipe_faults,
)
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from tests.kits.archive.bundles import meta

OLD = RecipeSource("images/old", base=True, inflate=True)
PLAIN = RecipeSource("images/plain", base=True)
DATA = RecipeSource("delta/x")
NEEDED = Needed(
    "demo",
    "1",
    Digest.of(b"seal"),
    {"images/old": MemberContent(Digest.of(b"o"), 70), "images/plain": MemberContent(Digest.of(b"p"), 70)},
)
PATCH = Patch(Range(DATA, 0, 9), (Range(OLD, 5, 1000),), 30)
RECIPE = Recipe((Range(OLD, 0, 5), PATCH), Gzip(b"\x1f\x8b", 6, 8, 0))


def index(**sizes: int) -> Index:
    """An index with a made member `made`, and the data of its patches."""
    members = [
        Member("delta/x", 9, Digest.of(b"d"), 0o644, 0, 30),
        Member("made", 35, Digest.of(b"m"), 0o644, 0, 0),
    ]
    return meta(members=tuple(replace(each, size=sizes.get(each.path, each.size)) for each in members))


def faults(
    pieces: tuple[Piece, ...], *, gzip: bool = True, base: Needed | None = NEEDED, path: str = "made"
) -> list[str]:
    how = RECIPE.gzip if gzip else None
    return list(recipe_faults(Recipes({path: Recipe(pieces, how)}, base), index()))


def test_reading_gives_what_was_written() -> None:
    recipes = Recipes({"made": RECIPE, "same": Recipe((Range(PLAIN, 0, 70),))}, NEEDED)
    again = Recipes.from_json(recipes.to_json())
    assert again == recipes
    assert again.base is not None
    assert again.base.contents == NEEDED.contents


def test_a_bundle_is_told_by_its_seal_alone() -> None:
    assert replace(NEEDED, name="other", contents={}) == NEEDED
    assert replace(NEEDED, seal=Digest.of(b"other")) != NEEDED


def test_right_recipes_have_no_faults() -> None:
    assert faults(RECIPE.pieces) == []
    assert faults((Range(PLAIN, 35, 35),), gzip=False) == []


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((Range(RecipeSource("nowhere"), 0, 1),), "which is not there"),
        ((Range(RecipeSource("nowhere", base=True), 0, 1),), "which is not there"),
        ((Range(RecipeSource("made"), 0, 1),), "which is not there"),
        ((Range(DATA, 9, 1),), "takes bytes up to 10 of 'delta/x', which has 9"),
        ((Range(PLAIN, 0, 71),), "takes bytes up to 71"),
        ((replace(PATCH, length=MAX_PATCHED + 1),), "a patch of 9 bytes makes"),
        ((replace(PATCH, over=(Range(OLD, 0, MAX_DICTIONARY), Range(OLD, 0, 1))),), "looks at too much"),
        ((replace(PATCH, data=Range(PLAIN, 0, 1)),), "is no member of this bundle"),
        ((replace(PATCH, data=Range(replace(DATA, inflate=True), 0, 1)),), "is no member of this bundle"),
    ],
)
def test_wrong_recipes_are_told(pieces: tuple[Piece, ...], told: str) -> None:
    assert any(told in fault for fault in faults(pieces)), faults(pieces)


def test_a_recipe_needs_a_member_a_size_and_a_base() -> None:
    assert "which is no member" in faults((Range(PLAIN, 0, 1),), path="other")[0]
    assert "makes 1 bytes of 35" in faults((Range(PLAIN, 0, 1),), gzip=False)[0]
    assert "which is not there" in faults((Range(PLAIN, 0, 1),), base=None)[0]


def spoiled() -> Iterator[tuple[str, object]]:
    good = json.loads(Recipes({"made": RECIPE}, NEEDED).to_json())

    def edited(*path: str | int, value: object) -> object:
        document = json.loads(json.dumps(good))
        at = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return document

    piece: tuple[str | int, ...] = ("members", "made", "pieces", 0)
    yield "no object", []
    yield "no members", {"base": None}
    yield "another key", {**good, "more": 1}
    yield "members are a list", {**good, "members": []}
    yield "base is text", {**good, "base": "old.run"}
    yield "seal", edited("base", "seal", value="sha256:00")
    yield "contents", edited("base", "contents", value=[])
    yield "gzip", edited("members", "made", "gzip", value=6)
    yield "header", edited("members", "made", "gzip", "header", value="xy")
    yield "long header", edited("members", "made", "gzip", "header", value="00" * 2000)
    yield "level", edited("members", "made", "gzip", "level", value=10)
    yield "memory", edited("members", "made", "gzip", "memory", value=0)
    yield "strategy", edited("members", "made", "gzip", "strategy", value=True)
    yield "pieces", edited("members", "made", "pieces", value={})
    yield "in", edited(*piece, "in", value="elsewhere")
    yield "inflate", edited(*piece, "inflate", value=1)
    yield "start", edited(*piece, "start", value=-1)
    yield "length", edited(*piece, "length", value=2**63)
    yield "path", edited(*piece, "path", value=None)
    yield "over", edited("members", "made", "pieces", 1, "over", value=[{}])
    yield "a patch of nothing", edited("members", "made", "pieces", 1, "length", value=0)


SPOILED: Mapping[str, object] = dict(spoiled())


@pytest.mark.parametrize("document", SPOILED.values(), ids=SPOILED.keys())
def test_anything_else_is_refused(document: object) -> None:
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(BundlerError) as caught:
        Recipes.from_json(text)
    assert caught.value.code is ExitCode.INTEGRITY


def test_only_the_one_valid_form_is_taken() -> None:
    text = Recipes({"made": RECIPE}, NEEDED).to_json()
    for other in (text + b" ", text.replace(b'":', b'": ', 1), text.rstrip(b"\n")):
        with pytest.raises(BundlerError):
            Recipes.from_json(other)
