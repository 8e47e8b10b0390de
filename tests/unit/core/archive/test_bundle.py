import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundler.core.archive import Bundle, BundleWriter, tarhead
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.archive.bundles import Make, meta

FILES = {
    "root/bin/kubelet": b"\x7fELF" + bytes(200_000),
    "images/blobs/sha256/ab": b"\x1f\x8b" + os.urandom(300_000),
    "empty": b"",
    "a/" + "long-" * 40 + "name": b"behind a GNU long name",
    "root/größe": b"Unicode",
}

part = st.text(
    st.characters(exclude_characters="/", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=40
)
paths = st.lists(part.filter(lambda text: text not in {".", ".."}), min_size=1, max_size=4).map("/".join)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(paths, st.binary(max_size=5000), max_size=6).filter(
        lambda files: (
            not any(one != other and other.startswith(f"{one}/") for one in files for other in files)
        )
    ),
    st.sampled_from([True, False, None]),
)
def test_what_is_written_is_read(
    make: Make,
    tmp_path: Path,
    files: dict[str, bytes],
    compressed: bool | None,  # noqa: FBT001  (hypothesis gives arguments by position)
) -> None:
    make(files, compressed=compressed)
    with Bundle.open(tmp_path / "demo.run") as bundle:
        assert {member.path: b"".join(bundle.chunks(member)) for member in bundle.index.members} == files
        bundle.check()


def test_the_archive_is_a_plain_tar_zst(make: Make, tmp_path: Path) -> None:
    archive = make(FILES).section("archive")
    data = (tmp_path / "demo.run").read_bytes()[archive.offset : archive.offset + archive.length]
    with (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        found = {}
        for entry in tar:
            stream = tar.extractfile(entry)
            assert stream is not None
            found[entry.name] = stream.read()
            assert (entry.uid, entry.gid, entry.mtime, entry.mode) == (0, 0, 0, 0o644)
    assert found == FILES


def test_a_file_over_8_gib_has_a_size_that_tar_reads() -> None:
    head = tarhead.header("x", size=20 << 30, mode=0o644, mtime=0)
    assert tarfile.TarInfo.frombuf(head, "utf-8", "strict").size == 20 << 30


def test_equal_contents_give_equal_files(make: Make, tmp_path: Path) -> None:
    make(FILES)
    first = (tmp_path / "demo.run").read_bytes()
    make(FILES)
    assert (tmp_path / "demo.run").read_bytes() == first


def test_compressed_content_is_stored_as_it_is(make: Make, tmp_path: Path) -> None:
    make(FILES)
    with Bundle.open(tmp_path / "demo.run") as bundle:
        kept = bundle.member("images/blobs/sha256/ab")
        assert kept.size < kept.length < kept.size + 40
        assert bundle.member("root/bin/kubelet").length < 1000


class MemoryCache:
    """A FrameCache in memory that counts what it had to make."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.made = 0

    def frame(self, key: str, make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
        if key not in self.kept:
            self.made += 1
            self.kept[key] = b"".join(make())
        yield self.kept[key]


def test_a_second_build_compresses_nothing_large(make: Make, tmp_path: Path) -> None:
    """Of a million small files each would be looked up in vain: frames of those are not kept."""
    cache = MemoryCache()
    make(FILES, frames=cache, compressed=False)
    first, made = (tmp_path / "demo.run").read_bytes(), cache.made
    make(FILES, frames=cache, compressed=False)
    assert (tmp_path / "demo.run").read_bytes() == first
    assert cache.made == made == sum(len(content) >= 1 << 16 for content in FILES.values()) == 2


def test_a_cached_frame_needs_no_content(tmp_path: Path, runtime: Path, make: Make) -> None:
    cache = MemoryCache()
    content = b"content" * 10_000
    make({"x": content}, frames=cache, compressed=False)

    def unread() -> Iterator[bytes]:
        yield from map(pytest.fail, ["the content was read"])

    with BundleWriter(tmp_path / "again.run", stub="", runtime=runtime, frames=cache) as writer:
        writer.add("x", unread(), size=len(content), digest=Digest.of(content), compressed=False)


def test_many_threads_read_one_bundle(make: Make, tmp_path: Path) -> None:
    files = {f"file-{number}": bytes([number]) * 400_000 for number in range(8)}
    make(files)
    found: dict[str, bytes] = {}
    with Bundle.open(tmp_path / "demo.run") as bundle:

        def read(path: str) -> None:
            found[path] = b"".join(bundle.chunks(bundle.member(path)))

        threads = [threading.Thread(target=read, args=(path,)) for path in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert found == files


@pytest.mark.parametrize("chunks", [[b"short"], [b"x" * 11], [b"wrong-byte"]])
@pytest.mark.parametrize("compressed", [True, False, None])
def test_content_that_is_not_its_digest_leaves_nothing(
    tmp_path: Path, runtime: Path, chunks: list[bytes], *, compressed: bool | None
) -> None:
    target = tmp_path / "out" / "demo.run"
    target.parent.mkdir()
    digest = Digest.of(b"right-byte")
    with pytest.raises(BundlerError) as caught, BundleWriter(target, stub="", runtime=runtime) as writer:
        writer.add("x", chunks, size=10, digest=digest, compressed=compressed)
    assert caught.value.code is ExitCode.INTEGRITY
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("nameless", [True, False])
def test_an_interrupt_leaves_what_was_there(
    tmp_path: Path, runtime: Path, *, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr("os.O_TMPFILE", os.O_WRONLY)  # opening a folder for writing fails, as on NFS
    target = tmp_path / "out" / "demo.run"
    target.parent.mkdir()
    target.write_bytes(b"the old one")
    seen: list[Path] = []

    def interrupted() -> Iterator[bytes]:
        seen.extend(target.parent.iterdir())
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), BundleWriter(target, stub="", runtime=runtime) as writer:
        writer.add("x", interrupted(), size=8, digest=Digest.of(b""), compressed=True)
    assert len(seen) == (1 if nameless else 2)
    assert [path.name for path in target.parent.iterdir()] == ["demo.run"]
    assert target.read_bytes() == b"the old one"


def test_a_file_system_without_nameless_files_works(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.O_TMPFILE", os.O_WRONLY)
    make(FILES)
    with Bundle.open(tmp_path / "demo.run") as bundle:
        bundle.check()
    assert not list(tmp_path.glob(".demo*"))


def test_a_full_disk_is_told(runtime: Path, tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from bundler.core.archive import BundleWriter\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from bundler.core.digest import Digest\n"
        "data = bytes(3_000_000)\n"
        "try:\n"
        "    with BundleWriter(Path(sys.argv[1]), stub='', runtime=Path(sys.argv[2])) as writer:\n"
        "        writer.add('x', [data], size=len(data), digest=Digest.of(data), compressed=True)\n"
        "except Exception as error:\n"
        "    print(error.code.name, error)\n"
    )
    target = tmp_path / "out" / "demo.run"
    target.parent.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", script, target, runtime],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.startswith(f"SPACE {target}: the disk is full")
    assert list(target.parent.iterdir()) == []


def test_the_same_path_twice_is_refused(tmp_path: Path, runtime: Path) -> None:
    with BundleWriter(tmp_path / "x.run", stub="", runtime=runtime) as writer:
        writer.add("x", [b""], size=0, digest=Digest.of(b""))
        with pytest.raises(BundlerError, match="twice"):
            writer.add("x", [b""], size=0, digest=Digest.of(b""))


@pytest.mark.parametrize("name", ["", "two words", "$(reboot)", "a'b", "line\nbreak", "-x", "n" * 200])
def test_a_name_that_a_shell_could_misread_is_refused(make: Make, tmp_path: Path, name: str) -> None:
    with pytest.raises(BundlerError) as caught:
        make(FILES, index=meta(name=name))
    assert caught.value.code is ExitCode.INPUT
    assert not (tmp_path / "demo.run").exists()


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        old = file.read(1)
        file.seek(offset)
        file.write(bytes([old[0] ^ 1]))


@pytest.mark.parametrize("name", ["stub", "runtime", "archive", "info", "list"])
@pytest.mark.parametrize("place", ["first", "last", "gap"])
def test_check_finds_every_flipped_bit(make: Make, tmp_path: Path, name: str, place: str) -> None:
    section = make(FILES).section(name)
    path = tmp_path / "demo.run"
    flip(path, {"first": section.offset, "last": section.end - 1, "gap": section.end}[place])
    with Bundle.open(path) as bundle, pytest.raises(BundlerError) as caught:
        bundle.check()
    assert caught.value.code is ExitCode.INTEGRITY
    assert ("gap" if place == "gap" else name) in str(caught.value)


def test_check_finds_what_is_no_signature(make: Make, tmp_path: Path) -> None:
    seal = make(FILES)
    path = tmp_path / "demo.run"
    flip(path, seal.file_size - 1)
    with Bundle.open(path) as bundle, pytest.raises(BundlerError, match="signature"):
        bundle.check()


def test_a_flipped_bit_in_a_member_is_found_when_it_is_read(make: Make, tmp_path: Path) -> None:
    seal = make(FILES)
    path = tmp_path / "demo.run"
    with Bundle.open(path) as bundle:
        member = bundle.member("images/blobs/sha256/ab")
        flip(path, seal.section("archive").offset + member.offset + member.length // 2)
        with pytest.raises(BundlerError) as caught:
            list(bundle.chunks(member))
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("where", ["index", "seal"])
def test_damage_at_the_heart_is_found_when_it_is_opened(make: Make, tmp_path: Path, where: str) -> None:
    seal = make(FILES)
    path = tmp_path / "demo.run"
    flip(path, seal.section("index").offset + 5 if where == "index" else seal.offset + 20)
    with pytest.raises(BundlerError) as caught:
        Bundle.open(path)
    assert caught.value.code is ExitCode.INTEGRITY


def test_a_truncated_file_is_refused_wherever_it_was_cut(make: Make, tmp_path: Path) -> None:
    seal = make(FILES)
    path = tmp_path / "demo.run"
    whole = path.read_bytes()
    cuts = [0, 1, 4096, *(section.offset for section in seal.sections), seal.offset, len(whole) - 1]
    for cut in cuts:
        path.write_bytes(whole[:cut])
        with pytest.raises(BundlerError) as caught:
            Bundle.open(path)
        assert caught.value.code is ExitCode.INTEGRITY
    path.write_bytes(whole + b"\n")
    with pytest.raises(BundlerError):
        Bundle.open(path)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("missing", "fifo", "."):
        with pytest.raises(BundlerError):
            Bundle.open(tmp_path / name)


def test_a_bomb_is_cut_off(make: Make, tmp_path: Path) -> None:
    """A frame that unpacks to 4 GiB of zeros, said to be 10 bytes, ends after one small read."""
    seal = make({"x": bytes(300_000)}, compressed=True)  # enough room for the bomb
    head = b"\x28\xb5\x2f\xfd\xc0\x38" + (10).to_bytes(8, "little")
    bomb = head + b"\x02\x00\x10\x00" * 32768  # RLE blocks of 128 KiB
    path = tmp_path / "demo.run"
    offset = seal.section("archive").offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bomb)
    with Bundle.open(path) as bundle:
        member = replace(bundle.member("x"), size=10, offset=0, length=len(bomb))
        with pytest.raises(BundlerError) as caught:
            list(bundle.chunks(member))
    assert caught.value.code is ExitCode.INTEGRITY
    assert "does not unpack" in str(caught.value)
