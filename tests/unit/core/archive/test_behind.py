import hashlib
import threading
from pathlib import Path

import pytest

from bundler.core.archive.newparts import new_file
from bundler.core.archive.pipelined import PipelinedWriter
from bundler.core.errors import BundlerError, ExitCode


def test_batches_are_hashed_and_written_in_order(tmp_path: Path) -> None:
    batches = [bytes([number]) * 1000 for number in range(50)]
    hasher = hashlib.sha256()
    with new_file(tmp_path / "out", None) as out:
        behind = PipelinedWriter(out)
        for batch in batches:
            behind.put(batch, hasher.update)
        behind.fill(10)
        behind.close()
        out.commit(0o644)
    assert (tmp_path / "out").read_bytes() == b"".join(batches) + bytes(10)
    assert hasher.digest() == hashlib.sha256(b"".join(batches)).digest()


class Full:
    """An Out on a disk that is full after the first batch; `gate` holds the second up."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.written:
            self.gate.wait(10)
            raise BundlerError("the disk is full", code=ExitCode.SPACE)
        self.written.append(data)


def test_what_writing_raises_comes_a_few_batches_later_and_what_is_left_is_not_begun() -> None:
    out = Full()
    behind = PipelinedWriter(out)  # type: ignore[arg-type]  # only `write` is called
    behind.put(b"1", lambda _data: None)
    behind.put(b"2", lambda _data: None)
    out.gate.set()
    with pytest.raises(BundlerError, match="full"):
        behind.wait()
    behind.close()
    assert out.written == [b"1"]
