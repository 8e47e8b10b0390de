"""Berkeley DB's hash files (versions 8 to 10): their values. rpm kept its packages so until RHEL 8.

A file is pages of one size, in the byte order of the machine that wrote it. The first tells the size and how
many there are. A hash page has an index of places, and there in turns a key and a value: the bytes
themselves, or where a chain of overflow pages with them begins. Keys don't matter here, so the hash doesn't
either: all pages are looked at in order. See db_page.h and hash.h of Berkeley DB 5.3.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Final, Self

from bundler.builder.lib.decompress import BrokenError

_MAGIC: Final = 0x00061561
_VERSIONS: Final = range(8, 11)
_HASH_META, _HASH_UNSORTED, _HASH, _OVERFLOW = 8, 2, 13, 7
_HEAD: Final = 26  # bytes before a page's index, or before the content of an overflow page
_PAGE_SIZES: Final = frozenset(1 << power for power in range(9, 17))
_MOST_PAGES: Final = 1 << 20


class _Item(IntEnum):
    """How a page has a value: the bytes themselves, or the first of the pages that have them."""

    INLINE = 1
    OFF_PAGE = 3


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's head. free: where its content begins; of an overflow page, how many bytes it has."""

    kind: int
    next: int
    entries: int
    free: int
    data: bytes


def values(file: BinaryIO, *, most: int) -> Iterator[bytes]:
    """The values of all pairs, in no order that means anything; `most`: bytes that one may have.

    Raises BrokenError. Reads no page twice but for damage, so it takes no longer than the file is long.
    """
    reader = _Reader.of(file, most)
    for number in range(1, reader.pages + 1):
        page = reader.page(number)
        if page.kind in {_HASH, _HASH_UNSORTED}:
            yield from reader.values_of(page)


class _Reader:
    """A file whose first page was read. order: `<` or `>`. pages: the number of the last one."""

    def __init__(self, file: BinaryIO, order: str, size: int, pages: int, most: int) -> None:
        self._file = file
        self._order = order
        self._size = size
        self._most = most
        self.pages = pages
        self._chained = 0

    @classmethod
    def of(cls, file: BinaryIO, most: int) -> Self:
        head = file.read(512)
        for order in "<>":
            if len(head) == 512 and struct.unpack_from(f"{order}I", head, 12)[0] == _MAGIC:
                version, size = struct.unpack_from(f"{order}II", head, 16)
                (last,) = struct.unpack_from(f"{order}I", head, 32)
                encrypted, kind = head[24], head[25]
                if version not in _VERSIONS or kind != _HASH_META or encrypted or size not in _PAGE_SIZES:
                    raise BrokenError("it is a Berkeley DB file of a form that is not read")
                if last > _MOST_PAGES:
                    raise BrokenError(f"it has more than {_MOST_PAGES} pages")
                return cls(file, order, size, last, most)
        raise BrokenError("it is no hash file of Berkeley DB")

    def page(self, number: int) -> _Page:
        self._file.seek(number * self._size)
        data = self._file.read(self._size)
        if len(data) != self._size:
            raise BrokenError("it ends in the middle")
        following, entries, free = struct.unpack_from(f"{self._order}IHH", data, 16)
        return _Page(data[25], following, entries, free, data)

    def values_of(self, page: _Page) -> Iterator[bytes]:
        if _HEAD + 2 * page.entries > self._size:
            raise BrokenError("the index of a page is damaged")
        places = struct.unpack_from(f"{self._order}{page.entries}H", page.data, _HEAD)
        for at in range(1, len(places), 2):  # the even ones are keys
            # An item ends where the one before it begins: they fill the page from its end.
            yield from self._value(page.data, places[at], places[at - 1])

    def _value(self, data: bytes, start: int, end: int) -> Iterator[bytes]:
        if not _HEAD <= start < end <= self._size:
            raise BrokenError("the index of a page is damaged")
        match data[start]:
            case _Item.INLINE:
                yield data[start + 1 : end]
            case _Item.OFF_PAGE:
                if end - start < 12:
                    raise BrokenError("a value's place is damaged")
                first, length = struct.unpack_from(f"{self._order}II", data, start + 4)
                yield self._chain(first, length)
            case _:
                raise BrokenError("it has values of a kind that is not read")

    def _chain(self, number: int, length: int) -> bytes:
        """A value that has pages of its own."""
        if length > self._most:
            raise BrokenError(f"a value in it has {length} bytes, more than {self._most}")
        parts = bytearray()
        while number:
            self._chained += 1
            if number > self.pages or self._chained > self.pages:
                raise BrokenError("a value's pages lead nowhere, or in a circle")
            page = self.page(number)
            if page.kind != _OVERFLOW or _HEAD + page.free > self._size:
                raise BrokenError("a value's page is damaged")
            parts += page.data[_HEAD : _HEAD + page.free]
            number = page.next
        if len(parts) != length:
            raise BrokenError("a value has not as many bytes as it should")
        return bytes(parts)
