from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.charts.helm import SdkHelm
from bundler.builder.charts.values import merged, read_values, written
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.yamldoc import load_all

keys = st.text("abc", min_size=1, max_size=2)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
    ),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(keys, values, max_size=3)


def test_later_layers_win_and_mappings_are_merged() -> None:
    own = {"image": {"name": "a", "tag": "1"}, "list": [1, 2], "sub": {"on": True}}
    over = {"image": {"tag": "2"}, "list": [3], "sub": None}
    assert merged((own, over)) == {"image": {"name": "a", "tag": "2"}, "list": [3], "sub": None}
    assert own == {"image": {"name": "a", "tag": "1"}, "list": [1, 2], "sub": {"on": True}}


@given(mappings, mappings)
def test_the_last_layer_is_seen_whole(first: Any, second: Any) -> None:
    def holds(outer: Any, inner: Any) -> Any:
        return all(
            holds(outer[key], value) if isinstance(value, dict) else outer[key] == value
            for key, value in inner.items()
        )

    assert holds(merged((first, second)), second)
    assert merged((first, {})) == first


@given(mappings)
def test_what_is_written_reads_the_same(some: Any) -> None:
    assert load_all(written(some), "values.yaml")[0].data == some


def test_helm_says_what_a_value_is_and_reads_back_what_is_written() -> None:
    text = "y: y\ndate: 2026-01-01\nratio: 1:30\nbig: 1e3\nmode: 0777\nq: '1.20'\nnone: ~\n"
    text += 'corner: "\\x85\\U0001F600"\n'
    helm = SdkHelm(timeout=60)
    some = read_values(text.encode(), "v.yaml", helm)
    assert some == {
        "true": True, "date": "2026-01-01", "ratio": "1:30", "big": 1000, "mode": 511, "q": "1.20",
        "none": None,
        "corner": "\x85\U0001f600",
    }  # fmt: skip
    assert read_values(written({**some, "s": "y"}), "v.yaml", helm) == {**some, "s": "y"}


@pytest.mark.parametrize("text", [b"- a\n", b"a: 1\n---\nb: 2\n", b"text"])
def test_what_is_no_mapping_is_refused(text: bytes) -> None:
    with pytest.raises(BundlerError) as caught:
        read_values(text, "v.yaml", SdkHelm())
    assert caught.value.code == ExitCode.INPUT
