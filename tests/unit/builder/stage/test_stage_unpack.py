import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bundler.builder.cache.store import Store
from bundler.builder.stage.unpack import unpack
from bundler.builder.tree.tree import File, Symlink
from bundler.core.errors import BundlerError, ExitCode


def tar(*members: Any) -> bytes:
    """A tar archive of (name, content or TarInfo type and link target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o700 if name.endswith(".sh") else 0o600
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)
    return out.getvalue()


GOOD = tar(
    ("./d", (tarfile.DIRTYPE, "")),
    ("./d/a.sh", b"a"),
    ("d/link", (tarfile.SYMTYPE, "../d/a.sh")),
    ("hard", (tarfile.LNKTYPE, "./d/a.sh")),
    ("/absolute", b"b"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    with Store(tmp_path) as made:
        yield made


def compress(data: Any, how: Any) -> Any:
    match how:
        case "gz":
            return gzip.compress(data)
        case "xz":
            return lzma.compress(data)
        case "zst":
            return zstandard.ZstdCompressor().compress(data)
        case _:
            return data


@pytest.mark.parametrize("how", ["plain", "gz", "xz", "zst"])
def test_files_and_links_with_normal_modes(how: str, store: Any) -> None:
    tree = unpack(io.BytesIO(compress(GOOD, how)), store, "x.tar")
    assert {
        path: entry.mode if isinstance(entry, File) else entry.target for path, entry in tree.entries.items()
    } == {
        "absolute": 0o644,
        "d/a.sh": 0o755,
        "d/link": "../d/a.sh",
        "hard": 0o755,
    }
    assert isinstance(tree.entries["d/link"], Symlink)
    hard = tree.entries["hard"]
    assert isinstance(hard, File)
    assert store.path(hard.digest).read_bytes() == b"a"


@pytest.mark.parametrize(
    "member",
    [
        ("../a", b"x"),
        ("a/../../b", b"x"),
        ("a", (tarfile.SYMTYPE, "/etc/passwd")),
        ("a", (tarfile.SYMTYPE, "../x")),
        ("a/b", (tarfile.SYMTYPE, "../../x")),
        ("a", (tarfile.LNKTYPE, "nothing")),
        ("a", (tarfile.CHRTYPE, "")),
        ("a", (tarfile.FIFOTYPE, "")),
    ],
)
def test_what_leads_outside_or_is_special_is_refused(member: Any, store: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        unpack(io.BytesIO(tar(member)), store, "x.tar")
    assert caught.value.code is ExitCode.INPUT


def test_a_file_below_a_link_of_the_archive_is_refused(store: Any) -> None:
    with pytest.raises(BundlerError, match="symbolic link"):
        unpack(io.BytesIO(tar(("a", (tarfile.SYMTYPE, "b")), ("a/x", b"x"))), store, "x.tar")


@pytest.mark.parametrize(
    "data", [b"", b"no tar", GOOD[:1100], gzip.compress(GOOD)[:-20], compress(GOOD, "zst")[:-5]]
)
def test_what_is_no_whole_archive_is_refused(data: Any, store: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        unpack(io.BytesIO(data), store, "x.tar")
    assert caught.value.code is ExitCode.INTEGRITY
