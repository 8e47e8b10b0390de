import hashlib
import io

import pytest
from debian.deb822 import Packages, Release

from bundler.builder.packages.repository import Deb, control_of, packages_index, release
from bundler.builder.packages.suite import Suite, architecture, is_request
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

STANZA = """\
Package: conntrack
Version: 1:1.4.7-1+b2
Architecture: amd64
Depends: libc6 (>= 2.34)
Description: a tool
 with a second line
Filename: elsewhere.deb
"""
DEB = Deb(
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
    other = Deb("aaa", "1", "all", "bookworm", "p", 1, Digest("2" * 64))
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bookworm", ExitCode.INPUT),
        ("debian:", ExitCode.INPUT),
        ("debian:../etc", ExitCode.INPUT),
        ("debian:Book worm", ExitCode.INPUT),
        ("ubuntu:noble", ExitCode.UNSUPPORTED),
        ("rhel:9", ExitCode.UNSUPPORTED),
    ],
)
def test_suites_that_are_none(text: str, code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        Suite.parse(text)
    assert caught.value.code is code


def test_a_suite_and_its_folder() -> None:
    suite = Suite.parse("debian:bookworm")
    assert str(suite) == "debian:bookworm"
    assert suite.folder == "packages/debian-bookworm"


def test_architectures() -> None:
    assert architecture("linux/amd64") == "amd64"
    assert architecture("linux/arm/v7") == "armhf"
    with pytest.raises(BundlerError):
        architecture("windows/amd64")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("g++", True),
        ("libc6", True),
        ("containerd=1.6.20~ds1-1+b1", True),
        ("conntrack=1:1.4.7", True),
        ("a", False),
        ("-o", False),
        ("x=", False),
        ("x;y", False),
        ("x:arm64", False),
        ("UPPER", False),
    ],
)
def test_requests(text: str, good: bool) -> None:  # noqa: FBT001  (a table)
    assert is_request(text) is good
