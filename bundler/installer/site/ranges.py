"""Hosts as a person lists them: `10.0.0.21-32, 10.0.0.35 (13)`. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import groupby

_SHOWN = 12  # ranges; more end in "and 9 more"


def folded(addresses: Iterable[str]) -> str:
    """Addresses in numeric order, runs with one dash, the count behind several.

    Names that are no addresses stand behind them, sorted. Only the tail of a very long list is left out.
    """
    unique = tuple(dict.fromkeys(addresses))
    pieces = list(_pieces(unique))
    rest = f" and {len(pieces) - _SHOWN} more" if len(pieces) > _SHOWN else ""
    count = f" ({len(unique)})" if len(unique) > 1 else ""
    return ", ".join(pieces[:_SHOWN]) + rest + count


def hosts(count: int) -> str:
    """`no host`, `1 host`, `2 hosts`."""
    return "1 host" if count == 1 else f"{count or 'no'} {'hosts' if count else 'host'}"


def in_order(addresses: Iterable[str]) -> list[str]:
    """Addresses in numeric order, IPv4 before IPv6, then names."""
    return sorted(addresses, key=_key)


def _key(text: str) -> tuple[int, int, str]:
    try:
        address = ip_address(text)
    except ValueError:
        return (9, 0, text)
    return (address.version, int(address), text)


def _pieces(addresses: Iterable[str]) -> Iterator[str]:
    """Runs of neighbours in the last byte, of IPv6 in the last group, as one piece each."""

    def run(numbered: tuple[int, str]) -> tuple[int, int, int]:
        place, text = numbered
        version, value, _ = _key(text)
        shared = {4: value >> 8, 6: value >> 16}
        return (version, shared[version], value - place) if version in shared else (version, place, 0)

    for _, group in groupby(enumerate(in_order(addresses)), key=run):
        texts = [text for _, text in group]
        last = texts[-1] if ":" in texts[-1] else texts[-1].rpartition(".")[2]
        yield texts[0] if len(texts) == 1 else f"{texts[0]}-{last}"
