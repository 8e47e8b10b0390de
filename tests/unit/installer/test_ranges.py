"""Hosts in few words."""

import pytest

from bundler.installer.site.ranges import folded, hosts


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([], ""),
        (["10.0.0.1"], "10.0.0.1"),
        (["10.0.0.10", "10.0.0.9", "10.0.0.11"], "10.0.0.9-11 (3)"),
        (["10.0.0.1", "10.0.0.3", "10.0.0.2", "10.0.0.9"], "10.0.0.1-3, 10.0.0.9 (4)"),
        (["10.0.0.255", "10.0.1.0", "10.0.1.1"], "10.0.0.255, 10.0.1.0-1 (3)"),
        (["cp1", "10.0.0.2", "10.0.0.2"], "10.0.0.2, cp1 (2)"),
    ],
)
def test_neighbours_are_folded(addresses: list[str], expected: str) -> None:
    assert folded(addresses) == expected


def test_counts() -> None:
    assert [hosts(count) for count in (0, 1, 2, 1500)] == ["no host", "1 host", "2 hosts", "1,500 hosts"]
