"""Hosts as people read them: in numeric order, neighbours folded, with their number: `10.0.0.21-38 (18)`."""

from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address


def folded(addresses: Iterable[str], *, count: bool = True) -> str:
    """Addresses of hosts in few words; what is no IPv4 address stands behind them as it is."""
    numbers: set[int] = set()
    names: set[str] = set()
    for address in addresses:
        try:
            numbers.add(int(IPv4Address(address)))
        except AddressValueError:
            names.add(address)
    total = len(numbers) + len(names)
    text = ", ".join([*map(_words, _runs(sorted(numbers))), *sorted(names)])
    return f"{text} ({total})" if count and total > 1 else text


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of neighbours within a /24."""
    start = last = -2
    for number in numbers:
        if number != last + 1 or number >> 8 != start >> 8:
            if last >= 0:
                yield start, last
            start = number
        last = number
    if last >= 0:
        yield start, last


def _words(run: tuple[int, int]) -> str:
    first, last = run
    if first == last:
        return str(IPv4Address(first))
    return f"{IPv4Address(first)}-{last & 255}"


def hosts(count: int) -> str:
    """`1 host`, `3 hosts`, `no host`."""
    return "1 host" if count == 1 else f"{count:,} hosts" if count else "no host"
