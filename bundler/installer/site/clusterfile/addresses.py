"""The `ips` of a Clusterfile: single addresses and ranges, `10.0.0.2-10.0.0.9`."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

MOST: Final = 10_000  # hosts in one range, and in one site: more is a slip of the pen


def numbers(text: str) -> range:
    """The addresses that an entry means, as numbers. Raises ValueError whose text says what is wrong."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    start = _address(first)
    end = _address(last) if dash else start
    count = int(end) - int(start) + 1
    if count < 1:
        raise ValueError(f"{text!r} ends before it begins")
    if count > MOST:
        raise ValueError(f"{text!r} means {count} hosts, more than {MOST}")
    return range(int(start), int(end) + 1)


def expand(text: str) -> tuple[str, ...]:
    """The same as text, in order."""
    return tuple(str(IPv4Address(number)) for number in numbers(text))


def _address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise ValueError(_why_not(text)) from None
    if address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"):
        raise ValueError(f"{text} is no host's address")
    return address


def _why_not(text: str) -> str:
    try:
        IPv6Address(text)
    except AddressValueError:
        return f"{text[:80]!r} is not an IP address"
    return f"{text} is IPv6, which is not supported yet"
