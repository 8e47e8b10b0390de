"""Counts, times and sizes as people say them. Pure."""

from typing import Final

_MIB: Final = 1 << 20
_DAY: Final = 86_400


def counted(count: int, one: str) -> str:
    """`1 step`, `23 steps`, `1,500 steps`, `no step`."""
    if count == 0:
        return f"no {one}"
    return f"{count:,} {one}{'s' if count != 1 else ''}"


def lasting(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 52 s`, `2 h 10 min`, `3 days 4 h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, (60, "min"), (1, "s"))
    if whole < _DAY * 2:
        return _two(whole, (3600, "h"), (60, "min"))
    return _two(whole, (_DAY, "days"), (3600, "h"))


def _two(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    """In two units; nothing of the small one is left out: `2 min`."""
    rest = whole % large[0] // small[0]
    return f"{whole // large[0]} {large[1]}" + (f" {rest} {small[1]}" if rest else "")


def roughly(seconds: float) -> str:
    """A forecast, no finer than it can be: `10 s`, `90 s`, `4 min`, `2 h 10 min`."""
    if seconds < 95:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def mebibytes(size: int) -> str:
    """MiB up to 9,999, then GiB."""
    mib = -(-size // _MIB)
    return f"{mib:,} MiB" if mib < 10_000 else f"{size / (1 << 30):,.1f} GiB"


def sized(size: int) -> str:
    """Bytes of anything, large or small: `812 B`, `12.3 KiB`, `12.3 MiB`, `611 MiB`, `10.4 GiB`."""
    if size < 1 << 10:
        return f"{size} B"
    if size < _MIB:
        return f"{size / (1 << 10):.1f} KiB"
    return f"{size / _MIB:.1f} MiB" if size < 100 * _MIB else mebibytes(size)
