"""Ranges of Kubernetes versions, in the syntax of Masterminds/semver that Sealer's KUBEVERSION takes. Pure.

What a part means that is left out is its rule, too: `1.20` is any 1.20.x, `<=1.20` and `>1.20` count all of
1.20, `>=1.20` and `<1.20` mean 1.20.0. A pre-release is in a range only if the range names one. What stands
behind `+` doesn't count.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

_VERSION = r"v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_COMPARATOR = rf"(?:(?:=|!=|>=|=>|<=|=<|>|<|~>|~|\^)\s*)?{_VERSION}"
_HYPHEN = rf"{_VERSION}\s+-\s+{_VERSION}"
_ALL_OF = rf"(?:{_HYPHEN}|{_COMPARATOR}(?:(?:\s*,\s*|\s+){_COMPARATOR})*)"
_RANGE = re.compile(rf"\s*{_ALL_OF}(?:\s*\|\|\s*{_ALL_OF})*\s*")
RANGE_HINT = "write >=1.20 <1.30, 1.22 - 1.24, ~1.20, ^1.2; alternatives with ||"
_MAX_LENGTH = 256  # a person's range is short; keeps the match's time small

_WHOLE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_PART = re.compile(
    r"(?P<operator>=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*"
    r"v?(?P<numbers>[0-9xX*]+(?:\.[0-9xX*]+){0,2})(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)

_Numbers = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Version:
    """numbers: major, minor, patch; pre: behind the `-`, "" where it is a release."""

    numbers: _Numbers
    pre: str = ""

    def less(self, other: "_Version") -> bool:
        if self.numbers != other.numbers:
            return self.numbers < other.numbers
        return _pre_less(self.pre, other.pre)


@dataclass(frozen=True, slots=True)
class _Bound:
    """The version of a comparator; given: how many of its numbers are written, 0 for `*`."""

    version: _Version
    given: int

    def after(self, kept: int) -> _Version:
        """The first version whose leading `kept` numbers are others than this one's."""
        numbers = list(self.version.numbers)
        numbers[kept - 1] += 1
        numbers[kept:] = [0] * (3 - kept)
        return _Version((numbers[0], numbers[1], numbers[2]))


def valid_range(text: str) -> bool:
    """Whether the text is a range: `>=1.20 <1.30`, `1.22 - 1.24`, `~1.20 || ^1.24`, `1.x`."""
    return len(text) <= _MAX_LENGTH and _RANGE.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether the text is a whole version: `v1.20.2`, `1.30.0-rc.1`."""
    return _WHOLE.fullmatch(text) is not None


def matches(text: str, version: str) -> bool:
    """Whether a version (`v1.20.2`) is in a range. Raises BundlerError (INPUT) for what is no such thing."""
    found = _WHOLE.fullmatch(version)
    if found is None or not valid_range(text):
        raise BundlerError(
            f"not a range of versions, or not a version: {text[:80]!r}, {version[:80]!r}",
            code=ExitCode.INPUT,
            fix=RANGE_HINT,
        )
    asked = _Version((int(found[1]), int(found[2]), int(found[3])), found[4] or "")
    return any(_all_of(alternative.strip(), asked) for alternative in text.split("||"))


def _all_of(text: str, asked: _Version) -> bool:
    spread = re.sub(rf"({_VERSION})\s+-\s+({_VERSION})", r">=\1 <=\2", text)
    return all(_one(part, asked) for part in _PART.finditer(spread))


def _one(part: re.Match[str], asked: _Version) -> bool:
    bound = _bound(part["numbers"], part["pre"] or "")
    if asked.pre and not bound.version.pre:
        return False
    return bound.given == 0 or _TESTS[part["operator"] or ""](asked, bound)


def _bound(text: str, pre: str) -> _Bound:
    numbers: list[int] = []
    for number in text.split("."):
        if not number.isdigit():
            break
        numbers.append(int(number))
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return _Bound(_Version((major, minor, patch), pre), len(numbers))


def _equal(asked: _Version, bound: _Bound) -> bool:
    if bound.given < 3:
        return not asked.less(bound.version) and asked.less(bound.after(bound.given))
    return asked == bound.version


def _above(asked: _Version, bound: _Bound) -> bool:
    if bound.given < 3:
        return not asked.less(bound.after(bound.given))
    return bound.version.less(asked)


def _up_to(asked: _Version, bound: _Bound) -> bool:
    if bound.given < 3:
        return asked.less(bound.after(bound.given))
    return not bound.version.less(asked)


def _tilde(asked: _Version, bound: _Bound) -> bool:
    return not asked.less(bound.version) and asked.less(bound.after(min(bound.given, 2)))


def _caret(asked: _Version, bound: _Bound) -> bool:
    """The first number that isn't 0 stays; of zeroes only, the last one that is written does."""
    filled = next((at for at, number in enumerate(bound.version.numbers, 1) if number), bound.given)
    return not asked.less(bound.version) and asked.less(bound.after(filled))


_TESTS: Final = MappingProxyType[str, Callable[[_Version, _Bound], bool]](
    {
        "": _equal,
        "=": _equal,
        "!=": lambda asked, bound: not _equal(asked, bound),
        ">": _above,
        ">=": lambda asked, bound: not asked.less(bound.version),
        "=>": lambda asked, bound: not asked.less(bound.version),
        "<": lambda asked, bound: asked.less(bound.version),
        "<=": _up_to,
        "=<": _up_to,
        "~": _tilde,
        "~>": _tilde,
        "^": _caret,
    }
)


def _pre_less(one: str, other: str) -> bool:
    """Semantic Versioning 2.0.0, clause 11: a pre-release is before its release, numbers before words."""
    if not one or not other:
        return bool(one) and not other
    for mine, theirs in zip_longest(one.split("."), other.split(".")):
        if mine == theirs:
            continue
        if mine is None or theirs is None:
            return mine is None
        if mine.isdigit() and theirs.isdigit():
            return int(mine) < int(theirs)
        return mine.isdigit() if mine.isdigit() != theirs.isdigit() else bool(mine < theirs)
    return False
