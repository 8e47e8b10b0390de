import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import DISTRIBUTIONS, Suite, vendor_of


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        ("bookworm", ExitCode.INPUT, "DISTRIBUTION:RELEASE"),
        ("debian:", ExitCode.INPUT, "DISTRIBUTION:RELEASE"),
        ("debian:../etc", ExitCode.INPUT, "DISTRIBUTION:RELEASE"),
        ("debian:Book worm", ExitCode.INPUT, "DISTRIBUTION:RELEASE"),
        ("rhel:-9", ExitCode.INPUT, "DISTRIBUTION:RELEASE"),
        ("debian:12", ExitCode.INPUT, "debian:bookworm"),
        ("ubuntu:22.04", ExitCode.INPUT, "ubuntu:jammy"),
        ("ubuntu:99.04", ExitCode.INPUT, "ubuntu:noble"),
        ("ubunto:noble", ExitCode.UNSUPPORTED, "did you mean ubuntu:noble?"),
        ("alma:9", ExitCode.UNSUPPORTED, "did you mean almalinux:9?"),
        ("centos-stream:9", ExitCode.UNSUPPORTED, "did you mean centos:9?"),
        ("plan9:4", ExitCode.UNSUPPORTED, "write one of debian:bookworm"),
    ],
)
def test_suites_that_are_none(text: str, code: ExitCode, fix: str) -> None:
    with pytest.raises(BundlerError) as caught:
        Suite.parse(text)
    assert caught.value.code is code
    assert fix in caught.value.fix


@pytest.mark.parametrize("text", ["debian:bookworm", "ubuntu:noble", "rhel:9", "rhel:9.4", "fedora:42"])
def test_a_suite_and_its_folder(text: str) -> None:
    suite = Suite.parse(text)
    assert str(suite) == text
    assert suite.folder == f"packages/{text.replace(':', '-')}"


def test_every_example_of_the_table_is_a_suite() -> None:
    for each in DISTRIBUTIONS.values():
        assert Suite.parse(f"{each.id}:{each.example}").known is each


def test_the_vendors_of_purls() -> None:
    assert vendor_of("rhel") == "redhat"
    assert vendor_of("debian") == "debian"
    assert vendor_of("opensuse-leap") == "opensuse-leap"
