"""Helm's library for the site's machines, and the file that says which machine it is for."""

import importlib.metadata
import struct
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.runtime.elf import HEAD, architecture
from bundler.builder.runtime.freeze import helm_library, this_platform
from bundler.builder.runtime.helm_library import helm_content
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform


def elf(machine: int, *, big: bool = False) -> bytes:
    order = ">" if big else "<"
    return b"\x7fELF\x02" + (b"\x02" if big else b"\x01") + bytes(10) + struct.pack(f"{order}HH", 3, machine)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (elf(62), "amd64"),
        (elf(183), "arm64"),
        (elf(22, big=True), "s390x"),
        (elf(0xFFFF), ""),
        (b"\x7fELF", ""),
        (b"#!/bin/sh\n" * 5, ""),
        (b"", ""),
    ],
)
def test_a_library_says_what_it_runs_on(data: bytes, found: str) -> None:
    assert architecture(data) == found


def test_the_library_of_another_architecture_never_slips_in(tmp_path: Path) -> None:
    with helm_library().open("rb") as file:
        own = architecture(file.read(HEAD))
    foreign = "arm64" if own == "amd64" else "amd64"
    given = tmp_path / "libhelm_c.so"
    given.write_bytes(elf(183 if foreign == "arm64" else 62))
    with Store(tmp_path / "cache") as store:
        content = helm_content(Platform("linux", foreign), given, store)
        assert content.blob.digest == Digest.of(given.read_bytes())
        for platform, path in ((Platform("linux", foreign), None), (Platform("linux", own), given)):
            with pytest.raises(BundlerError, match="--helm-library") as caught:
                helm_content(platform, path, store)
            assert caught.value.code is ExitCode.UNSUPPORTED
        own_blob = helm_content(Platform("linux", own), None, store).blob
        assert helm_content(Platform("linux", own), None, store).blob == own_blob
        assert own_blob.size == helm_library().stat().st_size


def test_a_cache_that_came_from_elsewhere_names_no_library(tmp_path: Path) -> None:
    """A record in it, with a blob under its right digest, was sealed and signed in place of the library."""
    path = helm_library()
    with path.open("rb") as file:
        wanted, platform = Digest.of_file(file), this_platform()
    with Store(tmp_path / "cache") as store:
        hostile = store.add([path.read_bytes()[:HEAD], b"hostile"], digest=None, size=None, name="x")
        key = f"{importlib.metadata.version('helm-python-sdk')} {path.stat().st_size}"
        store.remember("helm", key, hostile.to_json())
        assert helm_content(platform, None, store).blob.digest == wanted
        assert helm_content(platform, None, store).blob.digest == wanted
