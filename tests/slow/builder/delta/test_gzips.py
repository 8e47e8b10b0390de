import gzip
import hashlib
import io
import os
import subprocess
import zlib
from collections.abc import Iterator

import pytest

from bundler.builder.delta.gzips import Packed, find_gzip, header_length

TEXT = b"".join(b"%d some text of a layer, more or less\n" % (n * 7919 % 100_003) for n in range(60_000))


def found(packed: bytes) -> Packed | None:
    def begin() -> Iterator[bytes]:
        return (packed[start : start + 100_000] for start in range(0, len(packed), 100_000))

    return find_gzip(begin, hashlib.sha256(packed).hexdigest())


@pytest.mark.parametrize("level", [1, 3, 6, 9])
@pytest.mark.parametrize("data", [TEXT, b"short", b""], ids=["text", "short", "empty"])
def test_what_zlib_packed_is_found_with_its_level(level: int, data: bytes) -> None:
    packed = found(gzip.compress(data, level, mtime=0))
    assert packed is not None
    assert (packed.content.size, packed.content.digest.hex) == (len(data), hashlib.sha256(data).hexdigest())
    if data is TEXT:
        assert packed.how.level == level


def test_names_and_times_in_the_header_are_kept() -> None:
    made = io.BytesIO()
    with gzip.GzipFile("layer.tar", "wb", 6, made, mtime=1_700_000_000) as packer:
        packer.write(TEXT)
    packed = found(made.getvalue())
    assert packed is not None
    assert packed.how.header.endswith(b"layer.tar\0")


def test_more_memory_is_found() -> None:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9)
    body = deflate.compress(TEXT) + deflate.flush()
    tail = zlib.crc32(TEXT).to_bytes(4, "little") + len(TEXT).to_bytes(4, "little")
    packed = found(b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + body + tail)
    assert packed is not None
    assert packed.how.memory == 9


def test_gnu_gzip_chooses_otherwise_and_is_left_alone() -> None:
    packed = subprocess.run(["gzip", "-6nc"], input=TEXT, stdout=subprocess.PIPE, check=True).stdout
    assert found(packed) is None


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        TEXT,
        b"\x1f\x8b\x08" + os.urandom(50_000),
        gzip.compress(TEXT) + gzip.compress(TEXT),
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT) + b"\0",
    ],
    ids=["nothing", "text", "noise", "two", "cut", "more"],
)
def test_what_is_no_single_whole_file_is_left_alone(packed: bytes) -> None:
    assert found(packed) is None


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"\x1f\x8b\x08\0" + bytes(14), 10),
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"name\0" + bytes(9), 15),
        (b"\x1f\x8b\x08\x18" + bytes(6) + b"name\0note\0" + bytes(9), 20),
        (b"\x1f\x8b\x08\x04" + bytes(6) + b"\x03\0abc" + bytes(9), 15),
        (b"\x1f\x8b\x08\x02" + bytes(6) + b"hc" + bytes(9), 12),
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"endless" * 9, None),
        (b"\x1f\x8b\x08\x80" + bytes(20), None),
        (b"\x1f\x8b\x07\0" + bytes(20), None),
        (b"\x1f\x8b", None),
    ],
)
def test_a_header_is_measured(head: bytes, length: int | None) -> None:
    """The forms of RFC 1952, 2.3."""
    assert header_length(head) == length
