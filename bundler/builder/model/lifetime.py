"""How long each Kubernetes is maintained by its makers, and what is said of one that no longer is. Pure."""

import re
from datetime import date
from types import MappingProxyType
from typing import Final

OLDEST: Final = 26  # the first minor version that speaks CRI v1 alone: older ones are refused on site
# As the Kubernetes project publishes them (kubernetes.io/releases), by minor version.
END_OF_LIFE: Final = MappingProxyType(
    {
        26: date(2024, 2, 28),
        27: date(2024, 7, 16),
        28: date(2024, 10, 22),
        29: date(2025, 2, 28),
        30: date(2025, 7, 15),
        31: date(2025, 11, 11),
        32: date(2026, 2, 28),
        33: date(2026, 6, 28),
        34: date(2026, 10, 27),
        35: date(2027, 2, 28),
        36: date(2027, 6, 28),
        37: date(2027, 10, 28),
    }
)


def outlived(kubernetes: str | None, on: date) -> str:
    """What to warn of where a bundle installs a Kubernetes that gets no more fixes; else empty.

    kubernetes: such as `v1.37.2`, None where the bundle installs none.
    """
    found = re.match(r"v?1\.(\d+)\.", kubernetes or "")
    if found is None:
        return ""
    minor = int(found[1])
    if minor < OLDEST:
        return (
            f"Kubernetes {kubernetes} is refused on site: 1.{OLDEST} is the oldest version that is installed"
        )
    end = END_OF_LIFE.get(minor)
    if end is None or on <= end:
        return ""
    return f"Kubernetes {kubernetes} gets no more fixes since {end}: take a newer minor version"
