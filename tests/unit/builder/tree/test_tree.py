from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.tree.tree import File, Symlink, Tree, clean_path, normal_mode
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

D = Digest("a" * 64)
E = Digest("b" * 64)
F = File(0o644, 1, D)
G = File(0o755, 2, E)


@pytest.mark.parametrize(
    ("text", "path"),
    [("a", "a"), ("/a//b/", "a/b"), ("./a/./b", "a/b"), (".", ""), ("/", ""), ("..a/b..", "..a/b..")],
)
def test_paths_have_one_form(text: str, path: str) -> None:
    assert clean_path(text) == path


@pytest.mark.parametrize("text", ["..", "a/../b", "/..", "a\nb", "a\0b", "a" * 5000, "\udce9"])
def test_paths_that_are_refused(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        clean_path(text)
    assert caught.value.code is ExitCode.INPUT


@pytest.mark.parametrize(
    ("mode", "normal"), [(0o600, 0o644), (0o666, 0o644), (0o700, 0o755), (0o4711, 0o755), (0o611, 0o644)]
)
def test_modes_say_only_whether_it_can_be_executed(mode: int, normal: int) -> None:
    assert normal_mode(mode) == normal


def test_order_of_making_does_not_show() -> None:
    one = Tree({"b": F, "a/c": G})
    two = Tree({"a/c": G}).add({"b": F})
    assert one == two
    assert one.to_json() == two.to_json()
    assert one.digest == two.digest


def test_everything_counts_for_the_digest() -> None:
    trees = [
        Tree({"a": F}),
        Tree({"b": F}),
        Tree({"a": File(0o755, 1, D)}),
        Tree({"a": G}),
        Tree({"a": Symlink("x")}),
        Tree(),
    ]
    assert len({tree.digest for tree in trees}) == len(trees)


def test_merge_below_a_folder_replaces_what_is_there() -> None:
    tree = Tree({"a/x": F, "b": F}).merge(Tree({"x": G, "y/z": F}), "a")
    assert dict(tree.entries) == {"a/x": G, "a/y/z": F, "b": F}


def test_subtree_and_without() -> None:
    tree = Tree({"a/x": F, "a/y/z": G, "ab": F})
    assert dict(tree.subtree("a").entries) == {"x": F, "y/z": G}
    assert dict(tree.without("a").entries) == {"ab": F}
    assert dict(tree.without("ab").entries) == {"a/x": F, "a/y/z": G}
    assert dict(tree.subtree("nothing").entries) == {}


def test_folders_are_what_paths_imply() -> None:
    tree = Tree({"a/b/c": F})
    assert tree.folders == {"a", "a/b"}
    assert tree.is_folder("")
    assert not tree.is_folder("a/b/c")


@pytest.mark.parametrize("entries", [{"a": F, "a/b": F}, {"a": Symlink("b"), "a/b/c": F}])
def test_nothing_lies_below_a_file_or_link(entries: Any) -> None:
    with pytest.raises(BundlerError, match="nothing can lie below it"):
        Tree(entries)


def test_a_file_does_not_take_a_folders_place() -> None:
    with pytest.raises(BundlerError, match="is a folder already"):
        Tree({"a/b": F}).add({"a": F})


NAMES = st.text(alphabet="ab.é-", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
ENTRIES = st.one_of(
    st.builds(File, st.sampled_from([0o644, 0o755]), st.integers(0, 2**60), st.sampled_from([D, E])),
    st.builds(Symlink, st.text(max_size=5)),
)


@given(st.dictionaries(NAMES, ENTRIES))
def test_json_there_and_back(entries: Any) -> None:
    tree = Tree(entries)
    assert Tree.from_json(tree.to_json()) == tree


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_other_json_is_refused(data: Any) -> None:
    try:
        tree = Tree.from_json(data)
    except BundlerError as error:
        assert error.code is ExitCode.INTEGRITY  # noqa: PT017  (hypothesis may also find a tree)
    else:
        assert Tree.from_json(tree.to_json()) == tree


@pytest.mark.parametrize(
    "data",
    [b'{"../a":["x"]}', b'{"a":[420,1]}', b'{"a":[420,1,"md5:1"]}', b"[]", b"{", b'{"a":["x"],"a/b":["y"]}'],
)
def test_hostile_json_is_refused(data: bytes) -> None:
    with pytest.raises(BundlerError):
        Tree.from_json(data)
