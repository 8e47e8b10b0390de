import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.rooted import Root, RootedPath


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "a\0b",
        "a\nb",
        "\ud800",
        "a/" * 200 + "b",
        "x" * 256,
        "ü" * 128,
        "/".join(["x" * 250] * 17),
    ],
)
def test_what_could_climb_out_or_confuse_is_no_path(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        RootedPath.parse(text)
    assert caught.value.code is ExitCode.INPUT


def test_parts_cannot_smuggle_a_slash_in() -> None:
    with pytest.raises(BundlerError):
        RootedPath(("a", "b/../../c"))


@given(st.text(st.characters(exclude_categories=["C"]), max_size=60))
def test_what_is_accepted_stays_below_the_root(text: str) -> None:
    try:
        path = RootedPath.parse(text)
    except BundlerError:
        return
    root = "/srv/root"
    assert os.path.normpath(f"{root}/{path}") == f"{root}/{path}"
    assert str(path) == text


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        root.write(RootedPath.parse("a/b/c"), [b"one", b"two"], mode=0o755)
        with root.open(RootedPath.parse("a/b/c")) as stream:
            assert stream.read() == b"onetwo"
    assert (tmp_path / "a/b/c").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("link", ["a", "a/b", "a/b/c"])
def test_no_link_is_followed(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (outside / "b" / "c").write_text("mine")
    root_folder = tmp_path / "root"
    place = root_folder / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / Path(*Path(link).parts[1:]) if link != "a" else outside)
    with Root(root_folder) as root:
        with pytest.raises(BundlerError):
            root.write(RootedPath.parse("a/b/c"), [b"theirs"])
        with pytest.raises(BundlerError), root.open(RootedPath.parse("a/b/c")):
            pass
    assert (outside / "b" / "c").read_text() == "mine"


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with Root(tmp_path) as root, pytest.raises(BundlerError, match="something exists there already"):
        root.write(RootedPath.parse("x"), [b"new"])
    assert (tmp_path / "x").read_text() == "old"


@pytest.mark.parametrize("chunks", [[b"wrong"], [b"right", b"and more"], [b"rig"]])
def test_what_is_not_its_digest_is_removed(tmp_path: Path, chunks: list[bytes]) -> None:
    with Root(tmp_path) as root, pytest.raises(BundlerError) as caught:
        root.write(RootedPath.parse("x"), chunks, digest=Digest.of(b"right"), size=5)
    assert caught.value.code is ExitCode.INTEGRITY
    assert list(tmp_path.iterdir()) == []


def test_no_descriptor_is_lost(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Root(tmp_path) as root:
        root.write(RootedPath.parse("a/b/c"), [b""])
        for path in ("a/b/c", "a/b/c/d", "missing/x"):
            with pytest.raises(BundlerError), root.open(RootedPath.parse(path + "/x")):
                pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
