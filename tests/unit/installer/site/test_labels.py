"""Labels and taints against the rules of Kubernetes."""

import pytest

from bundler.installer.site.labels import label_fault, parse_taint, same_place


@pytest.mark.parametrize(
    ("text", "shown", "gone"),
    [
        ("k=v:NoSchedule", {"k=v:NoSchedule"}, False),
        ("k:NoExecute", {"k:NoExecute"}, False),
        ("k=:NoSchedule", {"k:NoSchedule"}, False),
        ("a.b/k=v:PreferNoSchedule", {"a.b/k=v:PreferNoSchedule"}, False),
        ("k=v:NoSchedule-", {"k=v:NoSchedule"}, True),
        ("k:NoExecute-", {"k:NoExecute"}, True),
        ("k-", {"k:NoSchedule", "k:PreferNoSchedule", "k:NoExecute"}, True),
    ],
)
def test_taints_as_nodes_show_them(text: str, shown: set[str], *, gone: bool) -> None:
    taint = parse_taint(text)
    assert taint.texts == shown
    assert taint.gone is gone


@pytest.mark.parametrize(
    "text", ["k=v", "k", ":NoSchedule", "k:Never", "A.B/k:NoSchedule", "k=a b:NoSchedule", "-"]
)
def test_what_is_no_taint(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_taint(text)


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        ("disk", "ssd", True),
        ("example.com/zone", "", True),
        ("a" * 63, "b" * 63, True),
        ("a" * 64, "", False),
        ("a", "b" * 64, False),
        ("a b", "", False),
        ("a", "-b", False),
        ("Example.com/a", "", False),
        ("/a", "", False),
        ("node-role.kubernetes.io/control-plane", "", False),
        ("node-role.kubernetes.io/db", "", True),
    ],
)
def test_labels(key: str, value: str, *, fine: bool) -> None:
    assert (label_fault(key, value) == "") is fine


def test_a_node_has_one_value_at_a_key_and_effect() -> None:
    assert same_place("k=1:NoSchedule") == same_place("k=2:NoSchedule") != same_place("k=1:NoExecute")
