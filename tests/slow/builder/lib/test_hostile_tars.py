"""Archives of strangers that say more than they have, or have more than anybody wants."""

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.images.files import TarFiles, open_tar
from bundler.builder.lib import decompress
from bundler.builder.lib.decompress import BrokenError, most_scanned
from bundler.builder.lib.tarstream import FileSource, Kind, entries
from bundler.builder.sbom import layer as layers
from bundler.builder.sbom.layer import Layer, scan
from bundler.builder.stage.unpack import unpack
from bundler.core.errors import BundlerError, ExitCode

MIB = 1 << 20
PEAK = 48 * MIB  # bytes that a reader may take, whatever is thrown at it


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE, **more: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.linkname = more.get("link", "")
    return info.tobuf(tarfile.GNU_FORMAT)


def packed(*parts: bytes | int) -> bytes:
    """A .gz of bytes, and of so many zeros where a number stands."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as file:
        for part in parts:
            if isinstance(part, bytes):
                file.write(part)
            else:
                for _ in range(part // MIB):
                    file.write(bytes(MIB))
    return out.getvalue()


# Each is a few hundred KB, and was 128 MiB of memory to a reader that believes a header.
BOMBS = {
    "a pax header": packed(header("x", 128 * MIB, tarfile.XHDTYPE), 128 * MIB),
    "a global pax header": packed(header("x", 128 * MIB, tarfile.XGLTYPE), 128 * MIB),
    "a long name": packed(header("././@LongLink", 128 * MIB, tarfile.GNUTYPE_LONGNAME), 128 * MIB),
    "a long link": packed(header("././@LongLink", 128 * MIB, tarfile.GNUTYPE_LONGLINK), 128 * MIB),
    "a name of a MiB": packed(
        header("././@LongLink", MIB - 1, tarfile.GNUTYPE_LONGNAME), b"n" * MIB, header("n", 0), bytes(1024)
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as made:
        yield made


@pytest.fixture
def bounded() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < PEAK


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", BOMBS)
def test_add_unpack_refuses_it(store: Store, name: str) -> None:
    with pytest.raises(BundlerError) as caught:
        unpack(io.BytesIO(BOMBS[name]), store, "x.tar.gz")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", BOMBS)
def test_an_image_archive_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.tar").write_bytes(BOMBS[name])
    with pytest.raises(BundlerError) as caught:
        open_tar(tmp_path / "x.tar", store, "x.tar")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", BOMBS)
def test_a_scan_says_what_it_left_out(tmp_path: Path, name: str) -> None:
    found = scan([BOMBS[name]], limit=most_scanned(len(BOMBS[name])), scratch=tmp_path)
    assert "is not read to its end" in gap(found)


def gap(layer: Layer) -> str:
    """What is said of the layer as a whole."""
    (told,) = [gap.why for gap in layer.finds.gaps if not gap.path]
    return told


def many(entry: Callable[[int], bytes], count: int) -> Iterator[bytes]:
    return (entry(number) for number in range(count))


def test_entries_without_end_end_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_ENTRIES", 1000)
    one = header("usr/a", 0)
    found = scan(many(lambda _: one, 10_000), limit=1 << 30, scratch=tmp_path)
    assert "after usr/a" in gap(found)
    assert "more than 1000 entries" in gap(found)


def test_headers_that_name_no_entry_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_ENTRIES", 1000)
    one = header("x", 0, tarfile.XGLTYPE)
    found = scan(many(lambda _: one, 10_000), limit=1 << 30, scratch=tmp_path)
    assert "more than 1000 entries" in gap(found)


def test_ten_million_entries_are_too_many_for_the_real_bound() -> None:
    assert layers._MOST_ENTRIES < 10_000_000


@pytest.mark.usefixtures("bounded")
def test_names_of_what_is_taken_away_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_NAMES", MIB)
    found = scan(many(lambda number: header(f".wh.{number:090}", 0), 15_000), limit=1 << 30, scratch=tmp_path)
    assert "bytes of names" in gap(found)
    assert len(found.removed) <= MIB // 90


@pytest.mark.usefixtures("bounded")
def test_names_of_packages_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_NAMES", 4 * MIB)
    manifest = b'{"name": "' + b"n" * MIB + b'", "version": "1"}'
    size = len(manifest)

    def module(number: int) -> bytes:
        return header(f"node_modules/m{number}/package.json", size) + manifest + bytes(-size % 512)

    found = scan(many(module, 40), limit=1 << 40, scratch=tmp_path)
    assert sum(len(each.name) for fact in found.finds.facts for each in getattr(fact, "packages", ())) < (
        4 * MIB
    )
    assert "bytes of names" in gap(found)


def test_zeros_without_end_end_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "_SCAN_ALLOWANCE", 8 * MIB)
    monkeypatch.setattr(decompress, "_SCAN_MOST", 100 * MIB)
    data = packed(header("zeros", 1 << 33), 300 * MIB)
    limit = most_scanned(len(data))
    assert limit < 100 * MIB
    assert f"more than {limit} bytes" in gap(scan([data], limit=limit, scratch=tmp_path))
    assert most_scanned(1 << 40) == 100 * MIB


def test_what_a_plain_layer_holds_is_still_found(tmp_path: Path) -> None:
    status = b"Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n\n"
    data = header("var/lib/dpkg/status", len(status)) + status + bytes(-len(status) % 512 + 1024)
    found = scan([gzip.compress(data)], limit=most_scanned(1000), scratch=tmp_path)
    assert found.finds.gaps == ()
    assert [each.name for fact in found.finds.facts for each in getattr(fact, "packages", ())] == ["bash"]


@pytest.mark.parametrize("kind", ["gnu", "pax"])
def test_a_sparse_file_is_refused_as_one(store: Store, kind: str) -> None:
    """Its bytes lie in the archive without their zeros; taken as they are they would be another file."""
    if kind == "gnu":
        data = header("x", 0, tarfile.GNUTYPE_SPARSE) + bytes(1024)
    else:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
        data = info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    with pytest.raises(BundlerError, match="can't be unpacked") as caught:
        unpack(io.BytesIO(data), store, "x.tar")
    assert "sparse" in caught.value.why


def test_a_tar_on_disk_is_read_at_its_places(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, size in (("a", 3), ("d/" + "long" * 60, 700_000), ("c", 0), ("é", 513)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(name[:1].encode() * size))
    files = TarFiles(path, "x")
    with tarfile.open(path) as tar, path.open("rb") as raw:
        found = {each.path: each.at for each in entries(FileSource(raw)) if each.kind is Kind.FILE}
        assert found == {member.name: member.offset_data for member in tar}
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            assert b"".join(files.chunks(member.name)) == stream.read()


def test_a_tar_on_disk_that_was_cut_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(header("a", 1 << 40) + bytes(2048))
    with pytest.raises(BundlerError, match="damaged"):
        TarFiles(tmp_path / "x.tar", "x")
    with (tmp_path / "x.tar").open("rb") as file, pytest.raises(BrokenError, match="in the middle"):
        list(entries(FileSource(file)))
