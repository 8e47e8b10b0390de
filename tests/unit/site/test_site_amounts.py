"""Amounts of the site's command line."""

import pytest

from tests.site import amounts


@pytest.mark.parametrize(("text", "value"), [("1%", 1.0), ("0.25%", 0.25), ("100%", 100.0), ("0%", 0.0)])
def test_percent(text: str, value: float) -> None:
    assert amounts.percent(text) == value


@pytest.mark.parametrize("text", ["", "1", "%", "-1%", "101%", "1e2%", "nan%", "0.001%"])
def test_what_is_no_percent(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (argparse's own contract; there is no text to match)
        amounts.percent(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [("0", 0), ("512", 512), ("4K", 4096), ("500M", 500 << 20), ("2G", 2 << 30), ("10%", 100)],
)
def test_what_is_left_of_a_disk_of_1000_bytes(text: str, left: int) -> None:
    assert amounts.left(text)(1000) == left


@pytest.mark.parametrize("text", ["", "M", "-1", "1T", "1.5G", "1 G", "200%"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (as above)
        amounts.left(text)


@pytest.mark.parametrize(
    ("text", "bits", "burst"),
    [("500kbit", 500_000, 32 * 1024), ("10mbit", 10_000_000, 32 * 1024), ("1gbit", 10**9, 1_250_000)],
)
def test_rate_and_the_burst_that_it_needs(text: str, bits: int, burst: int) -> None:
    rate = amounts.rate(text)
    assert (rate.text, rate.bits, rate.burst) == (text, bits, burst)


@pytest.mark.parametrize("text", ["", "10", "10m", "0mbit", "10mbit; reboot", "-1mbit", "1.5mbit"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (as above)
        amounts.rate(text)
