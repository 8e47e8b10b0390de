from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.ranges import folded, hosts
from bundler.installer.site.select import selected


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        ((), ""),
        (("10.0.0.4",), "10.0.0.4"),
        (("10.0.0.12", "10.0.0.9", "10.0.0.10", "10.0.0.11"), "10.0.0.9-12 (4)"),
        (("10.0.0.1", "10.0.0.3"), "10.0.0.1, 10.0.0.3 (2)"),
        (("10.0.0.255", "10.0.1.0"), "10.0.0.255, 10.0.1.0 (2)"),
        (("10.0.0.2", "10.0.0.2"), "10.0.0.2"),
        (("b.example", "10.0.0.1", "a.example"), "10.0.0.1, a.example, b.example (3)"),
        (("fd00::2", "fd00::1"), "fd00::1-fd00::2 (2)"),
        (("fd00::ffff", "fd00::1:0", "fd00::5"), "fd00::5, fd00::ffff, fd00::1:0 (3)"),
        ((f"fd00::{n:x}" for n in range(1, 501)), "fd00::1-fd00::1f4 (500)"),
    ],
)
def test_hosts_are_listed_as_a_person_would(addresses: Any, text: str) -> None:
    assert folded(addresses) == text


def test_a_very_long_list_ends_in_a_count() -> None:
    scattered = [f"10.0.0.{2 * number}" for number in range(40)]
    assert folded(scattered).endswith("10.0.0.22 and 28 more (40)")


@pytest.mark.parametrize(("count", "text"), [(0, "no host"), (1, "1 host"), (2, "2 hosts")])
def test_counts_have_their_plural(count: int, text: str) -> None:
    assert hosts(count) == text


SITE = Site(
    "s",
    (
        Host("10.0.0.1", frozenset({Role.CONTROL_PLANE})),
        Host("10.0.0.2", frozenset({Role.WORKER})),
        Host("10.0.0.3", frozenset({Role.WORKER})),
    ),
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), "123"),
        (("worker",), "23"),
        (("node",), "23"),
        (("master",), "1"),
        (("10.0.0.3", "control-plane"), "13"),
        (("10.0.0.2-10.0.0.9",), "23"),
    ],
)
def test_a_role_an_address_or_a_range_means_hosts(words: Any, found: str) -> None:
    assert [host.address for host in selected(SITE, words)] == [f"10.0.0.{number}" for number in found]


@pytest.mark.parametrize(
    ("word", "fix"), [("wroker", 'did you mean "worker"?'), ("10.0.0.9", "10.0.0."), ("a-b", "")]
)
def test_a_word_that_means_no_host_is_refused(word: str, fix: str) -> None:
    with pytest.raises(BundlerError) as caught:
        selected(SITE, (word,))
    assert caught.value.code is ExitCode.USAGE
    assert fix in caught.value.fix
