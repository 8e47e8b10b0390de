"""A host's answer is read part by part; the names in it lead nowhere."""

import io

import pytest

from bundler.installer.collect.parts import MOST_PARTS, parts, safe

MARK = b"@@0123"


def read(text: bytes) -> list[tuple[str, bytes, bool]]:
    return [(each.name, each.data, each.last) for each in parts(io.BytesIO(text), MARK)]


def test_parts_are_told_apart_by_the_mark_alone() -> None:
    text = b"Welcome!\n@@0123 a.txt\none\n@@other b\ntwo\n\n@@0123 b/c\n\n@@0123 end\n@@0123 d\nx\n"
    assert read(text) == [("a.txt", b"one\n@@other b\ntwo\n", False), ("b/c", b"\n", False)]


def test_an_answer_that_is_cut_says_so() -> None:
    assert read(b"@@0123 a\none\ntw") == [("a", b"one\ntw", True)]
    assert read(b"") == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/x", "etc/x"),
        ("a/./b//c", "a/b/c"),
        (".hidden", "hidden"),
        ("a b\x1b<c>", "a_b__c_"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("pods/kube-system_etcd-n1_u-i-d/etcd/0.log", "pods/kube-system_etcd-n1_u-i-d/etcd/0.log"),
    ],
)
def test_names_are_plain_and_stay_below(name: str, wanted: str) -> None:
    assert safe(name) == wanted


def test_names_are_never_long() -> None:
    made = safe("/".join(["x" * 5000] * 50))
    assert len(made) < 1000
    assert made.count("/") == 7


def test_each_name_is_there_once_and_no_file_is_a_folder() -> None:
    text = b"".join(b"@@0123 %s\nx\n" % name for name in (b"a", b"a", b"a/b", b"c/d", b"c")) + b"@@0123 end\n"
    names = [name for name, _, _ in read(text)]
    assert len(set(names)) == 5
    assert not any(one != other and other.startswith(f"{one}/") for one in names for other in names)


def test_a_host_gives_so_many_parts_and_no_more() -> None:
    text = b"".join(b"@@0123 p%d\nx\n" % number for number in range(MOST_PARTS + 10))
    assert len(read(text)) == MOST_PARTS
