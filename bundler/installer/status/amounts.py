"""Moments as people read them: `2028-03-01`, `274 days`. Pure."""

from datetime import UTC, datetime
from typing import Final

_DAY: Final = 86_400


def day(moment: float) -> str:
    """`2028-03-01`, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def minute(moment: float) -> str:
    """`2027-05-31 14:31`, in this machine's time."""
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def days_left(moment: float, now: float) -> int:
    """Whole days until then; negative when it is over."""
    return int((moment - now) // _DAY)
