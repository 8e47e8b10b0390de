"""Amounts as people write them on the command line: sizes, shares, rates. Pure."""

import re
from collections.abc import Callable

from tests.site.link import Rate

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_RATES = {"kbit": 10**3, "mbit": 10**6, "gbit": 10**9}

Left = Callable[[int], int]  # size of a disk -> bytes of it to leave free


def percent(text: str) -> float:
    """`1%` or `0.5%`: 0 to 100. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,2})?)%", text)
    if not found or float(found[1]) > 100:
        raise ValueError(text)
    return float(found[1])


def left(text: str) -> Left:
    """`500M`, `2G` or `10%` of a disk. Raises ValueError."""
    if text.endswith("%"):
        share = percent(text)
        return lambda size: int(size * share / 100)
    found = re.fullmatch(r"(\d{1,9})([KMG]?)", text)
    if not found:
        raise ValueError(text)
    amount = int(found[1]) * _UNITS[found[2]]
    return lambda _size: amount


def rate(text: str) -> Rate:
    """`10mbit`, `500kbit`, `1gbit`. Raises ValueError."""
    found = re.fullmatch(r"([1-9]\d{0,5})(kbit|mbit|gbit)", text)
    if not found:
        raise ValueError(text)
    return Rate(text, int(found[1]) * _RATES[found[2]])
