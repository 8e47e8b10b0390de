import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from bundler.core.archive import Bundle, frames, headers, tarhead
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Member
from tests.kits.archive.bundles import Make
from tests.kits.archive.hostile_headers import GOOD, HEADERS
from tests.kits.archive.hostile_kit import Base, make_base


def archive(*contents: bytes, mtime: int = 0) -> tuple[bytes, tuple[Member, ...]]:
    """What a writer makes of these contents."""
    data, gap, members = bytearray(), b"", []
    for number, content in enumerate(contents):
        header = tarhead.header(f"file-{number}", size=len(content), mode=0o644, mtime=mtime)
        data += frames.small(gap + header)
        frame = b"".join(frames.stored([content], len(content)))
        place = {"offset": len(data), "length": len(frame)}
        members.append(Member(f"file-{number}", len(content), Digest.of(content), 0o644, **place))
        data += frame
        gap = tarhead.padding(len(content))
    return bytes(data + frames.small(gap + tarhead.end())), tuple(members)


def fault(data: bytes, members: tuple[Member, ...]) -> str:
    return headers.fault(members, len(data), lambda length, offset: data[offset : offset + length])


@pytest.mark.parametrize("mtime", [0, 1, 1_700_000_000, 8**11])
@pytest.mark.parametrize("contents", [(), (b"",), (b"a" * 511, b"b" * 512, b"c" * 513, b"")])
def test_what_a_writer_makes_is_right(contents: tuple[bytes, ...], mtime: int) -> None:
    assert fault(*archive(*contents, mtime=mtime)) == ""


def test_all_members_have_one_time() -> None:
    one, (first,) = archive(b"x" * 512)
    other, (second,) = archive(b"x" * 512, mtime=5)
    offset = first.offset + first.length
    member = Member("file-0", 512, second.digest, 0o644, offset + second.offset, second.length)
    assert "before 'file-0'" in fault(one[:offset] + other, (first, member))


def test_a_member_without_a_frame_has_no_entry() -> None:
    data, members = archive(b"one", b"two")
    derived = Member("derived", 5, Digest.of(b"12345"), 0o644, 0, 0)
    assert fault(data, (members[0], derived, members[1])) == ""
    assert "before 'file-1'" in fault(data, (derived, members[1]))


def test_a_frame_is_walked_over_many_blocks_and_a_checksum() -> None:
    content = bytes(range(256)) * 4096
    size = len(content)
    for frame in (
        b"".join(frames.stored([content], size)),
        b"".join(frames.compressed([content], size)),
        zstandard.ZstdCompressor(write_checksum=True).compress(content),
        zstandard.ZstdCompressor().compress(bytes(size)),  # blocks of one byte again and again
    ):

        def read(length: int, offset: int, frame: bytes = frame) -> bytes:
            return (b"before" + frame + b"behind")[offset : offset + length]

        assert frames.is_whole(read, 6, len(frame), size)
        assert not frames.is_whole(read, 6, len(frame) - 1, size)
        assert not frames.is_whole(read, 6, len(frame) + 1, size)
        assert not frames.is_whole(read, 6, len(frame), size - 1)
        assert not frames.is_whole(read, 5, len(frame) + 1, size)


def test_blocks_of_nothing_are_not_counted_for_ever() -> None:
    frame = frames.stored_head(0) + b"\0\0\0" * 100_000 + b"\1\0\0"
    reads = []

    def read(length: int, offset: int) -> bytes:
        reads.append(offset)
        return frame[offset : offset + length]

    assert not frames.is_whole(read, 0, len(frame), 0)
    assert len(reads) < 100


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("good")
    (folder / "runtime.tar.gz").write_bytes(b"\x1f\x8b" + bytes(200))
    return make_base(folder / "good.run", folder / "runtime.tar.gz")


def test_the_good_one_passes(base: Base, tmp_path: Path) -> None:
    """Else the refusals of `hostile_headers` would prove nothing."""
    (tmp_path / "x.run").write_bytes(GOOD(base))
    with Bundle.open(tmp_path / "x.run") as bundle:
        bundle.check()


@pytest.mark.parametrize("name", HEADERS)
def test_only_the_check_tells_it(base: Base, tmp_path: Path, name: str) -> None:
    """Seal, index and contents are right, so that nothing else would notice."""
    path = tmp_path / "x.run"
    path.write_bytes(HEADERS[name](base))
    with Bundle.open(path) as bundle:
        if "in-the-content" not in name:
            assert all(b"".join(bundle.chunks(member)) for member in bundle.index.members)
        with pytest.raises(BundlerError) as raised:
            bundle.check()
    assert raised.value.code is ExitCode.INTEGRITY
    assert raised.value.where == path


def test_tar_sees_what_the_index_lists(make: Make, tmp_path: Path) -> None:
    make({"a": b"1", "b/" + "n" * 200: b"22" * 400, "c": b""}, mtime=1_700_000_000)
    with Bundle.open(tmp_path / "demo.run") as bundle:
        bundle.check()
        raw = zstandard.ZstdDecompressor().stream_reader(
            io.BytesIO(b"".join(bundle.section("archive"))), read_across_frames=True
        )
        with tarfile.open(fileobj=raw, mode="r|") as tar:
            seen = [(each.name, each.size, each.mode, each.isreg()) for each in tar]
        assert seen == [(each.path, each.size, each.mode, True) for each in bundle.index.members]
