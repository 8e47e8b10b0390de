"""Words that the tables of checks share."""

from collections.abc import Callable
from typing import Final

from bundler.installer.checks.model import Severity
from bundler.installer.plan.limits import HostLimits, shown

ERROR: Final = Severity.ERROR
WARNING: Final = Severity.WARNING
NOTE: Final = Severity.NOTE

MIB: Final = 1 << 20


def most(name: str) -> Callable[[HostLimits], str]:
    """`at most 10 ms`."""
    return lambda limits: f"at most {shown(limits, name)}"


def least(name: str) -> Callable[[HostLimits], str]:
    """`at least 20,480 MiB`."""
    return lambda limits: f"at least {shown(limits, name)}"


def always(text: str) -> Callable[[HostLimits], str]:
    """An unset limit."""
    return lambda _: text


def mib(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / MIB:,.0f} MiB" if size < 10_000 * MIB else f"{size / (1 << 30):,.1f} GiB"


def above(value: float, limit: float, text: str) -> str:
    """The text where the value is too high."""
    return text if value > limit else ""


def below(value: float, limit: float, text: str) -> str:
    """The text where the value is too low."""
    return text if value < limit else ""
