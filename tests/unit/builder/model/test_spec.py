from typing import Any

import pytest

from bundler.builder.model.spec import identify, tree_contents
from bundler.builder.tree.links import resolve_link
from bundler.builder.tree.tree import Entry, File, Symlink, Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problems

TITLE, VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"


def file(text: str, mode: int = 0o644) -> File:
    return File(mode, len(text), Digest.of(text.encode()))


def contents(entries: dict[str, Entry]) -> dict[str, tuple[str, int]]:
    return {c.path: (c.blob.digest.hex[:6], c.mode) for c in tree_contents(Tree(entries))}


A, B = file("a"), file("b", 0o755)
HEX_A, HEX_B = A.digest.hex[:6], B.digest.hex[:6]


def test_files_lie_below_root_with_their_modes() -> None:
    assert contents({"bin/b": B, "a": A}) == {"root/a": (HEX_A, 0o644), "root/bin/b": (HEX_B, 0o755)}


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("l", "dir/b"),
        ("l", "./dir/../dir/b"),
        ("dir/l", "b"),
        ("dir/l", "../dir/b"),
        ("l", "/dir/b"),
        ("x/y/l", "../../dir/b"),
    ],
)
def test_a_link_becomes_a_copy(link: str, target: str) -> None:
    assert contents({"dir/b": B, link: Symlink(target)})[f"root/{link}"] == (HEX_B, 0o755)


def test_links_are_followed_through_links() -> None:
    entries: dict[str, Entry] = {
        "real/a": A,
        "way": Symlink("real"),
        "one": Symlink("two"),
        "two": Symlink("way/a"),
    }
    assert contents(entries)["root/one"] == (HEX_A, 0o644)


def test_a_link_to_a_folder_becomes_its_files() -> None:
    entries: dict[str, Entry] = {"v1/a": A, "v1/sub/b": B, "v1/l": Symlink("a"), "current": Symlink("v1")}
    found = contents(entries)
    assert {path for path in found if path.startswith("root/current")} == {
        "root/current/a",
        "root/current/l",
        "root/current/sub/b",
    }


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({"l": Symlink("nowhere")}, "no such file"),
        ({"l": Symlink("../etc/passwd")}, "out of the tree"),
        ({"l": Symlink("/etc/passwd")}, "no such file"),
        ({"l": Symlink("l")}, "circle"),
        ({"l": Symlink("m"), "m": Symlink("l")}, "circle"),
        ({"d/l": Symlink("."), "d/a": A}, "folder that it lies in"),
        ({"d/l": Symlink("/"), "d/a": A}, "folder that it lies in"),
        ({"d/e/l": Symlink("../../d"), "d/a": A}, "folder that it lies in"),
        ({"l": Symlink("a/b"), "a": A}, "no such file"),
    ],
)
def test_links_that_cannot_be_bundled(entries: dict[str, Entry], why: str) -> None:
    with pytest.raises(Problems, match=why):
        contents(entries)


def test_all_bad_links_are_told_at_once() -> None:
    with pytest.raises(Problems) as caught:
        contents({"l": Symlink("x"), "m": Symlink("y")})
    assert len(caught.value.problems) == 2


def test_links_of_links_to_folders_end_somewhere() -> None:
    """Each level doubles what the last one held; without a bound this would be 2^20 files."""
    entries: dict[str, Entry] = {"d0/a": A}
    for level in range(1, 20):
        entries |= {f"d{level}/x": Symlink(f"../d{level - 1}"), f"d{level}/y": Symlink(f"../d{level - 1}")}
    with pytest.raises(BundlerError):
        contents(entries)


def test_resolve_link_gives_folders_too() -> None:
    tree = Tree({"v1/a": A, "current": Symlink("v1")})
    assert resolve_link(tree, "current", Symlink("v1")) == "v1"


@pytest.mark.parametrize(
    ("labels", "folder", "expected"),
    [
        (
            {TITLE: "shop", VERSION: "2.1", "io.kubernetes.version": "v1.20.2"},
            "x",
            ("shop", "2.1", "v1.20.2"),
        ),
        ({"io.kubernetes.version": "1.30.0-rc.1"}, "my shop!", ("my-shop", "0.0.0", "v1.30.0-rc.1")),
        ({}, "", ("product", "0.0.0", "")),
    ],
)
def test_identity(labels: dict[str, str], folder: str, expected: tuple[str, str, str]) -> None:
    found = identify(labels, folder)
    assert (found.name, found.version, found.kubernetes) == expected


def test_a_kubernetes_version_that_is_none() -> None:
    with pytest.raises(BundlerError, match="not a version of Kubernetes"):
        identify({"io.kubernetes.version": "latest"}, "x")


def test_sealers_labels_say_the_version_where_ours_does_not() -> None:
    theirs = {
        "cluster.alpha.sealer.io/cluster-runtime-type": "kubernetes",
        "cluster.alpha.sealer.io/cluster-runtime-version": "v1.22.15",
    }
    assert identify(theirs, "x").kubernetes == "v1.22.15"
    assert identify({**theirs, "io.kubernetes.version": "1.24.1"}, "x").kubernetes == "v1.24.1"
    assert identify({**theirs, "cluster.alpha.sealer.io/cluster-runtime-type": "k0s"}, "x").kubernetes == ""
    with pytest.raises(BundlerError, match="latest") as caught:
        identify({**theirs, "cluster.alpha.sealer.io/cluster-runtime-version": "latest"}, "x")
    assert caught.value.where == "LABEL cluster.alpha.sealer.io/cluster-runtime-version"


@pytest.mark.parametrize(
    ("title", "folder", "name"),
    [
        ("My Shop", "x", "My-Shop"),
        ("  Bäckerei / Kasse (2) ", "x", "B-ckerei-Kasse-2"),
        ("../up", "x", "up"),
        ("商店", "shop dir", "shop-dir"),
        ("商店", "店", "product"),
        ("v" * 129, "x", "v" * 128),
        ("a" * 127 + " b", "x", "a" * 127),
    ],
)
def test_a_title_is_for_people_and_the_name_is_made_of_it(title: str, folder: str, name: str) -> None:
    assert identify({"org.opencontainers.image.title": title}, folder).name == name


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("org.opencontainers.image.title", "2.0-$V"),
        *(
            ("org.opencontainers.image.version", value)
            for value in ("2.0-$V", "two words", "../up", "v" * 129)
        ),
    ],
)
def test_a_name_that_no_file_can_have_is_told_with_its_label(label: Any, value: Any) -> None:
    """Before anything is fetched: the writer would find out when all else is done."""
    with pytest.raises(BundlerError) as caught:
        identify({label: value}, "x")
    assert (caught.value.code, caught.value.where) == (ExitCode.INPUT, f"LABEL {label}")
