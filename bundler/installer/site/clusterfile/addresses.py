"""The `ips` of a Clusterfile: single addresses and ranges, `10.0.0.2-10.0.0.9`, `fd00::2-fd00::9`."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

MOST: Final = 10_000  # hosts in one range, and in one site: more is a slip of the pen

Address = IPv4Address | IPv6Address
_BROADCAST: Final = IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses in a row."""

    first: Address
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Address]:
        return (self.first + number for number in range(self.count))


def span(text: str) -> Span:
    """The addresses that an entry means. Raises ValueError whose text says what is wrong."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    start = _address(first)
    end = _address(last) if dash else start
    if start.version != end.version:
        raise ValueError(f"{text!r} begins in IPv{start.version} and ends in IPv{end.version}")
    count = int(end) - int(start) + 1
    if count < 1:
        raise ValueError(f"{text!r} ends before it begins")
    if count > MOST:
        raise ValueError(f"{text!r} means {count} hosts, more than {MOST}")
    return Span(start, count)


def expand(text: str) -> tuple[str, ...]:
    """The same as text, in order."""
    return tuple(map(str, span(text)))


def _address(text: str) -> Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not an IP address") from None
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        raise ValueError(f"{text} is no host's address")
    if isinstance(address, IPv6Address):
        if address.is_link_local or address.scope_id:
            raise ValueError(f"{text} is valid on one link only: use a global or a private (fd…) address")
        if address.ipv4_mapped:
            raise ValueError(f"{text} is an IPv4-mapped address: write {address.ipv4_mapped}")
    return address
