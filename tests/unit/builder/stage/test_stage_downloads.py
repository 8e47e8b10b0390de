import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.downloads import SumsFile, lockable, parse_checksum, take
from bundler.builder.stage.sums import find_sum
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64

ONE, TWO = "1" * 64, "2" * 64


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{ONE}  tool\n", "tool"),
        (f"{TWO}  other\n{ONE} *tool\n", "tool"),
        (f"{ONE}  ./dist/tool\r\n", "tool"),
        (f"SHA256 (tool) = {ONE}\n", "tool"),
        (f"SHA256(tool)= {ONE}\n", "tool"),
        (f"{ONE.upper()}\n", "anything"),
        (f"{ONE}  a name with spaces\n", "a name with spaces"),
        (f"# comment\n\n{ONE}  tool\n{ONE}  tool\n", "tool"),
    ],
)
def test_all_usual_forms_are_read(text: str, name: str) -> None:
    assert find_sum(text, name, "SUMS") == Digest(ONE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ExitCode.NOT_FOUND),
        (f"{ONE}  nottool\n", ExitCode.NOT_FOUND),
        (f"{ONE}\n{TWO}\n", ExitCode.NOT_FOUND),
        (f"{ONE[:40]}  tool\n", ExitCode.NOT_FOUND),
        (f"{ONE}  tool\n{TWO}  x/tool\n", ExitCode.INPUT),
    ],
)
def test_what_says_nothing_of_the_file_is_refused(text: str, code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        find_sum(text, "tool", "SUMS")
    assert caught.value.code is code


@given(st.text(max_size=300))
def test_no_text_is_too_odd(text: str) -> None:
    with suppress(BundlerError):
        assert find_sum(text, "tool", "SUMS").hex in text.lower()


def test_a_checksum_is_a_digest_or_a_file_of_them() -> None:
    assert parse_checksum(f"sha256:{ONE}") == Digest(ONE)
    assert parse_checksum("sha256:https://x/SUMS") == SumsFile("https://x/SUMS")
    with pytest.raises(BundlerError):
        parse_checksum("sha256:SUMS")


def test_no_secret_of_an_address_is_kept() -> None:
    kept = lockable("https://user:word@host/file?token=abc#x")
    assert kept.startswith("https://host/file?")
    assert not {"user", "word", "abc"} & set(kept.replace("?", " ").split())
    assert kept != lockable("https://host/file?token=other")
    assert lockable("https://host/file") == "https://host/file"


@pytest.fixture
def build_context(tmp_path: Path) -> BuildContext:
    store = Store(tmp_path / "cache")
    return BuildContext(store, Fetcher(store), Catalogue(tmp_path), AMD64)


def _file(path: Path, text: str) -> tuple[str, Digest]:
    path.write_text(text)
    return f"file://{path}", Digest(hashlib.sha256(text.encode()).hexdigest())


def test_a_file_of_checksums_is_believed_and_noted(build_context: BuildContext, tmp_path: Path) -> None:
    url, digest = _file(tmp_path / "tool", "tool")
    sums, _ = _file(tmp_path / "SUMS", f"{digest.hex}  tool\n")
    assert take(url, "tool", SumsFile(sums), "ADD in K:1", build_context).digest == digest
    (taken,) = build_context.files
    assert taken.url == url
    assert taken.why.startswith("ADD in K:1, checksum from file:")


def test_a_file_that_is_not_what_the_sums_say_is_refused(build_context: BuildContext, tmp_path: Path) -> None:
    url, _ = _file(tmp_path / "tool", "tool")
    sums, _ = _file(tmp_path / "SUMS", f"{ONE}  tool\n")
    with pytest.raises(BundlerError) as caught:
        take(url, "tool", SumsFile(sums), "ADD", build_context)
    assert caught.value.code is ExitCode.INTEGRITY
    assert not build_context.files


def test_a_lock_counts_more_than_a_file_of_checksums(build_context: BuildContext, tmp_path: Path) -> None:
    url, digest = _file(tmp_path / "tool", "tool")
    pinned = replace(build_context, pinned_files={url: digest})
    assert take(url, "tool", SumsFile(f"file://{tmp_path}/gone"), "ADD", pinned).digest == digest
    (tmp_path / "tool").write_text("changed")
    moved = replace(pinned, pinned_files={url: Digest(TWO)})
    with pytest.raises(BundlerError, match="not what the lock says") as caught:
        take(url, "tool", None, "ADD", moved)
    assert "bundler update tool" in caught.value.fix


def test_the_kubefile_counts_more_than_a_lock(build_context: BuildContext, tmp_path: Path) -> None:
    url, digest = _file(tmp_path / "tool", "tool")
    pinned = replace(build_context, pinned_files={url: Digest(TWO)})
    assert take(url, "tool", digest, "ADD", pinned).digest == digest
