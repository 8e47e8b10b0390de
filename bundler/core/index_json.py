"""Reading the index's JSON without trusting it: every key, type, range and cross reference is checked.

A .run may come from anywhere, so what stands in its index is an outsider's word until it has passed here.
Nothing is coerced: exactly the keys and types that `Index.to_json` writes are accepted.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

MAX_INDEX = 64 << 20  # bytes of JSON; about 300,000 members
MAX_ENTRIES = 500_000  # of any one list
MAX_TEXT = 1 << 20  # characters of any one string
MAX_VALUES = 3_000_000  # of any kind; a few bytes of JSON can become a hundred in memory
MAX_NUMBER = 1 << 62  # sizes and offsets; far above any disk, far below trouble with 64-bit signs

T = TypeVar("T")


def refuse(why: str) -> NoReturn:
    """Raise BundlerError (INTEGRITY): this is no index of ours."""
    raise BundlerError(
        "the bundle's index is not valid",
        why=why[:300],
        code=ExitCode.INTEGRITY,
        fix="get the file again from where it came from; do not use this copy",
    )


def parse(data: bytes) -> Any:  # any JSON value; `Fields` gives it types
    """JSON text to values; refuses duplicate keys, NaN and what is too large or too deep."""
    if len(data) > MAX_INDEX:
        refuse(f"it has {len(data)} bytes, more than {MAX_INDEX}")
    # Each value but the first stands behind one of these; counting them costs less than parsing.
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        refuse(f"it has more than {MAX_VALUES} values")
    try:
        return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        refuse(f"it is not JSON: {error}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("a key stands twice in an object")
    return found


def _no_constant(name: str) -> NoReturn:
    refuse(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose keys are known beforehand; `where` names it in messages."""

    where: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, where: str, value: object, keys: frozenset[str]) -> "Fields":
        """Take `value` for an object with exactly these keys."""
        if not isinstance(value, dict):
            refuse(f"{where} is not an object")
        if value.keys() != keys:
            missing, unknown = sorted(keys - value.keys()), sorted(value.keys() - keys)
            refuse(f"{where}: missing keys {missing[:5]}, unknown keys {unknown[:5]}")
        return cls(where, value)

    def text(self, key: str) -> str:
        """A string."""
        return _text(f"{self.where}.{key}", self.values[key])

    def number(self, key: str, *, least: int = 0, most: int = MAX_NUMBER) -> int:
        """A whole number from `least` to `most`."""
        value = self.values[key]
        if type(value) is not int or not least <= value <= most:
            refuse(f"{self.where}.{key} is not a whole number from {least} to {most}")
        return value

    def truth(self, key: str) -> bool:
        """True or false."""
        value = self.values[key]
        if type(value) is not bool:
            refuse(f"{self.where}.{key} is neither true nor false")
        return value

    def digest(self, key: str) -> Digest:
        """`sha256:<hex>`."""
        return read_digest(f"{self.where}.{key}", self.values[key])

    def texts(self, key: str) -> Mapping[str, str]:
        """An object of strings."""
        where, value = f"{self.where}.{key}", self.values[key]
        if not isinstance(value, dict) or len(value) > MAX_ENTRIES:
            refuse(f"{where} is not an object of strings")
        return {_text(where, name): _text(f"{where}[{name[:80]!r}]", entry) for name, entry in value.items()}

    def objects(self, key: str, read: Callable[[str, object], T]) -> Mapping[str, T]:
        """An object whose values are read by `read(where, value)`."""
        where, value = f"{self.where}.{key}", self.values[key]
        if not isinstance(value, dict) or len(value) > MAX_ENTRIES:
            refuse(f"{where} is not an object of at most {MAX_ENTRIES} entries")
        return {_text(where, name): read(f"{where}[{name[:80]!r}]", entry) for name, entry in value.items()}

    def many(self, key: str, read: Callable[[str, object], T]) -> tuple[T, ...]:
        """A list, each entry read by `read(where, entry)`."""
        return read_many(f"{self.where}.{key}", self.values[key], read)


def read_many(where: str, value: object, read: Callable[[str, object], T]) -> tuple[T, ...]:
    """A JSON list, each entry read by `read(where, entry)`."""
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        refuse(f"{where} is not a list of at most {MAX_ENTRIES} entries")
    return tuple(read(f"{where}[{number}]", entry) for number, entry in enumerate(value))


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        refuse(f"{where} is not a string of at most {MAX_TEXT} characters")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        refuse(f"{where} is not Unicode text")
    return value


def read_text(where: str, value: object) -> str:
    """A string, as an entry of a list."""
    return _text(where, value)


def read_digest(where: str, value: object) -> Digest:
    """`sha256:<hex>`, as an entry of a list."""
    try:
        return Digest.parse(_text(where, value))
    except BundlerError:
        refuse(f"{where} is not a sha256 digest")
