"""Archives whose headers lie about how much memory their names need."""

import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest
import zstandard

from bundler.core.archive.boundedtar import opened
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.snapshot import container
from bundler.installer.snapshot.age import Identity, Recipient, encrypt

KINDS = {
    "a pax header": tarfile.XHDTYPE,
    "a pax header for all": tarfile.XGLTYPE,
    "Solaris' pax header": tarfile.SOLARIS_XHDTYPE,
    "a long name": tarfile.GNUTYPE_LONGNAME,
    "a long link": tarfile.GNUTYPE_LONGLINK,
}


class Zeros(io.RawIOBase):
    """A header, then zeros without end, none of which is ever held."""

    def __init__(self, head: bytes) -> None:
        self._head = io.BytesIO(head)
        self.given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._head.read(size)
        data += bytes(size - len(data))
        self.given += len(data)
        return data


def header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1 << 16) + 1, 6 << 30])
def test_a_large_name_is_refused_unread(kind: str, size: int) -> None:
    source = Zeros(header(KINDS[kind], size))
    with pytest.raises(tarfile.TarError, match="name or pax header"), opened(source) as archive:
        list(archive)
    assert source.given < 1 << 16


def test_sparse_files_are_refused() -> None:
    with pytest.raises(tarfile.TarError, match="sparse"), opened(Zeros(header(b"S", 512))) as archive:
        list(archive)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 9}
        info.size = 512
        tar.addfile(info, io.BytesIO(b"1\n0\n9\n".ljust(512, b"\0")))
    made.seek(0)
    with pytest.raises(tarfile.TarError, match="sparse"), opened(made) as archive:
        list(archive)


def test_long_names_are_read() -> None:
    made = io.BytesIO()
    name = "folder/" * 40 + "größe"
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo(name))
    made.seek(0)
    with opened(made) as archive:
        assert [each.name for each in archive] == [name]


def after(head: bytes) -> Callable[[], Iterator[bytes]]:
    def made() -> Iterator[bytes]:
        packer = zstandard.ZstdCompressor().compressobj()
        yield packer.compress(head)
        for _ in range(256):
            yield packer.compress(bytes(1 << 20))
        yield packer.flush()

    return made


@pytest.mark.parametrize(
    "head", [header(tarfile.XHDTYPE, 256 << 20), header(b"0", 256 << 20), b""], ids=["pax", "file", "none"]
)
def test_a_hostile_snapshot_stays_small(tmp_path: Path, head: bytes) -> None:
    """Whoever has the public half of its key can make one: 256 MiB out of a few KiB."""
    key = pyrage.x25519.Identity.generate()
    path = tmp_path / "x.snapshot"
    path.write_bytes(b"".join(encrypt(after(head)(), [Recipient.parse(str(key.to_public()))])))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(BundlerError) as refused:
        container.read(path, [Identity.parse(str(key))])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.code in {ExitCode.INPUT, ExitCode.INTEGRITY}
    assert most < 32 << 20
