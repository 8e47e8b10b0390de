import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive.seal import REQUIRED, Seal, Section, aligned
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

DIGEST = Digest.of(b"x")


def seal(lengths: list[int], extra: tuple[str, ...] = ()) -> Seal:
    sections, offset = [], 0
    for name, length in zip((*REQUIRED, *extra), lengths, strict=True):
        sections.append(Section(name, offset, length, DIGEST))
        offset = aligned(offset + length)
    return Seal("demo", "1.0.0", "linux/amd64", tuple(sections))


GOOD = seal([10, 70_000, 5, 65_536, 1, 0])


@given(st.lists(st.integers(0, 1 << 45), min_size=6, max_size=6))
def test_a_seal_comes_back(lengths: list[int]) -> None:
    made = seal(lengths)
    text = made.to_bytes()
    assert len(text) == 4096
    assert Seal.parse(text, file_size=made.file_size) == made


def test_the_text_is_what_the_format_says() -> None:
    lines = GOOD.to_bytes().decode().rstrip("\n").split("\n")
    assert lines[:5] == [
        "bundler-run 1",
        "name demo",
        "version 1.0.0",
        "platform linux/amd64",
        f"stub 0 10 {DIGEST}",
    ]
    assert lines[6] == f"archive 196608 5 {DIGEST}"  # behind 65536 + 70000, at the next multiple of 65536


def test_gaps_are_what_no_section_covers() -> None:
    gaps = list(GOOD.gaps())
    assert gaps[0] == (10, 65_526)
    covered = sum(section.length for section in GOOD.sections) + sum(length for _, length in gaps)
    assert covered == GOOD.offset


def test_an_unknown_section_is_passed_over_unless_it_must_be_understood() -> None:
    extra = seal([1, 1, 1, 1, 1, 1, 9], ("notes",))
    assert Seal.parse(extra.to_bytes(), file_size=extra.file_size).section("notes").length == 9
    must = seal([1, 1, 1, 1, 1, 1, 9], ("base!",))
    with pytest.raises(BundlerError, match=r"base!") as caught:
        Seal.parse(must.to_bytes(), file_size=must.file_size)
    assert caught.value.code is ExitCode.UNSUPPORTED


def changed(old: str, new: str) -> bytes:
    text = GOOD.to_bytes().decode()
    assert old in text
    return text.replace(old, new, 1).rstrip("\n").encode().ljust(4096, b"\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("archive 196608 5", "archive 196607 5"),  # not where a section may start
        ("archive 196608 5", "archive 65536 5"),  # over the runtime
        ("archive 196608 5", "archive 0196608 5"),
        ("archive 196608 5", "archive +196608 5"),
        ("archive 196608 5", "archive 196608 99999999999999999999999999"),
        ("archive 196608 5", "archive 196608 -5"),
        ("archive 196608 5", "archive  196608 5"),
        ("archive 196608 5", "archive 196608 \u0665"),
        ("info ", "infos "),
        ("info ", "index "),
        ("sha256:", "sha512:"),
        ("version 1.0.0", "version"),
        ("name demo", "title demo"),
        ("bundler-run 1\n", "bundler-run\n"),
        ("bundler-run 1\n", "\n"),
    ],
)
def test_what_is_not_exactly_a_seal_is_refused(old: str, new: str) -> None:
    with pytest.raises(BundlerError) as caught:
        Seal.parse(changed(old, new), file_size=GOOD.file_size)
    assert caught.value.code is ExitCode.INTEGRITY


def test_a_newer_format_is_named() -> None:
    with pytest.raises(BundlerError, match="format 2") as caught:
        Seal.parse(changed("bundler-run 1\n", "bundler-run 2\n"), file_size=GOOD.file_size)
    assert caught.value.code is ExitCode.UNSUPPORTED


@given(st.binary(max_size=4096))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BundlerError):
        Seal.parse(noise, file_size=GOOD.file_size)


def test_the_size_of_the_file_is_part_of_it() -> None:
    with pytest.raises(BundlerError, match="bytes"):
        Seal.parse(GOOD.to_bytes(), file_size=GOOD.file_size + 1)


def test_what_has_no_room_is_refused() -> None:
    with pytest.raises(BundlerError, match="room"):
        Seal("n" * 4000, "1", "linux/amd64", GOOD.sections).to_bytes()
