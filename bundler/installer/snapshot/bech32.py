"""Bech32 (BIP 173), as age writes recipients and identities: without its limit of 90 characters."""

from collections.abc import Iterable, Iterator
from typing import Final

_CHARACTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MOST: Final = 4096


def encode(prefix: str, data: bytes) -> str:
    """Lower case; `prefix` has to be so."""
    values = [*_regrouped(data, 8, 5, pad=True)]
    checksum = _polymod([*_expanded(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(checksum >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_CHARACTERS[value] for value in values)}"


def decode(text: str) -> tuple[str, bytes]:
    """Prefix, in lower case, and data. Raises ValueError for what is not whole."""
    if text.lower() != text and text.upper() != text:
        raise ValueError("upper and lower case are mixed")
    prefix, parted, rest = text.lower().rpartition("1")
    if not parted or not prefix or len(rest) < 6 or len(text) > _MOST:
        raise ValueError("it is cut short")
    values = [_CHARACTERS.find(each) for each in rest]
    if -1 in values or not prefix.isascii():
        raise ValueError("it has characters that don't belong there")
    if _polymod([*_expanded(prefix), *values]) != 1:
        raise ValueError("it is mistyped: its checksum is wrong")
    return prefix, bytes(_regrouped(values[:-6], 5, 8, pad=False))


def _expanded(prefix: str) -> list[int]:
    codes = prefix.encode()
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place, part in enumerate(_GENERATOR):
            if top >> place & 1:
                checksum ^= part
    return checksum


def _regrouped(values: Iterable[int], width: int, wanted: int, *, pad: bool) -> Iterator[int]:
    """Bits in groups of another width. Raises ValueError for padding that is none."""
    held = bits = 0
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= wanted:
            bits -= wanted
            yield held >> bits & (1 << wanted) - 1
        held &= (1 << bits) - 1
    if pad and bits:
        yield held << wanted - bits & (1 << wanted) - 1
    elif not pad and (bits >= width or held):
        raise ValueError("it is cut short")
