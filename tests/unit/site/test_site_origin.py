"""Which Kubernetes the demo takes."""

import pytest

from bundler.core.errors import BundlerError
from tests.site.origin import entry


@pytest.mark.parametrize(
    ("asked", "go", "taken"),
    [
        ("", "go1.26.8", "kubernetes-source"),
        ("", "go1.30", "kubernetes-source"),
        ("", "go2.0.1", "kubernetes-source"),
        ("", "go1.19.8", "kubernetes"),
        ("", "", "kubernetes"),
        ("", "devel +abc", "kubernetes"),
        ("upstream", "go1.26.8", "kubernetes"),
        ("source", "", "kubernetes-source"),  # whose build says what is missing
    ],
)
def test_it_is_compiled_where_that_can_be_done_and_nothing_else_is_asked_for(
    asked: str, go: str, taken: str
) -> None:
    assert entry(asked, go) == taken


def test_another_word_is_refused() -> None:
    with pytest.raises(BundlerError, match="KUBERNETES=debian is unknown"):
        entry("debian", "go1.26.8")
