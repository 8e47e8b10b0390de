import shutil
import struct
import sys
import tarfile
from pathlib import Path

import pytest

from bundler.builder.lib.resources import resource
from bundler.builder.runtime.elf import interpreter
from bundler.builder.runtime.freeze import freeze, helm_library, stub_template, this_platform
from bundler.builder.runtime.pyinstaller import pack
from bundler.core.errors import BundlerError, ExitCode


def folder(root: Path, mode: int, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
        path.chmod(mode)
    (root / "_internal" / "link").symlink_to("a.so")
    return root


def test_packing_depends_on_contents_and_executable_bits_only(tmp_path: Path) -> None:
    names = ["app", "_internal/b.so", "_internal/a.so", "_internal/deep/er/c"]
    pack(folder(tmp_path / "one", 0o755, names), tmp_path / "one.tar.gz")
    pack(folder(tmp_path / "two", 0o700, names[::-1]), tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        found = {entry.name: (entry.mode, entry.uid, entry.mtime, entry.type) for entry in tar}
    assert found["app"] == (0o755, 0, 0, tarfile.REGTYPE)
    assert found["_internal/link"][3] == tarfile.SYMTYPE


def test_hard_links_are_packed_as_files(tmp_path: Path) -> None:
    app = folder(tmp_path / "app", 0o644, ["_internal/a.so"])
    (app / "_internal/b.so").hardlink_to(app / "_internal/a.so")
    pack(app, tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        stream = tar.extractfile("_internal/b.so")
        assert stream is not None
        assert stream.read() == b"content of _internal/a.so"
        assert tar.getmember("_internal/b.so").isreg()


def test_pythons_own_loader_is_found() -> None:
    loader = interpreter(Path(sys.executable).resolve())
    assert loader.name.startswith("ld-")
    assert loader.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF\x02\x01",
        b"\x7fELF\x02\x01" + bytes(58),
        b"\x7fELF\x01\x01" + bytes(200),  # 32 bits
        b"\x7fELF\x02\x01"
        + bytes(26)
        + struct.pack("<Q", 1 << 40)
        + bytes(14)
        + struct.pack("<HH", 56, 9)
        + bytes(6),
    ],
)
def test_what_has_no_loader_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BundlerError) as caught:
        interpreter(tmp_path / "x")
    assert caught.value.code is ExitCode.UNSUPPORTED


def test_the_products_own_files_are_found() -> None:
    assert stub_template().startswith("#!/bin/sh\n")
    assert (resource("templates") / "site").is_dir()
    assert helm_library().name == "libhelm_c.so"
    with pytest.raises(BundlerError, match="missing"):
        resource("no-such-folder")


def test_a_disk_that_is_too_full_is_told_before_pyinstaller_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyInstaller's own tools tell it as "No such file" or not at all."""
    usage = shutil.disk_usage(tmp_path)._replace(free=20 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(BundlerError, match="not enough space for freezing the installer") as caught:
        freeze(this_platform(), tmp_path, log=pytest.fail)
    assert caught.value.code is ExitCode.SPACE
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
