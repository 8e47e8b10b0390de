"""What is frozen into the installer: read out of its notices, and part of the bill."""

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from yaml import _yaml as extension

from bundler.builder.runtime.notices import write_notices
from bundler.builder.sbom.installer import frozen_packages
from bundler.builder.sbom.model import Kind, Packages
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli.licences import notices

STATUS = (
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n\n"
)
METADATA = "Metadata-Version: 2.4\nName: paramiko\nVersion: 5.1.0\nLicense-Expression: LGPL-2.1\n\ntext\n"
FILES = {
    "os-release": "ID=debian\nVERSION_ID=12\n",
    "deb/libc6/status": STATUS,
    "deb/libc6/copyright": "This is the GNU C Library.\n",
    "pypi/paramiko/METADATA": METADATA,
    "pypi/paramiko/00-LICENSE": "GNU LESSER GENERAL PUBLIC LICENSE\n",
    "crates.json": json.dumps({"pem 4.0.0": {"within": ["cryptography"], "licence": "MIT"}}),
    "linked.json": json.dumps({"openssl": {"version": "4.0.3", "within": "cryptography", "licence": "MIT"}}),
}


def runtime(path: Path, files: dict[str, str]) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"_internal/notices/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    path.write_bytes(gzip.compress(raw.getvalue()))
    return path


def packages(path: Path) -> dict[str, tuple[Kind, str, tuple[str, ...], str]]:
    finds = frozen_packages(path)
    assert finds.gaps == ()
    (fact,) = finds.facts
    assert isinstance(fact, Packages)
    return {each.name: (each.kind, each.version, each.licences, each.distro) for each in fact.packages}


def test_packages_wheels_and_what_is_linked_into_them(tmp_path: Path) -> None:
    assert packages(runtime(tmp_path / "x.tar.gz", FILES)) == {
        "libc6": (Kind.DEB, "2.36-9", ("LGPL-2.1-or-later",), "debian-12"),
        "paramiko": (Kind.PYPI, "5.1.0", ("LGPL-2.1",), ""),
        "openssl": (Kind.GENERIC, "4.0.3", ("MIT",), ""),
        "pem": (Kind.CARGO, "4.0.0", ("MIT",), ""),
    }


@pytest.mark.parametrize("files", [{}, {"linked.json": "[]"}, {"linked.json": "{"}, {"pypi/x/METADATA": ""}])
def test_an_installer_that_does_not_tell_is_a_gap(tmp_path: Path, files: dict[str, str]) -> None:
    assert len(frozen_packages(runtime(tmp_path / "x.tar.gz", files)).gaps) == 1


def test_what_is_no_archive_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#!/bin/sh\n")
    assert len(frozen_packages(tmp_path / "x").gaps) == 1


def test_licences_are_printed_with_where_source_is_had(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / "_internal/notices" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    told = "\n".join(notices({"BUNDLER_RUNTIME": str(tmp_path)}))
    for part in (
        "libc6 2.36-9\nsource: apt-get source glibc=2.36-9",
        "This is the GNU C Library.",
        "paramiko 5.1.0\nlicence: LGPL-2.1\nsource: pip download",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "openssl 4.0.3\nlinked into cryptography",
    ):
        assert part in told


def test_licences_without_a_frozen_installer() -> None:
    with pytest.raises(BundlerError) as caught:
        list(notices({}))
    assert caught.value.code is ExitCode.NOT_FOUND


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="no machine of Debian's family")
def test_this_machines_own_files_are_traced_to_their_packages(tmp_path: Path) -> None:
    """As the C library is named by the loader, and an extension of a wheel by where it lies."""
    libc = next(
        Path(line.split()[-1])
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith("/libc.so.6")
    )
    write_notices((libc, Path(os.path.realpath(str(extension.__file__)))), tmp_path)
    assert (tmp_path / "notices/deb/libc6/copyright").stat().st_size > 1000
    names = {path.name for path in (tmp_path / "notices/pypi").iterdir()}
    assert names == {"pyyaml", "pyinstaller"}
    assert (tmp_path / "notices/os-release").exists()
