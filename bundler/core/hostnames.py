"""Names of hosts: RFC 1123, as Kubernetes takes them for nodes."""

import re
from typing import Final

LONGEST: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def fault(name: str) -> str:
    """What keeps this from being a host's name; "" when nothing does."""
    if len(name) > LONGEST:
        return f"{len(name)} characters, at most {LONGEST} are possible"
    if not all(map(_LABEL.fullmatch, name.split("."))):
        return "lower-case letters, digits and inner dashes, in parts of at most 63 (RFC 1123)"
    return ""
