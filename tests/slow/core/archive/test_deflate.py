import gzip
import io
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.archive.deflate import Gzip, evenly, inflated, zipped
from bundler.core.digest import CHUNK
from bundler.core.errors import BundlerError, ExitCode

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
TEXT = b"".join(b"line %d of something that repeats itself\n" % (n % 701) for n in range(90_000))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("level", range(1, 10))
def test_zlibs_own_files_are_made_again(level: int) -> None:
    made = io.BytesIO()
    with gzip.GzipFile("", "wb", level, made, mtime=0) as packer:
        packer.write(TEXT)
    packed = made.getvalue()
    how = Gzip(packed[:10], level, 8, 0)
    assert b"".join(zipped(cut(TEXT, 12_345), how)) == packed


def test_the_way_a_content_is_cut_makes_no_difference() -> None:
    how = Gzip(HEADER, 6, 8, 0)
    assert {b"".join(zipped(cut(TEXT, size), how)) for size in (1_000, CHUNK, CHUNK + 1, len(TEXT))} == {
        b"".join(zipped([TEXT], how))
    }


@given(st.binary(max_size=3_000), st.integers(1, 9), st.integers(1, 9), st.integers(1, 700))
@settings(deadline=None)
def test_gzip_itself_reads_what_is_made(data: bytes, level: int, memory: int, size: int) -> None:
    packed = b"".join(zipped(cut(data, size), Gzip(HEADER, level, memory, 0)))
    assert gzip.decompress(packed) == data
    assert b"".join(inflated(cut(packed, size), "a")) == data


def test_the_tool_reads_what_is_made() -> None:
    packed = b"".join(zipped([TEXT], Gzip(HEADER, 9, 9, 0)))
    assert subprocess.run(["gzip", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout == TEXT


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"no gzip at all",
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:-9],
        gzip.compress(b"a") * 2,
        gzip.compress(TEXT) + b"x",
        gzip.compress(TEXT)[:-8] + bytes(8),
    ],
    ids=["nothing", "text", "cut", "cut more", "two", "more", "sums"],
)
def test_what_is_no_whole_gzip_file_is_refused(packed: bytes) -> None:
    with pytest.raises(BundlerError) as caught:
        list(inflated(cut(packed, 1_000), "layer"))
    assert caught.value.code is ExitCode.INTEGRITY
    assert caught.value.where == "layer"


def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert max(len(piece) for piece in inflated([bomb], "bomb")) <= CHUNK


@given(st.lists(st.integers(0, 5)), st.integers(1, 3))
@settings(deadline=None)
def test_evenly_keeps_the_bytes_and_cuts_at_every_mib(sizes: list[int], part: int) -> None:
    chunks = [bytes([number % 256]) * (size * CHUNK // part) for number, size in enumerate(sizes)]
    pieces = list(evenly(chunks))
    assert b"".join(pieces) == b"".join(chunks)
    assert all(len(piece) == CHUNK for piece in pieces[:-1])
    assert not pieces or 0 < len(pieces[-1]) <= CHUNK
