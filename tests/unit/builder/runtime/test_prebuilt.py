"""A frozen installer from elsewhere is for the platform it is named for, or is refused."""

import io
import struct
import tarfile
from pathlib import Path

import pytest

from bundler.builder.runtime.prebuilt import check_runtime
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64, ARM64, Platform


def packed(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("folder"))
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


ARM = b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 3, 183)


def test_its_programs_say_what_it_is_for(tmp_path: Path) -> None:
    path = packed(tmp_path / "runtime.tar.gz", note=b"text", app=ARM, start=b"#!/bin/sh\n")
    check_runtime(path, ARM64)
    check_runtime(path, Platform("linux", "arm64", "v8"))
    with pytest.raises(BundlerError, match="its programs are for arm64") as caught:
        check_runtime(path, AMD64)
    assert caught.value.code is ExitCode.UNSUPPORTED


def test_one_of_scripts_is_for_any(tmp_path: Path) -> None:
    check_runtime(packed(tmp_path / "runtime.tar.gz", start=b"#!/bin/sh\n"), ARM64)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"no archive at all" * 50])
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BundlerError, match="no frozen installer") as caught:
        check_runtime(tmp_path / "x", AMD64)
    assert caught.value.code is ExitCode.INPUT
