"""All checks, and what they ask of a host."""

from typing import Final

from bundler.installer.checks.areas import (
    access,
    between,
    clocks,
    cluster,
    disks,
    identity,
    kernel,
    leftovers,
    names,
    network,
    required,
    security,
    system,
)
from bundler.installer.checks.model import Area, Check

_MODULES: Final = (
    *(access, system, disks, clocks, network, between, names, security, kernel, leftovers, identity),
    cluster,
)
_ALL: Final[tuple[Check, ...]] = (
    *required.CHECKS,
    *(check for module in _MODULES for check in module.CHECKS),
)
CHECKS: Final = tuple(check for area in Area for check in _ALL if check.area is area)

UNITS: Final = (
    *clocks.SERVICES,
    *security.UNITS,
    *leftovers.UNITS,
    *("unattended-upgrades.service", "dnf-automatic.timer", "dnf-automatic-install.timer"),
    "bundler-registry.service",
)
