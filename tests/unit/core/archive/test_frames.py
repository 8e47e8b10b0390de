import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive import frames, is_compressed

BLOCK = 128 * 1024


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=600), st.integers(1, 400))
def test_stock_zstd_reads_a_stored_frame(data: bytes, step: int) -> None:
    frame = b"".join(frames.stored(cut(data, step), len(data)))
    assert zstandard.ZstdDecompressor().decompress(frame) == data
    assert zstandard.frame_content_size(frame) == len(data)
    assert len(frame) == frames.stored_length(len(data))


@given(st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]), st.sampled_from([7000, BLOCK, 1 << 20]))
def test_blocks_do_not_depend_on_how_the_content_was_cut(size: int, step: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    frame = b"".join(frames.stored(cut(data, step), size))
    assert frame == b"".join(frames.stored([data], size))
    assert zstandard.ZstdDecompressor().decompress(frame) == data
    assert len(frame) == frames.stored_length(size)


def test_a_byte_of_stored_content_lies_where_the_format_says() -> None:
    data = bytes(index % 251 for index in range(2 * BLOCK + 5))
    frame = b"".join(frames.stored([data], len(data)))
    for place in (0, BLOCK - 1, BLOCK, 2 * BLOCK + 4):
        assert frame[14 + place + 3 * (place // BLOCK + 1)] == data[place]


@given(st.binary(max_size=3000), st.integers(1, 900))
def test_a_compressed_frame_comes_back(data: bytes, step: int) -> None:
    frame = b"".join(frames.compressed(cut(data, step), len(data)))
    assert zstandard.ZstdDecompressor().decompress(frame) == data
    assert zstandard.frame_content_size(frame) == len(data)


def test_threads_and_chunks_do_not_change_a_compressed_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(f"line {index * index}\n".encode() for index in range(300_000))
    made = set()
    for cpus, step in ((1, 1 << 20), (2, 100_000), (8, 1 << 16)):
        monkeypatch.setattr("os.cpu_count", lambda cpus=cpus: cpus)
        made.add(b"".join(frames.compressed(cut(data, step), len(data))))
    assert len(made) == 1
    assert zstandard.get_frame_parameters(made.pop()).window_size <= frames.MAX_WINDOW


def test_compressed_content_is_known_by_its_first_bytes() -> None:
    assert is_compressed(b"\x1f\x8b\x08\x00")
    assert is_compressed(zstandard.compress(b"x"))
    assert is_compressed(b"!<arch>\ndebian-binary   ")
    assert not is_compressed(b"\x7fELF")
    assert not is_compressed(b"!<arch>\nx.o/  ")  # a static library is no package
    assert not is_compressed(b"")


@pytest.mark.parametrize("size", [0, 1, BLOCK, 7 * BLOCK, 7 * BLOCK + 1, 20 * BLOCK + 5])
def test_a_stored_frame_is_read_in_pieces(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    frame = b"".join(frames.stored([content], size))
    runs = list(frames.stored_runs(size))
    assert all(length <= 1 << 20 for _, length in runs)
    pieces = [
        frames.stored_content(frame[offset : offset + length], last=offset + length == len(frame))
        for offset, length in runs
    ]
    assert b"".join(piece for piece in pieces if piece is not None) == content
    assert None not in pieces


@pytest.mark.parametrize("place", [14, 15, 16, 14 + 3 + BLOCK, 14 + 3 + BLOCK + 2])
def test_a_block_that_is_not_the_writers_is_told(place: int) -> None:
    frame = bytearray(b"".join(frames.stored([bytes(BLOCK + 9)], BLOCK + 9)))
    frame[place] ^= 1
    ((offset, length),) = frames.stored_runs(BLOCK + 9)
    assert frames.stored_content(bytes(frame[offset : offset + length]), last=True) is None
