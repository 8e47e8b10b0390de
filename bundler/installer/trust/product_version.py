"""The order of product versions as vendors write them: 1.10 is newer than 1.9, 2.0-rc.1 older than 2.0."""

import re
from itertools import zip_longest
from typing import Final

_PIECE: Final = re.compile(r"\d+|[^\d.~-]+")
_Piece = tuple[int, int, str]  # whether it is a number, the number, the word: words come before numbers
_ZERO: Final[_Piece] = (1, 0, "")


def is_older(one: str, other: str) -> bool:
    """Whether version `one` comes before version `other`.

    Numbers count as numbers, a missing one as 0; a word is older than a number. What stands behind the first
    `-` or `~` makes a pre-release, older than the release itself; what stands behind `+` doesn't count, nor
    does a `v` in front.
    """
    (main, pre), (other_main, other_pre) = _parts(one), _parts(other)
    for piece, its in zip_longest(_pieces(main), _pieces(other_main), fillvalue=_ZERO):
        if piece != its:
            return piece < its
    if bool(pre) != bool(other_pre):
        return bool(pre)
    return _pieces(pre) < _pieces(other_pre)


def _parts(text: str) -> tuple[str, str]:
    """The release and the pre-release."""
    main, *pre = re.split("[~-]", text.partition("+")[0].removeprefix("v"), maxsplit=1)
    return main, "".join(pre)


def _pieces(text: str) -> list[_Piece]:
    return [(1, int(each), "") if each.isdigit() else (0, 0, each) for each in _PIECE.findall(text)]
