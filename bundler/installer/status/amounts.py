"""Amounts as people read them: `2 h 10 min`, `61 MiB`, `274 days`. Pure."""

from datetime import UTC, datetime
from typing import Final

_MIB: Final = 1 << 20
_DAY: Final = 86_400


def lasting(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 52 s`, `2 h 10 min`, `3 days 4 h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < _DAY * 2:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // _DAY} days {whole % _DAY // 3600} h"


def mebibytes(size: int) -> str:
    """MiB up to 9,999, then GiB."""
    mib = -(-size // _MIB)
    return f"{mib:,} MiB" if mib < 10_000 else f"{size / (1 << 30):,.1f} GiB"


def day(moment: float) -> str:
    """`2028-03-01`, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def minute(moment: float) -> str:
    """`2027-05-31 14:31`, in this machine's time."""
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def days_left(moment: float, now: float) -> int:
    """Whole days until then; negative when it is over."""
    return int((moment - now) // _DAY)
