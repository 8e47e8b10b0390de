"""Unpacking and reading tar, both as a stream: what the standard library makes is read, no more."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from typing import IO, Any, cast

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.builder.lib.decompress import PIECE, BrokenError, unpacked
from bundler.builder.lib.tarstream import Kind, TarContent, entries
from tests.unit.builder.sbom.parts import chunks, tar

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor(level=1).compress,
}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def joined(data: Any, limit: int = 1 << 30, size: int = 1000) -> Any:
    return b"".join(unpacked(chunks(data, size), limit=limit))


@pytest.mark.parametrize("name", PACKERS)
@given(data=st.binary(max_size=3000), size=st.integers(1, 4000))
@settings(max_examples=25)
def test_content_comes_back_however_it_is_packed_and_cut(name: Any, data: Any, size: Any) -> None:
    packed = PACKERS[name](b"content:" + data)
    assert joined(packed, size=size) == b"content:" + data


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2", "zstd"])
def test_several_streams_one_after_another_are_one_content(name: str) -> None:
    packed = PACKERS[name](b"first ") + PACKERS[name](b"second")
    assert joined(packed, size=7) == b"first second"


def test_padding_behind_gzip_is_passed_over() -> None:
    assert joined(gzip.compress(b"content") + bytes(5000)) == b"content"


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2"])
def test_a_cut_stream_is_told(name: str) -> None:
    packed = PACKERS[name](bytes(range(256)) * 40)
    with pytest.raises(BrokenError, match="ends in the middle"):
        joined(packed[:-12])


@pytest.mark.parametrize("name", ["gzip", "xz", "zstd"])
def test_a_damaged_stream_is_told(name: str) -> None:
    packed = bytearray(PACKERS[name](bytes(range(256)) * 400))
    packed[7:27] = b"\xff" * 20  # behind the magic bytes, upon zstd's block header: it has no checksum
    with pytest.raises(BrokenError):
        joined(bytes(packed))


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2", "zstd"])
def test_a_bomb_ends_at_the_limit_and_needs_little_memory(name: str) -> None:
    bomb = PACKERS[name](bytes(24 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BrokenError, match="more than"):
            sum(len(piece) for piece in unpacked([bomb], limit=16 << 20))
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@given(st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=6), st.integers(1, 3000))
@settings(max_examples=60)
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_entries_are_those_that_tarfile_sees(form: Any, files: Any, size: Any) -> None:
    data = tar(dict(files), form=form)
    with tarfile.open(fileobj=io.BytesIO(data)) as reader:
        expected = [
            (member.name.strip("/"), cast("IO[bytes]", reader.extractfile(member)).read())
            for member in reader
            if member.isfile()
        ]
    found = [
        (entry.path, entry.content.read(1 << 20))
        for entry in entries(chunks(data, size))
        if entry.kind is Kind.FILE
    ]
    assert [content for _, content in found] == [content for _, content in expected]
    plain = [(ours, theirs) for (ours, _), (theirs, _) in zip(found, expected, strict=True)]
    assert all(ours == _normal(theirs) for ours, theirs in plain)


def _normal(path: Any) -> str:
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def test_long_names_links_folders_and_modes() -> None:
    long = "d" * 90 + "/" + "n" * 300
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        data = tar({"./a/": None, long: b"x", "l": "to/" + long, "/e": b""}, form=form, mode=0o755)
        found = [(entry.path, entry.kind, entry.mode, entry.link) for entry in entries([data])]
        assert found == [
            ("a", Kind.FOLDER, 0o755, ""),
            (long, Kind.FILE, 0o755, ""),
            ("l", Kind.LINK, 0o755, "to/" + long),
            ("e", Kind.FILE, 0o755, ""),
        ]


def test_ustar_prefix_joins_the_name() -> None:
    path = "p" * 120 + "/" + "n" * 80
    assert [entry.path for entry in entries([tar({path: b""}, form=tarfile.USTAR_FORMAT)])] == [path]


def test_unread_content_is_passed_over_and_peeked_content_comes_again() -> None:
    data = tar({"a": b"1" * 3000, "b": b"2" * 3000, "c": b"3" * 600})
    found = {}
    for entry in entries(chunks(data, 100)):
        if entry.path == "b":
            assert entry.content.peek(10) == b"2" * 10
            found["b"] = entry.content.read(3000)
        elif entry.path == "c":
            found["c"] = entry.content.read(600)
    assert found == {"b": b"2" * 3000, "c": b"3" * 600}


def test_content_longer_than_allowed_is_refused_before_it_is_read() -> None:
    with pytest.raises(BrokenError, match="more than 10"):
        TarContent([b"x" * 11], 11).read(10)


def test_a_header_that_asks_for_a_gigabyte_of_name_is_refused() -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    with pytest.raises(BrokenError, match="a name or pax header"):
        list(entries([member.tobuf(tarfile.GNU_FORMAT), bytes(1024)]))


@given(st.binary(max_size=3000))
def test_anything_else_is_no_tar(data: Any) -> None:
    with_content = data.strip(b"\0")
    try:
        found = list(entries([data]))
    except BrokenError:
        return
    assert not found or len(with_content) > 0


@given(st.data())
@settings(max_examples=150)
def test_a_changed_tar_is_read_or_refused_but_never_worse(data: Any) -> None:
    whole = bytearray(
        tar({"a": b"1" * 700, "b/" + "c" * 120: b"2" * 20, "d": "link"}, form=tarfile.PAX_FORMAT)
    )
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        for entry in entries(chunks(bytes(whole[:cut]), PIECE)):
            entry.content.read(1 << 20)
    except BrokenError:
        pass
