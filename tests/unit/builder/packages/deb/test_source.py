import pytest

from bundler.builder.packages.deb.archives import architecture_of, archive_of
from bundler.builder.packages.deb.source import _REQUEST
from bundler.core.errors import BundlerError
from bundler.core.oci import AMD64, Platform
from bundler.core.suite import Suite


def test_architectures() -> None:
    assert architecture_of(AMD64) == "amd64"
    assert architecture_of(Platform.parse("linux/arm/v7")) == "armhf"
    with pytest.raises(BundlerError):
        architecture_of(Platform.parse("windows/amd64"))


@pytest.mark.parametrize(
    ("suite", "architecture", "archive"),
    [
        ("debian:bookworm", "arm64", "debian"),
        ("ubuntu:noble", "amd64", "ubuntu"),
        ("ubuntu:noble", "i386", "ubuntu"),
        ("ubuntu:noble", "arm64", "ubuntu-ports"),
        ("ubuntu:jammy", "s390x", "ubuntu-ports"),
    ],
)
def test_which_archive_has_an_architecture(suite: str, architecture: str, archive: str) -> None:
    assert archive_of(Suite.parse(suite), architecture).name == archive


@pytest.mark.parametrize(
    ("suite", "version", "updated"),
    [
        ("debian:bookworm", "2.36-9+deb12u4", True),
        ("debian:bookworm", "1.6.20~ds1-1", False),
        ("ubuntu:jammy", "2.35-0ubuntu3.4", True),
        ("ubuntu:jammy", "2.35-0ubuntu3", False),
        ("ubuntu:jammy", "1.1.1-0ubuntu0.22.04.1", True),
        ("ubuntu:noble", "5.2~24.04.1", True),
        ("ubuntu:noble", "2.39", False),
    ],
)
def test_versions_that_only_an_update_has(suite: str, version: str, updated: bool) -> None:  # noqa: FBT001  (a table)
    assert bool(archive_of(Suite.parse(suite), "amd64").updated.search(version)) is updated


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
    assert (_REQUEST.fullmatch(text) is not None) is good
