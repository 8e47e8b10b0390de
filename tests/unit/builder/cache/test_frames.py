import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.builder.cache.frames import StoredFrames
from bundler.builder.cache.store import Store


@pytest.fixture
def frames(tmp_path: Path) -> StoredFrames:
    return StoredFrames(Store(tmp_path))


def never() -> Iterator[bytes]:
    yield from map(_refused, [b""])


def _refused(_: bytes) -> bytes:
    raise AssertionError("made again")


BIG = [os.urandom(50_000) for _ in range(5)]


def test_a_large_frame_is_made_once(frames: StoredFrames) -> None:
    assert b"".join(frames.frame("k", lambda: iter(BIG))) == b"".join(BIG)
    assert b"".join(frames.frame("k", never)) == b"".join(BIG)


def test_a_small_frame_is_made_each_time(frames: StoredFrames, tmp_path: Path) -> None:
    assert list(frames.frame("k", lambda: iter([b"small"]))) == [b"small"]
    assert list(frames.frame("k", lambda: iter([b"other"]))) == [b"other"]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_fails_is_not_kept(frames: StoredFrames) -> None:
    def failing() -> Iterator[bytes]:
        yield from BIG
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(frames.frame("k", failing))
    assert b"".join(frames.frame("k", lambda: iter(BIG))) == b"".join(BIG)


def test_a_frame_that_was_lost_is_made_again(frames: StoredFrames, tmp_path: Path) -> None:
    list(frames.frame("k", lambda: iter(BIG)))
    for path in (tmp_path / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    assert b"".join(frames.frame("k", lambda: iter(BIG))) == b"".join(BIG)
