import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store, default_root
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_add_gives_digest_and_size_and_keeps_a_read_only_file(store: Store) -> None:
    blob = store.add([b"hello ", b"world"], digest=None, size=None, name="greeting")
    assert blob.digest.hex == hashlib.sha256(b"hello world").hexdigest()
    assert blob.size == 11
    assert store.path(blob.digest).read_bytes() == b"hello world"
    assert store.path(blob.digest).stat().st_mode & 0o777 == 0o444


def test_add_of_a_known_digest_does_not_read_the_source_again(store: Store) -> None:
    digest = Digest.of(b"once")
    store.add([b"once"], digest=digest, size=4, name="x")

    def never(_: bytes) -> bytes:
        raise AssertionError("read again")

    assert store.add(map(never, [b""]), digest=digest, size=4, name="x").size == 4


@pytest.mark.parametrize(
    ("chunks", "digest", "size"),
    [
        ([b"other"], Digest.of(b"right"), None),
        ([b"righ"], Digest.of(b"right"), 5),
        ([b"right", b"!"], Digest.of(b"right"), 5),
        ([b"righ"], None, 5),
        ([b"right!"], None, 5),
    ],
)
def test_wrong_content_is_refused_and_leaves_nothing(
    store: Store, chunks: list[bytes], digest: Digest | None, size: int | None
) -> None:
    with pytest.raises(BundlerError) as caught:
        store.add(chunks, digest=digest, size=size, name="the file")
    assert caught.value.code is ExitCode.INTEGRITY
    assert "the file" in str(caught.value)
    assert files(store.root) == []


def test_a_failing_source_leaves_nothing(store: Store) -> None:
    def source() -> object:
        yield b"some"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(source(), digest=None, size=None, name="x")  # type: ignore[arg-type]
    assert files(store.root) == []


def test_a_truncated_blob_is_not_found(store: Store) -> None:
    blob = store.add([b"12345"], digest=None, size=None, name="x")
    path = store.path(blob.digest)
    path.chmod(0o644)
    path.write_bytes(b"123")
    assert store.find(blob.digest, 5) is None
    path.write_bytes(b"")
    assert store.find(blob.digest) is None
    again = store.add([b"12345"], digest=blob.digest, size=5, name="x")
    assert store.path(again.digest).read_bytes() == b"12345"


def test_the_empty_blob_is_a_blob(store: Store) -> None:
    blob = store.add([], digest=None, size=0, name="nothing")
    assert store.find(blob.digest) is not None


def test_chunks_drops_a_damaged_blob(store: Store) -> None:
    blob = store.add([b"12345"], digest=None, size=None, name="x")
    path = store.path(blob.digest)
    path.chmod(0o644)
    path.write_bytes(b"12x45")
    with pytest.raises(BundlerError, match="damaged and was removed") as caught:
        list(store.chunks(blob, name="bin/x"))
    assert caught.value.code is ExitCode.INTEGRITY
    assert store.find(blob.digest) is None


@pytest.mark.parametrize("content", [b"", b"x", b"y" * 16384])
def test_a_small_content_that_is_there_is_not_written_again(store: Store, content: bytes) -> None:
    """An archive of 400,000 empty files took minutes: each one was written and renamed anew."""
    blob = store.add([content], digest=None, size=None, name="a")
    before = store.path(blob.digest).stat()
    assert store.add([content[:1], content[1:]], digest=None, size=len(content), name="b") == blob
    after = store.path(blob.digest).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    store.close()
    assert not list((store.root / "temp").iterdir())


@pytest.mark.parametrize("damage", [b"", b"wrong", b"righ", b"right and more"])
def test_a_small_content_that_is_there_damaged_is_written_again(store: Store, damage: bytes) -> None:
    blob = store.add([b"right"], digest=None, size=None, name="a")
    path = store.path(blob.digest)
    path.chmod(0o644)
    path.write_bytes(damage)
    assert store.add([b"right"], digest=None, size=None, name="a") == blob
    assert path.read_bytes() == b"right"


@pytest.mark.parametrize("size", [4, 6])
def test_a_small_content_of_another_size_than_announced_is_refused(store: Store, size: int) -> None:
    store.add([b"right"], digest=None, size=None, name="a")
    with pytest.raises(BundlerError) as refused:
        store.add([b"right"], digest=None, size=size, name="a")
    assert refused.value.code is ExitCode.INTEGRITY


def test_a_missing_blob_is_a_clear_error(store: Store) -> None:
    with pytest.raises(BundlerError, match="the cache has no sha256:") as caught:
        store.open(Digest.of(b"never"))
    assert caught.value.code is ExitCode.NOT_FOUND


def test_threads_may_add_the_same_blob(store: Store) -> None:
    content = os.urandom(1 << 16)
    digest = Digest.of(content)
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def work() -> None:
        try:
            start.wait(10)
            for _ in range(20):
                store.add([content[:1000], content[1000:]], digest=digest, size=len(content), name="x")
                store.discard(digest)
        except BaseException as error:  # noqa: BLE001  (told below, in the test's own thread)
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_partial_goes_on_where_it_stopped(store: Store) -> None:
    digest = Digest.of(b"abcdef")
    with store.partial(digest) as partial:
        assert partial.size == 0
        partial.append(b"abc")
    with store.partial(digest) as partial:
        assert partial.size == 3
        with pytest.raises(BundlerError, match="3 of 6 bytes"):
            partial.commit(6)
        partial.append(b"def")
        blob = partial.commit(6)
    assert store.path(blob.digest).read_bytes() == b"abcdef"
    assert store.path(blob.digest).stat().st_mode & 0o777 == 0o444
    assert [f for f in files(store.root) if not f.startswith("blobs/")] == []


def test_a_wrong_partial_is_thrown_away(store: Store) -> None:
    digest = Digest.of(b"abcdef")
    with store.partial(digest) as partial:
        partial.append(b"abcxxx")
        with pytest.raises(BundlerError, match="not what its digest says") as caught:
            partial.commit(6, name="layer")
    assert caught.value.code is ExitCode.INTEGRITY
    assert store.find(digest) is None
    with store.partial(digest) as partial:
        assert partial.size == 0


def test_a_partial_can_start_again(store: Store) -> None:
    digest = Digest.of(b"abcdef")
    with store.partial(digest) as partial:
        partial.append(b"junk")
        partial.restart()
        partial.append(b"abcdef")
        assert partial.commit().size == 6


def test_two_at_one_partial_do_not_mix(store: Store) -> None:
    digest = Digest.of(b"abcdef")
    with store.partial(digest) as one, Store(store.root).partial(digest) as other:
        one.append(b"abc")
        other.append(b"abcdef")
        assert other.commit(6).size == 6
        one.append(b"def")
        assert one.commit(6).size == 6
    assert store.path(digest).read_bytes() == b"abcdef"


def test_kill_9_leaves_nothing_after_the_next_start(store: Store) -> None:
    code = (
        "import sys, time; from pathlib import Path; from bundler.builder.cache.store import Store\n"
        "s = Store(Path(sys.argv[1]))\n"
        "def source():\n"
        "    yield b'x' * 100000\n"
        "    print('ready', flush=True); time.sleep(60)\n"
        "with s.scratch() as f:\n"
        "    (f / 'deep').mkdir(); (f / 'deep' / 'file').write_text('y'); (f / 'deep').chmod(0o500)\n"
        "    s.add(source(), digest=None, size=None, name='x')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    Store(store.root)
    assert len(files(store.root / "temp")) == 2, "a living process keeps its files"
    child.kill()
    child.wait(10)
    child.stdout.close()
    Store(store.root)
    assert list((store.root / "temp").iterdir()) == []


def test_scratch_goes_away_also_on_errors(store: Store) -> None:
    seen: list[Path] = []

    def work() -> None:
        with store.scratch() as folder:
            seen.append(folder)
            (folder / "f").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert not seen[0].exists()


def test_records_come_back_by_kind_and_key(store: Store) -> None:
    assert store.recall("run", "k") is None
    store.remember("run", "k", b"one")
    store.remember("run", "k", b"two")
    store.remember("fetch", "k", b"")
    assert store.recall("run", "k") == b"two"
    assert store.recall("fetch", "k") == b""
    assert store.recall("run", "other") is None


def test_a_torn_record_is_no_record(store: Store) -> None:
    store.remember("run", "k", b"a value")
    (path,) = (p for p in (store.root / "records").rglob("*") if p.is_file())
    path.write_bytes(path.read_bytes()[:-1])
    assert store.recall("run", "k") is None


def test_a_full_disk_is_told_in_figures(full_disk: Path) -> None:
    block = b"\1" * (1 << 20)
    with Store(full_disk / "cache") as small:
        with pytest.raises(BundlerError) as caught:
            small.add((block for _ in range(4)), digest=None, size=4 << 20, name="big.bin")
        assert files(small.root) == []
    assert caught.value.code is ExitCode.SPACE
    assert "big.bin needs 4.0 MiB" in str(caught.value)


@pytest.fixture
def full_disk(tmp_path: Path) -> object:
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a small disk can only be mounted as root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundlerError, match="can't be used") as caught:
        Store(tmp_path / "file" / "cache")
    assert caught.value.code is ExitCode.USAGE


def test_default_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLER_CACHE", "/c")
    assert default_root() == Path("/c")
    monkeypatch.delenv("BUNDLER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_root() == Path("/x/bundler")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert default_root() == Path("/h/.cache/bundler")


def test_a_big_blob_is_not_held_in_memory(tmp_path: Path) -> None:
    code = (
        "import sys, resource; from pathlib import Path; from bundler.builder.cache.store import Store\n"
        "s = Store(Path(sys.argv[1])); block = bytes(1 << 20)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "s.add((block for _ in range(200)), digest=None, size=None, name='x')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=True)
    assert int(out.stdout) < 20_000, "KiB of growth for 200 MiB"


def test_sweeping_a_large_cache_is_quick(store: Store) -> None:
    for number in range(200):
        store.add([str(number).encode()], digest=None, size=None, name="x")
    begin = time.process_time()
    Store(store.root)
    assert time.process_time() - begin < 1
