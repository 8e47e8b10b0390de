"""What a host says of its files and disks, before anything is copied."""

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.run.deliver import parse_probe


def test_an_answer_is_read() -> None:
    found = parse_probe("mount 0 12 /\nplaced 0\nmount 1 7 /var/lib/my data\nstaged 1\n", "h", 2)
    assert (found.placed, found.staged) == (frozenset({0}), frozenset({1}))
    assert found.free == {"/": 12 << 10, "/var/lib/my data": 7 << 10}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mount 0 12 /\n",  # one of two
        "mount 0 12 /\nmount 7 12 /\n",
        "mount 0 12 /\nmount 1 -3 /\n",
        f"mount 0 12 /\nmount 1 {'9' * 5000} /\n",
        "mount 0 12 /\nmount 1 12 /\nplaced 99999999\n",
        "mount 0 12 /\nmount 1 12 /\nsurprise 1\n",
        "mount\n",
    ],
)
def test_an_odd_answer_is_the_hosts_fault(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        parse_probe(text, "h", 2)
    assert (caught.value.code, caught.value.where) == (ExitCode.HOST, "h")
