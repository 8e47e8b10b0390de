"""Ranges of Kubernetes versions, in the syntax of Masterminds/semver that Sealer's KUBEVERSION takes."""

import re

_VERSION = r"v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_COMPARATOR = rf"(?:(?:=|!=|>=|=>|<=|=<|>|<|~>|~|\^)\s*)?{_VERSION}"
_HYPHEN = rf"{_VERSION}\s+-\s+{_VERSION}"
_ALL_OF = rf"(?:{_HYPHEN}|{_COMPARATOR}(?:(?:\s*,\s*|\s+){_COMPARATOR})*)"
_RANGE = re.compile(rf"\s*{_ALL_OF}(?:\s*\|\|\s*{_ALL_OF})*\s*")
RANGE_HINT = "write >=1.20 <1.30, 1.22 - 1.24, ~1.20, ^1.2; alternatives with ||"
_MAX_LENGTH = 256  # a person's range is short; keeps the match's time small


def valid_range(text: str) -> bool:
    """Whether the text is a range: `>=1.20 <1.30`, `1.22 - 1.24`, `~1.20 || ^1.24`, `1.x`."""
    return len(text) <= _MAX_LENGTH and _RANGE.fullmatch(text) is not None
