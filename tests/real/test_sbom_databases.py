"""The databases of real package managers, read as they themselves read them: dpkg, rpm, pip, Go."""

import importlib.metadata
import re
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest

from bundler.builder.lib.tarstream import TarContent
from bundler.builder.sbom.examine import examine
from bundler.builder.sbom.merge import stated_licences
from bundler.builder.sbom.model import Kind, Package, Packages
from bundler.builder.sbom.ospackage import scan_package
from bundler.core.digest import read_chunks

pytestmark = pytest.mark.real

SPEC = """
Name: {name}
Epoch: {epoch}
Version: 1.2
Release: 3
Summary: a package of a test
License: MIT and GPLv2+
BuildArch: noarch
%description
Holds nothing.
%files
"""


def command(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout


def found(place: str, path: Path, scratch: Path, mode: int = 0o644) -> tuple[Package, ...]:
    """The packages that a file of this machine tells of when an image has it at `place`."""
    with path.open("rb") as stream:
        fact = examine(place, mode, TarContent(read_chunks(stream), path.stat().st_size), scratch)
    assert isinstance(fact, Packages)
    return fact.packages


def test_dpkgs_own_list(tmp_path: Path) -> None:
    listed = command(
        "dpkg-query", "-W", "-f", "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    )
    rows = [line.split("\t") for line in listed.splitlines()]
    expected = {(name, version, arch) for status, name, version, arch in rows if status == "installed"}
    packages = found("var/lib/dpkg/status", Path("/var/lib/dpkg/status"), tmp_path)
    assert {(each.name, each.version, each.architecture) for each in packages} == expected


def test_pips_own_list(tmp_path: Path) -> None:
    checked = 0
    for each in importlib.metadata.distributions():
        metadata = (
            Path(str(each.locate_file("")))
            / f"{each.name.replace('-', '_')}-{each.version}.dist-info/METADATA"
        )
        if metadata.is_file():
            (package,) = found(f"opt/{metadata.parent.name}/METADATA", metadata, tmp_path)
            assert package.name == re.sub(r"[-_.]+", "-", each.name).lower()
            assert package.version == each.version
            checked += 1
    assert checked > 10


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpmbuild is not installed (Debian package rpm)")
    folder = tmp_path_factory.mktemp("rpms")
    for name, epoch in (("first", 0), ("second", 4)):
        spec = folder / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, epoch=epoch))
        command("rpmbuild", "-bb", "--define", f"_topdir {folder}", str(spec))
    return sorted(map(str, (folder / "RPMS").rglob("*.rpm")))


def test_rpms_own_list(rpms: list[str], tmp_path: Path) -> None:
    """In SQLite's form; Debian's rpm knows no ndb, the unit tests make that one."""
    root = tmp_path / "root"
    options = ("--root", str(root), "--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite")
    command("rpm", *options, "--initdb")
    command("rpm", *options, "-i", "--justdb", "--nodeps", "--noscripts", *rpms)
    form = "%{NAME}|%|EPOCH?{%{EPOCH}}:{0}||%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}\n"
    rows = [line.split("|") for line in command("rpm", *options, "-qa", "--qf", form).splitlines()]
    expected = {
        (name, f"{epoch}:{version}" if epoch != "0" else version, arch, (licence,))
        for name, epoch, version, arch, licence in rows
    }
    assert len(expected) == 2
    packages = found("var/lib/rpm/rpmdb.sqlite", root / "var/lib/rpm/rpmdb.sqlite", tmp_path)
    assert {(each.name, each.version, each.architecture, each.licences) for each in packages} == expected


@pytest.mark.parametrize(("page", "order"), [(512, 1234), (4096, 1234), (4096, 4321), (65536, 1234)])
def test_rpms_list_in_berkeley_db(rpms: list[str], tmp_path: Path, page: int, order: int) -> None:
    """Headers that rpm made, in files of Berkeley DB's own db_load, as on RHEL 8; rpm reads them too."""
    if shutil.which("db5.3_load") is None:
        pytest.skip("db5.3_load is not installed (Debian package db5.3-util)")
    made = tmp_path / "made"
    command("rpm", "--dbpath", str(made), "--define", "_db_backend sqlite", "--initdb")
    command("rpm", "--root", "/", "--dbpath", str(made), "-i", "--justdb", "--nodeps", "--noscripts", *rpms)
    rows = sqlite3.connect(made / "rpmdb.sqlite").execute("SELECT blob FROM Packages").fetchall()
    numbered = [struct.pack("<I", len(rows)), *(blob for (blob,) in rows)]
    lines = [f" {struct.pack('<I', key).hex()}\n {blob.hex()}" for key, blob in enumerate(numbered)]
    head = ["VERSION=3", "format=bytevalue", "type=hash", f"db_pagesize={page}", f"db_lorder={order}"]
    packed = tmp_path / "packed/Packages"
    packed.parent.mkdir()
    text = "\n".join([*head, "HEADER=END", *lines, "DATA=END", ""])
    subprocess.run(["db5.3_load", packed], input=text, text=True, check=True, timeout=60)

    packages = found("var/lib/rpm/Packages", packed, tmp_path)
    form = "%{NAME}|%|EPOCH?{%{EPOCH}:}||%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}\n"
    query = ("rpm", "--dbpath", str(packed.parent), "--define", "_db_backend bdb_ro", "-qa", "--qf", form)
    expected = {
        (name, f"{epoch}{version}".removeprefix("0:"), arch, (licence,))
        for name, epoch, version, arch, licence in (row.split("|") for row in command(*query).splitlines())
    }
    assert len(expected) == 2
    assert {(each.name, each.version, each.architecture, each.licences) for each in packages} == expected


INNER = """
Name: inner
Version: 1
Release: 1
Summary: a package that brings a Python package
License: Apache-2.0
BuildArch: noarch
%define _binary_payload {payload}
%description
Holds what an application brings along.
%install
folder=%{{buildroot}}/opt/app/greet-2.5.dist-info
mkdir -p $folder/empty
printf 'Metadata-Version: 2.1\\nName: greet\\nVersion: 2.5\\n' >$folder/METADATA
ln -s METADATA $folder/other
%files
/opt/app
"""


@pytest.mark.parametrize("payload", ["w9.gzdio", "w6.xzdio", "w3.zstdio", "w.ufdio"])
def test_what_is_inside_an_rpm_and_its_licence(tmp_path: Path, payload: str) -> None:
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpmbuild is not installed (Debian package rpm)")
    spec = tmp_path / "inner.spec"
    spec.write_text(INNER.format(payload=payload))
    command("rpmbuild", "-bb", "--define", f"_topdir {tmp_path}", str(spec))
    (path,) = tmp_path.rglob("*.rpm")
    with path.open("rb") as stream:
        layer = scan_package(read_chunks(stream), limit=1 << 20, scratch=tmp_path)
    assert layer.finds.gaps == ()
    facts = {fact.path: fact for fact in layer.finds.facts}
    fact = facts["opt/app/greet-2.5.dist-info/METADATA"]
    assert isinstance(fact, Packages)
    (package,) = fact.packages
    assert (package.kind, package.name, package.version) == (Kind.PYPI, "greet", "2.5")
    assert stated_licences(layer.finds.facts) == {"inner": ("Apache-2.0",)}


def test_a_program_that_the_go_tool_chain_made(tmp_path: Path) -> None:
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo, a program of Go's, is not installed")
    packages = found("usr/bin/skopeo", Path(program), tmp_path, 0o755)
    by_name = {package.name: package for package in packages}
    assert by_name["stdlib"].kind is Kind.GO
    assert f"go{by_name['stdlib'].version}".encode() in Path(program).read_bytes()
