import hashlib
import io

import pytest
from debian.deb822 import Packages, Release

from bundler.builder.packages.closure import PackageFile
from bundler.builder.packages.deb.repository import control_of, packages_index, release
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite

STANZA = """\
Package: conntrack
Version: 1:1.4.7-1+b2
Architecture: amd64
Depends: libc6 (>= 2.34)
Description: a tool
 with a second line
Filename: elsewhere.deb
"""
DEB = PackageFile(
    "conntrack",
    "1:1.4.7-1+b2",
    "amd64",
    "bookworm",
    "pool/main/y.deb",
    35240,
    Digest("1" * 64),
    requested=True,
)


def test_stanzas_keep_what_apt_needs_and_name_the_new_place() -> None:
    (found,) = Packages.iter_paragraphs(packages_index([(DEB, STANZA)]), use_apt_pkg=False)
    assert found["Filename"] == "./conntrack_1.4.7-1+b2_amd64.deb"
    assert found["Depends"] == "libc6 (>= 2.34)"
    assert (found["Size"], found["SHA256"]) == ("35240", "1" * 64)
    assert found["Description"] == "a tool\n with a second line"


def test_order_of_what_is_given_does_not_matter() -> None:
    other = PackageFile("aaa", "1", "all", "bookworm", "p", 1, Digest("2" * 64))
    both = [(DEB, STANZA), (other, "Package: aaa\nVersion: 1\n")]
    assert packages_index(both) == packages_index(both[::-1])
    found = Packages.iter_paragraphs(packages_index(both), use_apt_pkg=False)
    assert [each["Package"] for each in found] == ["aaa", "conntrack"]


def test_what_is_no_package_is_refused() -> None:
    with pytest.raises(BundlerError) as caught:
        control_of(io.BytesIO(b"!<arch>\nnothing of the kind"))
    assert caught.value.code is ExitCode.INTEGRITY


def test_release_vouches_for_packages() -> None:
    index = packages_index([(DEB, STANZA)])
    found = Release(release(Suite("debian", "bookworm"), "amd64", index))
    assert found["SHA256"] == [
        {"sha256": hashlib.sha256(index).hexdigest(), "size": str(len(index)), "name": "Packages"}
    ]
    assert found["Codename"] == "bookworm"
