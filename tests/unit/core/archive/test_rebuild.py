import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.archive.deflate import Gzip
from bundler.core.archive.rebuild import LOOK_BACK, Cursor, look_back, rebuilt, unpacked
from bundler.core.archive.recipes import Patch, Range, Recipe, RecipeSource
from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode

OLD = RecipeSource("old", base=True)
DATA = RecipeSource("data")
TEXT = b"0123456789" * 1000


def packed(content: bytes, dictionary: bytes = b"") -> bytes:
    known = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=known if dictionary else None).compress(content)


def begin(contents: dict[RecipeSource, bytes], size: int = 7000) -> Any:  # a closure for tests
    def open_it(source: RecipeSource) -> Iterator[bytes]:
        data = contents[source]
        return (data[start : start + size] for start in range(0, len(data), size))

    return open_it


def test_pieces_follow_each_other_and_are_packed_again() -> None:
    frame = packed(b"ABC" * 99, TEXT[5:500])
    contents = {OLD: TEXT, DATA: b"xx" + frame}
    patch = Patch(Range(DATA, 2, len(frame)), (Range(OLD, 5, 495),), 297)
    pieces = (Range(OLD, 9, 11), patch, Range(OLD, 0, 4))
    expected = TEXT[9:20] + b"ABC" * 99 + TEXT[:4]
    assert b"".join(unpacked(Recipe(pieces), begin(contents), "m")) == expected
    how = Gzip(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 9, 8, 0)
    assert gzip.decompress(b"".join(rebuilt(Recipe(pieces, how), begin(contents), "m"))) == expected


@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 900)), max_size=20), st.integers(1, 5_000))
@settings(deadline=None)
def test_a_cursor_reads_any_ranges_in_any_order(ranges: list[tuple[int, int]], size: int) -> None:
    cursor = Cursor(lambda: begin({OLD: TEXT}, size)(OLD), "old")
    for start, length in ranges:
        assert cursor.read(start, length) == TEXT[start : start + length]


def test_a_cursor_begins_anew_only_for_what_it_has_dropped() -> None:
    begun = 0
    long = bytes(range(256)) * (LOOK_BACK // 64)

    def count() -> Iterator[bytes]:
        nonlocal begun
        begun += 1
        made: Iterator[bytes] = begin({OLD: long}, CHUNK)(OLD)
        return made

    cursor = Cursor(count, "old")
    cursor.read(len(long) - 10, 10)
    cursor.read(len(long) - LOOK_BACK, 100)
    assert begun == 1
    assert cursor.read(256, 256) == bytes(range(256))
    assert begun == 2


@pytest.mark.parametrize(
    ("places", "back"),
    [
        ([(0, 10), (10, 5), (50, 5)], 0),
        ([(0, 10), (8, 5)], 2),
        ([(100, 10), (0, 5), (105, 1)], 110),
        ([(1 << 40, 10), (0, 5)], LOOK_BACK),
    ],
)
def test_no_more_of_a_source_is_kept_than_its_recipe_goes_back(
    places: list[tuple[int, int]], back: int
) -> None:
    pieces = tuple(Range(OLD, start, length) for start, length in places)
    assert look_back(Recipe((*pieces, Range(DATA, 0, 1))), OLD) == back


def test_a_source_that_is_read_in_order_is_not_held() -> None:
    long = bytes(40 << 20)
    cursor = Cursor(lambda: begin({OLD: long}, CHUNK)(OLD), "old", keep=0)
    for start in range(0, len(long), CHUNK):
        assert cursor.read(start, CHUNK) == bytes(CHUNK)
        assert len(cursor._kept) <= 2 * CHUNK


@pytest.mark.parametrize(
    ("piece", "told"),
    [
        (Range(OLD, len(TEXT) - 1, 2), "it has only 10000 bytes"),
        (Range(OLD, 1 << 40, 1), "it has only 10000 bytes"),
        (Patch(Range(DATA, 0, 100), (), 5), "a patch"),
        (Patch(Range(DATA, 100, 22), (), 6), "is not of the size"),
        (Patch(Range(DATA, 100, 5), (), 5), "a patch"),
    ],
)
def test_sources_that_lack_something_are_told(piece: Range | Patch, told: str) -> None:
    contents = {OLD: TEXT, DATA: bytes(100) + packed(b"hello").ljust(100)}
    with pytest.raises(BundlerError) as caught:
        list(rebuilt(Recipe((piece,)), begin(contents), "member"))
    assert caught.value.code is ExitCode.INTEGRITY
    assert told in caught.value.why


def test_a_patch_that_would_be_huge_is_refused_before_there_is_room_made_for_it() -> None:
    bomb = packed(bytes(1 << 30))
    with pytest.raises(BundlerError, match="can't be made again"):
        list(rebuilt(Recipe((Patch(Range(DATA, 0, len(bomb)), (), 5),)), begin({DATA: bomb}), "member"))
