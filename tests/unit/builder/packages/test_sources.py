from pathlib import Path

import pytest

from bundler.builder.packages.sources import PackageSources
from bundler.core.errors import BundlerError, ExitCode


def test_what_was_typed_is_read() -> None:
    made = PackageSources.of(
        {"debian": "", "ubuntu": "http://u.example/ubuntu"},
        ["ubuntu=keys/u.gpg"],
        ["rhel:9=rhel9.repo", "all.repo", "rocky:9=a=b.repo"],
    )
    assert made.mirrors == {"ubuntu": "http://u.example/ubuntu"}
    assert made.keyrings == {"ubuntu": Path("keys/u.gpg")}
    assert made.rpm_repos == {
        "rhel:9": Path("rhel9.repo"),
        "": Path("all.repo"),
        "rocky:9": Path("a=b.repo"),
    }


@pytest.mark.parametrize("text", ["ubuntu", "ubuntu=", "rhel=x.gpg", "plan9=x.gpg"])
def test_keyrings_that_are_none(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        PackageSources.of({}, [text], [])
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("debian:bookworm=x.repo", ExitCode.USAGE),
        ("rhel:9=", ExitCode.USAGE),
        ("rhel=x.repo", ExitCode.INPUT),
        ("alma:9=x.repo", ExitCode.UNSUPPORTED),
    ],
)
def test_repositories_of_no_rpm_suite(text: str, code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        PackageSources.of({}, [], [text])
    assert caught.value.code is code
