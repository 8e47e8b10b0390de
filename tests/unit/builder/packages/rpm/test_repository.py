import hashlib
from pathlib import Path

import pytest

from bundler.builder.packages.closure import PackageFile
from bundler.builder.packages.rpm.repository import RpmEntry, file_name, needed_by, repodata
from bundler.builder.packages.rpm.source import _REQUEST, architecture_of
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64, ARM64, Platform

SERVER = PackageFile("server", "3:2.0-1.el9", "x86_64", "appstream", "p/s.rpm", 7, Digest("1" * 64))


def primary(name: str, requires: str, provides: str) -> str:
    return (
        f'<package type="rpm"><name>{name}</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>'
        f'<checksum type="sha256" pkgid="YES">{hashlib.sha256(name.encode()).hexdigest()}</checksum>'
        f'<format><rpm:provides><rpm:entry name="{provides}"/></rpm:provides>'
        f'<rpm:requires><rpm:entry name="{requires}"/></rpm:requires>'
        f"<file>/usr/bin/{name}</file></format></package>"
    )


ENTRIES = (
    RpmEntry(primary("a", "cap(b)", "a"), "<a/>"),
    RpmEntry(primary("b", "/usr/bin/a", "cap(b)"), "<b/>"),
)


def test_a_file_is_called_as_rpm_calls_it() -> None:
    assert file_name(SERVER) == "server-2.0-1.el9.x86_64.rpm"


def test_repomd_vouches_for_the_other_files() -> None:
    made = repodata(ENTRIES)
    assert sorted(made) == ["repodata/filelists.xml", "repodata/primary.xml", "repodata/repomd.xml"]
    for name in ("repodata/filelists.xml", "repodata/primary.xml"):
        assert hashlib.sha256(made[name]).hexdigest().encode() in made["repodata/repomd.xml"]
        assert f'href="{name}"'.encode() in made["repodata/repomd.xml"]
    assert b'packages="2"' in made["repodata/primary.xml"]


def test_needs_go_by_what_packages_provide_and_by_their_files() -> None:
    assert needed_by(repodata(ENTRIES)["repodata/primary.xml"]) == {"a": ("b",), "b": ("a",)}


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xed\xab\xee\xdb nothing of the kind")
    with pytest.raises(BundlerError) as caught:
        RpmEntry.read(tmp_path / "x", SERVER)
    assert caught.value.code is ExitCode.INTEGRITY


def test_architectures() -> None:
    assert architecture_of(AMD64) == "x86_64"
    assert architecture_of(ARM64) == "aarch64"
    with pytest.raises(BundlerError):
        architecture_of(Platform.parse("windows/amd64"))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("NetworkManager", True),
        ("libstdc++", True),
        ("python3.11", True),
        ("conntrack-tools=1.4.7-2.el9", True),
        ("bind=32:9.16.23-24.el9", True),
        ("-x", False),
        ("a=", False),
        ("a b", False),
        ("a;b", False),
        ("glibc(x86-64)", False),
        ("*", False),
    ],
)
def test_requests(text: str, good: bool) -> None:  # noqa: FBT001  (a table)
    assert (_REQUEST.fullmatch(text) is not None) is good
