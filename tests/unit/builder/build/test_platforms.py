"""Several platforms: what is made, what it is called, and which runtime it gets."""

from pathlib import Path

import pytest

from bundler.builder.build.platforms import Target, check_runtimes, targets
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64, ARM64


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    path = tmp_path / "arm.tar.gz"
    path.write_bytes(b"")
    return path


def test_one_platform_adds_nothing_to_the_name(runtime: Path) -> None:
    assert targets("linux/arm64", (str(runtime),)) == (Target(ARM64, runtime),)
    assert Target(ARM64).named(Path("out/shop.run")) == Path("out/shop.run")


def test_a_platform_is_called_what_machines_call_it_in_the_end() -> None:
    assert [str(one.platform) for one in targets("linux/x86_64,linux/aarch64")] == [
        "linux/amd64",
        "linux/arm64",
    ]


def test_several_are_told_apart_by_their_names(runtime: Path) -> None:
    made = targets("linux/amd64, linux/arm64,linux/arm/v7", (f"linux/arm64/v8={runtime}",))
    assert [(str(one.platform), one.runtime, one.suffix) for one in made] == [
        ("linux/amd64", None, "-amd64"),
        ("linux/arm64", runtime, "-arm64"),
        ("linux/arm/v7", None, "-armv7"),
    ]
    assert [one.named(Path("out/shop-1.2.run")) for one in made] == [
        Path("out/shop-1.2-amd64.run"),
        Path("out/shop-1.2-arm64.run"),
        Path("out/shop-1.2-armv7.run"),
    ]
    assert [one.named(None) for one in made] == [None] * 3
    assert made[1].named(Path("shop.v2")) == Path("shop.v2-arm64")


def test_together_they_need_no_suffix_and_have_each_its_files(runtime: Path) -> None:
    words = (f"linux/arm64={runtime}",)
    made = targets("linux/amd64,linux/arm64", words, helms=words, together=True)
    assert made == (Target(AMD64), Target(ARM64, runtime, runtime))
    with pytest.raises(BundlerError, match="which platform is the library of Helm for"):
        targets("linux/amd64,linux/arm64", helms=(str(runtime),))


@pytest.mark.parametrize(
    ("platforms", "runtimes", "code", "told"),
    [
        ("linux/amd64,", (), ExitCode.USAGE, "not a platform: ''"),
        ("linux/amd64,linux/x86_64", (), ExitCode.USAGE, "linux/x86_64 is asked for twice"),
        ("linux/arm64,linux/arm64/v8", (), ExitCode.USAGE, "linux/arm64/v8 is asked for twice"),
        ("linux/amd64,linux/arm64", ("RUNTIME",), ExitCode.USAGE, "write --runtime linux/amd64=FILE"),
        ("linux/amd64", ("linux/arm64=RUNTIME",), ExitCode.USAGE, "nothing is made for linux/arm64"),
        (
            "linux/arm64",
            ("RUNTIME", "linux/arm64=RUNTIME"),
            ExitCode.USAGE,
            "has more than one frozen installer",
        ),
        ("linux/arm64", ("linux/arm64=gone.tar.gz",), ExitCode.NOT_FOUND, "gone.tar.gz: there is no such"),
        ("linux/arm64", ("arm64=gone.tar.gz",), ExitCode.NOT_FOUND, "arm64=gone.tar.gz: there is no such"),
    ],
)
def test_what_cannot_be_meant_is_told(
    platforms: str, runtimes: tuple[str, ...], code: ExitCode, told: str, runtime: Path
) -> None:
    with pytest.raises(BundlerError) as caught:
        targets(platforms, [text.replace("RUNTIME", str(runtime)) for text in runtimes])
    assert caught.value.code is code
    assert told in str(caught.value)


def test_every_platform_that_lacks_a_runtime_is_named(runtime: Path) -> None:
    asked = targets("linux/amd64,linux/arm64,linux/s390x,linux/riscv64", (f"linux/arm64={runtime}",))
    with pytest.raises(BundlerError) as caught:
        check_runtimes(asked, AMD64)
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert caught.value.what == "there is no frozen installer for linux/s390x, linux/riscv64"
    assert caught.value.fix.endswith("--runtime linux/s390x=FILE --runtime linux/riscv64=FILE")
    check_runtimes(asked[:2], AMD64)
