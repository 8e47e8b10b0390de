import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.builder.delta import patch as patches
from bundler.builder.delta.blocks import BlockIndex
from bundler.builder.delta.patch import Old, Patcher
from bundler.core.archive.rebuild import unpacked
from bundler.core.archive.recipes import Patch, Piece, Range, Recipe, Recipes, RecipeSource

NOISE = random.Random(5).randbytes(9 << 20)  # noqa: S311  (noise, not a secret)


def chunks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + 99_999] for start in range(0, len(data), 99_999))


def made(new: bytes, *olds: bytes) -> tuple[tuple[Piece, ...], bytes]:
    """The pieces and their data; what they make is held against the content."""
    index, data = BlockIndex(), bytearray()
    sources = []
    for number, old in enumerate(olds):
        size = index.add(chunks(old))
        sources.append(Old(RecipeSource(str(number), base=True), lambda old=old: chunks(old), size))  # type: ignore[misc]  # its own
    pieces = tuple(Patcher(index, sources, data.extend).pieces(chunks(new)))

    def begin(source: RecipeSource) -> Iterator[bytes]:
        return chunks(olds[int(source.path)] if source.base else bytes(data))

    assert b"".join(unpacked(Recipe(pieces), begin, "new")) == new
    return pieces, bytes(data)


def test_what_did_not_change_is_one_range() -> None:
    pieces, data = made(NOISE, NOISE)
    assert pieces == (Range(RecipeSource("0", base=True), 0, len(NOISE)),)
    assert data == b""


def test_a_change_costs_what_it_is() -> None:
    new = NOISE[: 5 << 20] + random.Random(6).randbytes(50_000) + NOISE[(5 << 20) + 50_000 :]  # noqa: S311
    pieces, data = made(new, NOISE)
    assert 50_000 <= len(data) < 60_000
    assert [type(piece) for piece in pieces] == [Range, Patch, Range]


@pytest.mark.parametrize("shift", [512, 5 * 512, 1, 333, 2 << 20])
def test_what_moved_is_found(shift: int) -> None:
    """By whole tar blocks anywhere; by odd bytes as far as a patch looks around."""
    _, data = made(random.Random(7).randbytes(shift) + NOISE, NOISE)  # noqa: S311
    assert len(data) < shift + 30_000


def test_parts_of_several_are_found() -> None:
    one, two = NOISE[: 4 << 20], NOISE[4 << 20 : 8 << 20]
    pieces, data = made(two + one, one, two)
    assert data == b""
    assert [piece.source.path for piece in pieces if isinstance(piece, Range)] == ["1", "0"]


def test_sources_that_have_nothing_do_not_crowd_out_the_one_that_has() -> None:
    """A layer that many images share has many older layers to look at."""
    old = NOISE[: 5 << 20]
    new = bytearray(old)
    for at in range(0, len(new), 200_000):
        new[at : at + 20] = b"something else here!"
    others = [random.Random(number).randbytes(5 << 20) for number in range(4)]  # noqa: S311
    _, data = made(bytes(new), *others[:2], old, *others[2:])
    assert len(data) < 20_000


def test_what_is_all_new_looks_at_nothing_and_grows_little() -> None:
    new = random.Random(8).randbytes(1 << 20)  # noqa: S311
    _, data = made(new)
    assert len(data) < len(new) + 1_000


def test_a_source_is_begun_anew_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """However files were shuffled: each time costs the site a pass over it."""
    monkeypatch.setattr(patches, "LOOK_BACK", 1 << 16)
    monkeypatch.setattr(patches, "SEGMENT", 1 << 18)
    blocks = [NOISE[start : start + (1 << 17)] for start in range(0, 6 << 20, 1 << 17)]
    random.Random(9).shuffle(blocks)  # noqa: S311
    pieces, _ = made(b"".join(blocks), NOISE[: 6 << 20])
    taken = [each for piece in pieces for each in (piece.over if isinstance(piece, Patch) else (piece,))]
    backwards = sum(1 for a, b in pairwise(taken) if b.start < a.start - (1 << 17))
    assert 0 < backwards <= patches._REWINDS


@given(
    st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 9_000), st.binary(max_size=50)), max_size=9),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_any_edits_give_the_content_back(edits: list[tuple[int, int, bytes]], dice: random.Random) -> None:
    new = bytearray(NOISE[:300_000])
    for at, drop, put in edits:
        new[at : at + drop] = put
    if dice.random() < 0.3:
        new = new[150_000:] + new[:150_000]
    made(bytes(new), NOISE[:300_000])


def test_the_same_input_gives_the_same_recipe() -> None:
    new = NOISE[:100_000] + b"x" + NOISE[200_000 : 3 << 20]
    one, other = (made(new, NOISE[: 3 << 20]) for _ in range(2))
    assert (Recipes({"a": Recipe(one[0])}).to_json(), one[1]) == (
        Recipes({"a": Recipe(other[0])}).to_json(),
        other[1],
    )
